"""python3 dev.py package: write the zip that is deployed, and say what is in it."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from deployment.bytecode import RUNNING, check_compiler
from deployment.errors import PackageError
from deployment.fetching import fetched
from deployment.lock import locked
from deployment.package import ROOT, Built, build

PYTHONS = ("3.11", "3.12", "3.13")
# Every worker unpacks it before its first page (a cold start is what most visitors meet).
LARGEST = 12_000_000
FETCHED = ROOT / ".package"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 1 when it cannot be built, or is larger than it may be; what stood there stays then."""
    options = _options(arguments)
    draft = options.output.with_name(f"{options.output.name}.new")
    try:
        built = _build(options, draft)
    except PackageError as error:
        print(error, file=sys.stderr)
        return 1
    print(table(replace(built, path=options.output)))
    if options.pruned and built.bytes > LARGEST:
        draft.unlink()
        print(
            f"More than {LARGEST:,} bytes: not written. docs/adr/0010 says what may be left out.",
            file=sys.stderr,
        )
        return 1
    draft.replace(options.output)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 dev.py package", description=__doc__)
    parser.add_argument(
        "--output", type=Path, default=ROOT / "dist" / "association.zip", help="the zip to write"
    )
    parser.add_argument(
        "--python", choices=PYTHONS, default=RUNNING, help="the function app's Python version"
    )
    parser.add_argument("--unpruned", dest="pruned", action="store_false", help="with everything, to compare")
    parser.add_argument(
        "--no-bytecode", dest="bytecode", action="store_false", help="sources only: slow cold starts"
    )
    return parser.parse_args(arguments)


def _build(options: argparse.Namespace, output: Path) -> Built:
    if options.bytecode:
        check_compiler(options.python)
    print(f"Libraries for Python {options.python} on Linux ...", file=sys.stderr, flush=True)
    site = libraries(options.python)
    return build(output, pruned=options.pruned, bytecode=options.bytecode, site=site, python=options.python)


def libraries(python: str = RUNNING) -> Path:
    """Where the libraries are that are shipped for `python`; the first call fetches them.

    Raises:
        PackageError: pip could not get them.
    """
    return fetched(locked(ROOT / "requirements.txt", python), python, FETCHED)


def table(built: Built) -> str:
    """What was built, for people to read."""
    lines = [f"{'':<18}{'files':>7}{'MB':>8}{'MB zipped':>11}"]
    lines += [
        f"{part.name:<18}{part.files:>7}{part.bytes / 1e6:>8.2f}{part.zipped / 1e6:>11.2f}"
        for part in built.parts
    ]
    lines += [f"{built.path}: {built.bytes:,} bytes in {built.files} files", f"SHA-256 {built.sha256}"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
