"""python3 dev.py bench [cold_start|journey|support|package ...] [--quick] [--json]; docs/performance.md."""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from bench import cold_start, journey, package, support
from bench.figures import as_markdown
from bench.processes import compiled_in
from deployment.__main__ import libraries

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Tables = dict[str, Sequence["DataclassInstance"]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print Markdown, or a line of JSON a bench. The exit code: 1 when a journey went astray."""
    options, astray = _options(arguments), 0
    wanted = options.bench or list(BENCHES)
    if not options.json:
        print(
            f"{os.cpu_count()} cores, Python {platform.python_version()}, {time.strftime('%Y-%m-%d %H:%M')}"
        )
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        with compiled_in(folder / "pyc"):
            for bench in wanted:
                place = folder / bench
                place.mkdir()
                started = time.monotonic()
                tables = BENCHES[bench](place, options.quick)
                _tell(bench, tables, time.monotonic() - started, as_json=options.json)
                astray += sum(getattr(row, "astray", 0) for rows in tables.values() for row in rows)
    if astray:
        print(f"{astray} journeys went astray: nothing that they are in holds", file=sys.stderr)
    return 1 if astray else 0


def _cold_start(folder: Path, quick: bool) -> Tables:
    app, runs = package.shipped(folder / "package", libraries()), 3 if quick else 15
    for name in ("pages", "licences"):
        (folder / name).mkdir()
    return {
        "first answers": cold_start.measure_pages(folder / "pages", app, runs),
        "first licences": cold_start.measure_licences(folder / "licences", app, runs),
    }


def _journey(folder: Path, quick: bool) -> Tables:
    runs = {1: 3, 8: 8, 32: 16} if quick else {1: 20, 8: 80, 32: 160}
    rows, pages = journey.measure(folder, runs)
    return {"journeys": rows, "pages with one client": pages}


def _support(folder: Path, quick: bool) -> Tables:
    sizes, asked = ((1_000, 10_000), 30) if quick else ((1_000, 10_000, 100_000), 200)
    rows, filled = support.measure(folder, sizes, asked)
    return {"look-ups": rows, "filling": filled}


def _package(folder: Path, quick: bool) -> Tables:
    return {"packages": package.measure(folder, 3 if quick else 9, libraries())}


BENCHES: Mapping[str, Callable[[Path, bool], Tables]] = {
    "cold_start": _cold_start,
    "journey": _journey,
    "support": _support,
    "package": _package,
}


def _tell(bench: str, tables: Tables, seconds: float, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({bench: {name: [asdict(row) for row in rows] for name, rows in tables.items()}}))
    else:
        print(f"\n## {bench}", *(as_markdown(rows) for rows in tables.values()), sep="\n\n")
        print(f"\n{bench}: {seconds:.0f} s", file=sys.stderr)
    sys.stdout.flush()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 dev.py bench", description=__doc__)
    parser.add_argument("bench", nargs="*", choices=[*BENCHES, []], help="all of them, if none is named")
    parser.add_argument("--quick", action="store_true", help="fewer runs and smaller tables")
    parser.add_argument("--json", action="store_true", help="one JSON object a line and bench")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
