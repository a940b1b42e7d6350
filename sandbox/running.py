"""Start the parts and the host as child processes and stop them again; for the demo and for tests.

Both end by themselves when the process that started them dies, because their standard input closes then.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue

from sandbox.storage import ROOT

START_SECONDS = 30.0
STOP_SECONDS = 15.0


class StartError(Exception):
    """A child process ended or stayed silent instead of starting; the message ends with what it printed."""


@contextmanager
def running_parts(
    folder: Path,
    *,
    port_base: int = 0,
    credential: str = "certificate",
    storage_faults: bool = False,
    indexed_storage: bool = False,
) -> Iterator[dict[str, str]]:
    """All parts but the host; what `--json` prints. Settings, certificates and parts.log go to `folder`.

    With `storage_faults` the settings lead to storage through proxies that can fail; `storage` never does.
    With `indexed_storage` it finds its rows by index, which pays where there are many.

    Raises:
        StartError: they did not start.
    """
    command = ["sandbox", "parts", "--json", "--settings", str(folder / "local.settings.json")]
    command += ["--port-base", str(port_base), "--credential", credential]
    command += ["--storage-faults"] if storage_faults else []
    command += ["--indexed-storage"] if indexed_storage else []
    with _child(command, folder / "parts.log") as line:
        yield json.loads(line)


@contextmanager
def running_host(
    settings: Path, *, app: Path = ROOT, port: int | None = None, log: Path | None = None
) -> Iterator[str]:
    """The host with the app of folder `app`; its origin. Its log: `log`, or host.log beside the settings.

    Raises:
        StartError: it did not start.
    """
    command = ["sandbox.host", "--settings", str(settings), "--app", str(app)]
    command += [] if port is None else ["--port", str(port)]
    with _child(command, log or settings.with_name("host.log")) as line:
        yield line.split()[-1]


@contextmanager
def _child(command: list[str], log: Path) -> Iterator[str]:
    """Run a module of ours; yields the first line that it prints."""
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", *command, "--until-stdin-closes"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
    try:
        yield _first_line(process, log)
    finally:
        _stop(process)


def _first_line(process: subprocess.Popen[str], log: Path) -> str:
    lines: SimpleQueue[str] = SimpleQueue()
    stdout = process.stdout
    if stdout is not None:
        threading.Thread(target=lambda: lines.put(stdout.readline()), daemon=True).start()
    try:
        line = lines.get(timeout=START_SECONDS)
    except Empty:
        line = ""
    if not line:
        raise StartError(f"{process.args!r} did not start: {log.read_text(encoding='utf-8')[-2000:]}")
    return line


def _stop(process: subprocess.Popen[str]) -> None:
    if process.stdin:
        process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()
