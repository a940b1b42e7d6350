"""The zip that is deployed against one without pruning, one without bytecode and one without either: its
size, and what importing from it costs.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

from adapters.microsoft.ahead import GRAPH, SIGN_IN
from bench.figures import median
from bench.processes import output_of
from deployment.package import SITE, build

# What a worker has imported when somebody has come to the end of the journey.
JOURNEY = (
    "function_app",
    "azure.data.tables.aio",
    "azure.storage.queue.aio",
    "jinja2",
    *SIGN_IN,
    *GRAPH,
)


@dataclass(frozen=True, slots=True)
class Package:
    """A zip, and milliseconds of imports by a fresh process from what it holds."""

    package: str
    zip_mb: float
    unpacked_mb: float
    files: int
    built_s: float
    unpacked_s: float
    import_app_ms: float
    import_journey_ms: float


def measure(folder: Path, runs: int, site: Path) -> list[Package]:
    """The four ways to build it; `site` is where the libraries are."""
    ways = {
        "as it ships": (True, True),
        "without bytecode": (True, False),
        "not pruned": (False, True),
        "not pruned, without bytecode": (False, False),
    }
    return [
        _measured(folder / str(index), name, way, runs, site)
        for index, (name, way) in enumerate(ways.items())
    ]


def shipped(folder: Path, site: Path) -> Path:
    """The package with the libraries in `site`, built and unpacked: the folder of its function_app.py."""
    folder.mkdir()
    built = build(folder / "package.zip", site=site)
    app = folder / "app"
    _unpack(built.path, app)
    return app


def _measured(folder: Path, name: str, way: tuple[bool, bool], runs: int, site: Path) -> Package:
    folder.mkdir()
    (pruned, bytecode), started = way, time.perf_counter()
    built = build(folder / "package.zip", site=site, pruned=pruned, bytecode=bytecode)
    building, started = time.perf_counter() - started, time.perf_counter()
    _unpack(built.path, folder / "app")
    unpacking = time.perf_counter() - started
    return Package(
        package=name,
        zip_mb=built.bytes / 1e6,
        unpacked_mb=built.unpacked / 1e6,
        files=built.files,
        built_s=building,
        unpacked_s=unpacking,
        import_app_ms=_imported(folder / "app", ("function_app",), runs),
        import_journey_ms=_imported(folder / "app", JOURNEY, runs),
    )


def _unpack(file: Path, folder: Path) -> None:
    with ZipFile(file) as archive:
        archive.extractall(folder)


def _imported(app: Path, names: tuple[str, ...], runs: int) -> float:
    """Milliseconds, the median; from the package only, which is not written to."""
    code = (
        f"import time; at = time.perf_counter(); import {', '.join(names)}; print(time.perf_counter() - at)"
    )
    path = os.pathsep.join([str(app), str(app / SITE)])
    environment = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": ""}
    return 1000 * median([float(output_of(["-S", "-s", "-c", code], environment, app)) for _ in range(runs)])
