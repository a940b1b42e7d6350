"""The dialogue with a mail server (RFC 5321), bounded in time reply by reply and as a whole."""

import io
import smtplib
import time
from typing import Any

from adapters.incoming import Incoming

LEAVE_SECONDS = 2.0


class Dialogue(smtplib.SMTP):
    """As smtplib's, but each reply may take `timeout` seconds altogether, and everything `longest`.

    Raises SMTPServerDisconnected when either is over.
    """

    def __init__(self, host: str, port: int, *, timeout: float, longest: float, **more: Any) -> None:
        self._ends = time.monotonic() + longest
        self._reply_ends = self._ends
        super().__init__(host, port, timeout=timeout, **more)

    def send(self, s: Any) -> None:
        """Send text or bytes; raises SMTPServerDisconnected, too late or without a connection."""
        if self.sock:
            left = self._begin()
            if left <= 0:
                self.close()
                raise smtplib.SMTPServerDisconnected("no time left")
            self.sock.settimeout(left)
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        """The server's reply: its code and text."""
        self._begin()
        if self.file is None and self.sock:
            self.file = io.BufferedReader(Incoming(self.sock, self._left))
        return super().getreply()

    def leave(self) -> None:
        """Take leave (QUIT). What was accepted stays accepted, whatever the server says to it, and when."""
        self.timeout = min(self.timeout, LEAVE_SECONDS)
        try:
            self.docmd("QUIT")
        except (smtplib.SMTPException, OSError):
            pass
        finally:
            self.close()

    def _begin(self) -> float:
        self._reply_ends = min(self._ends, time.monotonic() + self.timeout)
        return self._left()

    def _left(self) -> float:
        return self._reply_ends - time.monotonic()


class DialogueOverTls(Dialogue, smtplib.SMTP_SSL):
    """The same over TLS from its beginning; takes the TLS `context` as well."""
