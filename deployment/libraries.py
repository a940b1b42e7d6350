"""The installed libraries of the run-time set, file by file, exactly as they were installed."""

import base64
import hashlib
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackagePath, distributions
from pathlib import Path, PurePosixPath

from packaging.utils import canonicalize_name

from deployment.errors import PackageError
from deployment.lock import Locked

AGAIN = "run python3 dev.py package again"


def of_environment() -> Path:
    """Where the running Python's libraries are installed."""
    return Path(sysconfig.get_path("purelib"))


def files_of(site: Path, wanted: Iterable[Locked]) -> Iterator[tuple[PurePosixPath, Path]]:
    """What was installed of these in `site`, without programs and bytecode: path below `site`, file.

    Raises:
        PackageError: something is missing in `site`, is another version, or was changed since.
    """
    found: dict[str, Distribution] = {
        canonicalize_name(each.name): each for each in distributions(path=[str(site)])
    }
    for one in wanted:
        for path in _installed(found.get(one.name), one):
            yield PurePosixPath(path), _unchanged(site, path)


def _installed(distribution: Distribution | None, wanted: Locked) -> Iterator[PackagePath]:
    if distribution is None or distribution.version != wanted.version or distribution.files is None:
        raise PackageError(f"{wanted.name} {wanted.version} of requirements.txt is not installed: {AGAIN}")
    for path in distribution.files:
        if ".." not in path.parts and path.parts[0] != "bin" and path.suffix != ".pyc":
            yield path


def _unchanged(site: Path, path: PackagePath) -> Path:
    """The file, if it has the hash that RECORD has for it.

    https://packaging.python.org/en/latest/specifications/recording-installed-packages/#the-record-file
    """
    file = site / path
    if path.hash is not None:
        digest = hashlib.new(path.hash.mode, file.read_bytes()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != path.hash.value:
            raise PackageError(f"{file} was changed after it was installed: remove its folder, then {AGAIN}")
    return file
