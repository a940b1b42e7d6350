"""What arrives on a socket, within a time that is for all of it.

A socket's own timeout, and with it that of requests and smtplib, begins anew with every byte: a server that
sends one now and then would hold a thread for ever.
"""

import io
import socket
from collections.abc import Callable
from typing import Any


class Incoming(io.RawIOBase):
    """Reads from `connection` while `left()` seconds are left; then TimeoutError."""

    def __init__(self, connection: socket.socket, left: Callable[[], float]) -> None:
        self._connection = connection
        self._left = left
        # keeps the socket open for as long as it is read from, as socket.makefile does
        self._raw = connection.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._left()
        if left <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
