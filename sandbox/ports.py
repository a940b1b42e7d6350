"""The loopback ports of the sandbox: side by side from a base, or wherever there is a free one."""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass

DEFAULT_BASE = 7070
# Offset from the base; the gap leaves room for further pages.
OFFSETS = {
    "host": 1,
    "microsoft": 2,
    "microsoft_https": 3,
    "mailbox": 4,
    "smtp": 5,
    "portal": 6,
    "portal_https": 7,
    "control": 8,
    "blob": 10,
    "queue": 11,
    "table": 12,
    # before the two above, if storage is to fail
    "queue_proxy": 13,
    "table_proxy": 14,
}
STORAGE = ("blob", "queue", "table")


class PortInUseError(Exception):
    """Another program listens on a port; `name` is the part that wanted it."""

    def __init__(self, name: str, port: int) -> None:
        super().__init__(f"port {port} ({name}) is already in use")
        self.name = name
        self.port = port


@dataclass(frozen=True, slots=True)
class Ports:
    """Bound sockets by part, and the storage ports (0 = Azurite takes a free one)."""

    sockets: dict[str, socket.socket]
    storage: dict[str, int]

    def number(self, name: str) -> int:
        """The port of a part."""
        return int(self.sockets[name].getsockname()[1])

    def address(self, name: str, scheme: str = "http") -> str:
        """The origin of a part, without a slash at the end.

        Microsoft's pages are on another site than the product, as in earnest: browsers then hold its cookies
        to SameSite (RFC 6265bis §5.2), which knows no ports.
        """
        host = "127.0.0.1" if name == "microsoft" else "localhost"
        return f"{scheme}://{host}:{self.number(name)}"

    def close(self) -> None:
        """Give all ports back."""
        for bound in self.sockets.values():
            bound.close()


def take_ports(base: int) -> Ports:
    """Bind every part's port; base 0 means free ports everywhere.

    The host's port is held without listening, so that nobody gets it before the host does. On Linux the host
    can bind it nevertheless; elsewhere the caller gives it back first.

    Raises:
        PortInUseError: a port of the range is taken.
    """
    sockets: dict[str, socket.socket] = {}
    try:
        for name, offset in OFFSETS.items():
            sockets[name] = _bound(name, base + offset if base else 0)
    except PortInUseError:
        for bound in sockets.values():
            bound.close()
        raise
    storage = {name: base + OFFSETS[name] if base else 0 for name in STORAGE}
    for name in STORAGE:
        sockets.pop(name).close()
    return Ports(sockets, storage)


def _bound(name: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if sys.platform == "win32":
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(("127.0.0.1", port))
    except OSError as error:
        bound.close()
        raise PortInUseError(name, port) from error
    return bound
