"""The package, built once per test run from the libraries that `dev.py package` ships, and unpacked.

Whichever test process needs it first builds it, and the others wait. On a new machine that one fetches the
libraries, as the command does; they stay in `.package`.

A test module says `pytest_plugins = ["tests.contract.packaged"]`.
"""

import pickle
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest

import deployment
from deployment.__main__ import libraries
from deployment.alone import alone
from deployment.libraries import of_environment
from deployment.package import SITE


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """The built zip, the libraries it was built from, and the folder that holds what was in it."""

    built: deployment.Built
    libraries: Path
    app: Path

    @property
    def site(self) -> Path:
        return self.app / SITE


def shipped_libraries() -> Path:
    """Their binaries are for Azure's platform; on another one, this environment's have to stand in."""
    is_azure_s = (sys.platform, platform.machine()) == ("linux", "x86_64")
    return libraries() if is_azure_s else of_environment()


@pytest.fixture(scope="session")
def package(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Package:
    shared = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):  # of pytest-xdist: one of several processes
        shared = shared.parent
    folder = shared / "package"
    folder.mkdir(exist_ok=True)
    kept = folder / "built"
    with alone(folder / "lock"):
        if not kept.exists():
            kept.write_bytes(pickle.dumps(_build(folder)))
    built: Package = pickle.loads(kept.read_bytes())  # noqa: S301 - our own
    return built


def _build(folder: Path) -> Package:
    site = shipped_libraries()
    built = deployment.build(folder / "association.zip", site=site)
    with ZipFile(built.path) as archive:
        archive.extractall(folder / "wwwroot")
    return Package(built=built, libraries=site, app=folder / "wwwroot")
