"""The zip that is deployed: the product, and its libraries where Functions looks for them.

https://learn.microsoft.com/azure/azure-functions/python-build-options#local-build
"""

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from zipfile import ZipInfo

from adapters.rendering import Rendering
from deployment.archive import write_zip
from deployment.bytecode import RUNNING, check_compiler, compile_beside, compile_in_place
from deployment.errors import PackageError
from deployment.libraries import files_of, of_environment
from deployment.lock import locked
from deployment.pruning import LEFT_OUT, PRUNED, Pruning

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = (
    "function_app.py",
    "host.json",
    "functions",
    "association",
    "adapters",
    "templates",
    "locales",
    "assets",
)
# What the product is made of; anything else lies about in its folders.
KINDS = {".py", ".json", ".html", ".txt", ".xml", ".css", ".js", ".svg", ".png"}
SITE = PurePosixPath(".python_packages/lib/site-packages")

__all__ = ["Built", "PackageError", "Part", "build"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A share of the zip: how many files, their bytes, and their bytes in the zip."""

    name: str
    files: int
    bytes: int
    zipped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A zip: where, its bytes and SHA-256 (hex), how many files, and what takes how much of it."""

    path: Path
    bytes: int
    sha256: str
    files: int
    unpacked: int
    parts: tuple[Part, ...]


def build(
    output: Path,
    *,
    pruned: bool = True,
    bytecode: bool = True,
    site: Path | None = None,
    python: str = RUNNING,
) -> Built:
    """Write the zip to `output`. The same inputs give the same bytes.

    `site` is where the libraries for `python` are installed (the running environment's, if not given), all of
    them; `pruned` leaves out what never runs; `bytecode` ships `.pyc` beside every module.

    Raises:
        PackageError: the libraries are not those of requirements.txt, or it takes another Python to compile.
    """
    if bytecode:
        check_compiler(python)
    with tempfile.TemporaryDirectory(prefix="package-") as name:
        folder = Path(name)
        _stage(folder, site or of_environment(), python, pruned=pruned)
        Rendering(folder).compile_templates()
        if bytecode:
            compile_beside(folder, but=SITE.parts[0])
            compile_in_place(folder, folder / SITE)
        entries = write_zip(folder, output)
    content = output.read_bytes()
    return Built(
        path=output,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        files=len(entries),
        unpacked=sum(entry.file_size for entry in entries),
        parts=tuple(_parts(entries)),
    )


def product_files() -> list[Path]:
    """The files of the product itself, without what running it has left behind.

    Raises:
        PackageError: a file is none of the kinds that a product has: an editor's copy, somebody's notes.
    """
    found = [path for name in PRODUCT for path in sorted([ROOT / name, *(ROOT / name).rglob("*")])]
    files = [path for path in found if path.is_file() and path.parent.name != "__pycache__"]
    for file in files:
        if file.suffix not in KINDS or file.name.startswith("."):
            raise PackageError(f"{file}: no kind of file that is shipped; remove it, then run this again")
    return files


def _stage(folder: Path, site: Path, python: str, *, pruned: bool) -> None:
    product = product_files()
    wanted = locked(ROOT / "requirements.txt", python)
    for file in product:
        _copy(file, folder / file.relative_to(ROOT))
    if not pruned:
        _copy_all(files_of(site, wanted), folder / SITE)
        return
    pruning = Pruning(site, [file for file in product if file.suffix == ".py"])
    files = files_of(site, [one for one in wanted if one.name not in LEFT_OUT])
    _copy_all(((path, file) for path, file in files if pruning.keeps(path)), folder / SITE)


def _copy_all(files: Iterable[tuple[PurePosixPath, Path]], target: Path) -> None:
    for path, file in files:
        _copy(file, target / path)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _parts(entries: list[ZipInfo]) -> Iterator[Part]:
    """The product, msgraph-sdk, each library that takes much, the rest; then how much of all is bytecode."""
    sums: dict[str, list[ZipInfo]] = {}
    for entry in entries:
        sums.setdefault(_part_of(entry.filename), []).append(entry)
    yield from (
        _part(name, sums[name]) for name in sorted(sums, key=lambda name: -_part(name, sums[name]).zipped)
    )
    yield _part("of all: bytecode", [entry for entry in entries if entry.filename.endswith(".pyc")])


def _part_of(name: str) -> str:
    path = PurePosixPath(name)
    if not path.is_relative_to(SITE):
        return "the product"
    top = path.relative_to(SITE).parts[0]
    return top if top in (PRUNED, "cryptography") else "other libraries"


def _part(name: str, entries: list[ZipInfo]) -> Part:
    return Part(
        name=name,
        files=len(entries),
        bytes=sum(entry.file_size for entry in entries),
        zipped=sum(entry.compress_size for entry in entries),
    )
