"""Time that several processes share and that can be moved: the real clock plus what stands in a file."""

import mmap
import struct
import time
from datetime import UTC, datetime
from pathlib import Path

_NUMBER = struct.Struct("<d")


class Clock:
    """The clock of the file `kept`, which is made at first use. Moving it moves it for everybody at once."""

    def __init__(self, kept: Path) -> None:
        if not kept.exists():
            kept.write_bytes(_NUMBER.pack(0.0))
        with kept.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _NUMBER.size)

    @property
    def ahead(self) -> float:
        """By how many seconds it is ahead of the real one."""
        return float(_NUMBER.unpack(self._shared[:])[0])

    def seconds(self) -> float:
        """Unix seconds."""
        return time.time() + self.ahead

    def now(self) -> datetime:
        """An aware UTC time."""
        return datetime.fromtimestamp(self.seconds(), UTC)

    def advance(self, seconds: float) -> None:
        """Move it ahead. Only one process may."""
        self._shared[:] = _NUMBER.pack(self.ahead + seconds)
