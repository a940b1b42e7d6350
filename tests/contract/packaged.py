"""The package, built once per test process from this environment's libraries, and unpacked.

A test module says `pytest_plugins = ["tests.contract.packaged"]`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

import pytest

import deployment
from deployment.package import SITE


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """The built zip, and the folder that holds what was in it."""

    built: deployment.Built
    app: Path

    @property
    def site(self) -> Path:
        return self.app / SITE


@pytest.fixture(scope="session")
def package() -> Iterator[Package]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        built = deployment.build(folder / "association.zip")
        with ZipFile(built.path) as archive:
            archive.extractall(folder / "wwwroot")
        yield Package(built=built, app=folder / "wwwroot")
