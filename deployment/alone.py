"""One process at a time, on every platform; a process that dies lets the next one in."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RETRY_SECONDS = 0.2


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Wait until nobody else is in such a block with the same file, which is made if it is not there."""
    with lock.open("ab") as file:
        _wait(file.fileno())
        yield


def _wait(file: int) -> None:
    """The system gives the lock up when the file is closed."""
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - not elsewhere

        while True:
            try:
                msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
            except OSError:
                time.sleep(RETRY_SECONDS)
            else:
                return
    else:
        import fcntl  # noqa: PLC0415 - not on Windows

        fcntl.flock(file, fcntl.LOCK_EX)
