"""python -m tests.checks: what `dev.py test` runs, one stage after the other, whichever fails.

With `--fast`, unit and contract tests only.
"""

import argparse
import signal
import sys
import time
from collections.abc import Sequence

from dev import run, tell


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code of the first stage that failed (130 after Ctrl-C)."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    parser = argparse.ArgumentParser(prog="dev.py test")
    parser.add_argument("--fast", action="store_true")
    try:
        return run_checks(parser.parse_args(arguments).fast)
    except KeyboardInterrupt:
        tell("\nStopped.")
        return 130


def checks(fast: bool) -> list[tuple[str, list[str]]]:
    """Title and module call of every stage."""
    # long tests stand side by side in their files: whoever is done takes over some of the other's; three at
    # once on two cores, since many of them wait
    pytest = ["pytest", "-q", "-n", "3", "--dist", "worksteal"]
    return [
        ("format", ["ruff", "format", "--check", "--quiet", "."]),
        ("lint", ["ruff", "check", "--quiet", "."]),
        ("types", ["mypy"]),
        ("tests", [*pytest, *(["tests/unit", "tests/contract"] if fast else [])]),
    ]


def run_checks(fast: bool) -> int:
    """Run every stage; the exit code of the first that failed."""
    failed = 0
    for title, module in checks(fast):
        started = time.monotonic()
        tell(f"== {title}")
        code = run([sys.executable, "-m", *module])
        outcome = "FAILED" if code else "ok"
        tell(f"== {title}: {outcome} after {time.monotonic() - started:.1f} s\n")
        failed = failed or code
    return failed


if __name__ == "__main__":
    sys.exit(main())
