"""Fresh processes, from their start to what is measured of them."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from sandbox.storage import ROOT

PATIENCE_SECONDS = 60.0
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@contextmanager
def environment(**values: str | None) -> Iterator[None]:
    """Processes started in the block have these variables; None takes one away."""
    kept = {name: os.environ.pop(name, None) for name in values}
    os.environ.update({name: value for name, value in values.items() if value is not None})
    try:
        yield
    finally:
        for name in values:
            os.environ.pop(name, None)
        os.environ.update({name: value for name, value in kept.items() if value is not None})


@contextmanager
def compiled_in(folder: Path) -> Iterator[None]:
    """Every Python process started in the block reads and writes its `.pyc` files in `folder`."""
    with environment(PYTHONPYCACHEPREFIX=str(folder), PYTHONDONTWRITEBYTECODE=None):
        yield


@dataclass(frozen=True, slots=True)
class First:
    """The first answer of a process: milliseconds from its start to the answer's first byte, and the
    processor time (milliseconds) that it had used until it was ended right after.
    """

    milliseconds: float
    cpu_milliseconds: float
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def first_answer(app: Path, settings: Path, path: str, cookie: str, log: Path) -> First:
    """Start a host with the app of that folder, ask it for one page, and end it."""
    command = ["-m", "sandbox.host", "--settings", str(settings), "--app", str(app), "--port", "0"]
    with log.open("ab") as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    try:
        origin = urlsplit(str(process.stdout and process.stdout.readline()).split()[-1])
        connection = HTTPConnection(str(origin.hostname), origin.port, timeout=PATIENCE_SECONDS)
        connection.request("GET", path, headers={"Cookie": cookie} if cookie else {})
        answer = connection.getresponse()
        spent = (time.perf_counter() - started) * 1000
        head, body = tuple(answer.getheaders()), answer.read()
        connection.close()
    finally:
        used = _end(process)
    return First(spent, used, answer.status, head, body)


def _end(process: subprocess.Popen[str]) -> float:
    """End the process; the processor time it had used, in milliseconds."""
    process.kill()
    if process.stdout:
        process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return (usage.ru_utime + usage.ru_stime) * 1000


def output_of(
    command: Sequence[str], environment: Mapping[str, str] | None = None, folder: Path = ROOT
) -> str:
    """What a process of this Python prints, started in that folder. Raises CalledProcessError."""
    finished = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=PATIENCE_SECONDS,
    )
    return finished.stdout


def cpu_seconds(process_id: int) -> float:
    """Processor time of a process so far, user and system (`man 5 proc`: utime and stime)."""
    fields = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def children_of(process_id: int) -> dict[int, str]:
    """The processes started by that one that still run, with their command lines."""
    found: dict[int, str] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            parent = int((folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
            if parent == process_id:
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                found[int(folder.name)] = line.decode(errors="replace")
        except OSError:  # gone meanwhile
            continue
    return found
