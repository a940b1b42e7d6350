"""What is in the package: what runs on Azure and nothing else, compiled, small, the same at every build."""

import importlib.util
import marshal
from pathlib import Path, PurePosixPath
from types import CodeType
from typing import TYPE_CHECKING

from adapters.rendering import COMPILED
from deployment import build
from deployment.__main__ import LARGEST
from deployment.bytecode import DEPLOYED_AT
from deployment.package import SITE, product_files
from deployment.pruning import LEFT_OUT, PRUNED, reached
from functions.services import ROOT

if TYPE_CHECKING:
    from tests.contract.packaged import Package

pytest_plugins = ["tests.contract.packaged"]

SHIPPED = {
    *("function_app.py", "host.json", "functions", "association", "adapters"),
    *("templates", "locales", "assets"),
}
UNCHECKED_HASH = 1


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_it_is_small_enough_to_be_unpacked_before_a_first_page(package: "Package") -> None:
    assert package.built.bytes == package.built.path.stat().st_size
    assert package.built.bytes <= LARGEST


def test_two_builds_are_the_same_bytes(package: "Package", tmp_path: Path) -> None:
    again = build(tmp_path / "elsewhere" / "again.zip", site=package.libraries)
    assert again.sha256 == package.built.sha256
    assert again.path.read_bytes() == package.built.path.read_bytes()


def test_the_product_is_in_it_with_its_sources_and_nothing_beside_it(package: "Package") -> None:
    found = {name for name in files_below(package.app) if not PurePosixPath(name).is_relative_to(SITE)}
    sources = {name for name in found if not name.endswith(".pyc")}
    made = {name for name in sources if name.startswith(f"{COMPILED}/")}
    assert len(made) == sum(name.startswith("templates/") for name in sources)
    assert sources - made == {file.relative_to(ROOT).as_posix() for file in product_files()}
    assert {PurePosixPath(name).parts[0] for name in sources - made} == SHIPPED
    compiled = {importlib.util.source_from_cache(name) for name in found - sources}
    assert compiled == {name for name in sources if name.endswith(".py")}


def test_of_msgraph_only_what_the_product_can_reach_is_in_it(package: "Package") -> None:
    found = {name for name in files_below(package.site) if name.startswith(f"{PRUNED}/")}
    product = [file for file in product_files() if file.suffix == ".py"]
    modules = reached(package.libraries, product).values()
    assert found == {f"{file.relative_to(package.libraries).as_posix()}c" for file in modules}
    assert 30 < len(found) < 100


def test_libraries_are_in_it_as_bytecode_with_their_names_and_licences(package: "Package") -> None:
    found = files_below(package.site)
    assert not [name for name in found if name.endswith((".py", ".pyi", ".h", "RECORD", "dom-export.txt"))]
    described = {PurePosixPath(name).parts[0] for name in found if name.endswith(".dist-info/METADATA")}
    assert len(described) > 30
    assert not [name for name in described if name.partition("-")[0].replace("_", "-") in LEFT_OUT]
    assert any(name.startswith("msal-") and name.endswith("LICENSE") for name in found)


def test_no_bytecode_is_ever_held_against_a_source(package: "Package") -> None:
    """https://peps.python.org/pep-0552/#specification: magic number, then the flags."""
    compiled = sorted(package.app.rglob("*.pyc"))
    assert len(compiled) > 1000
    for file in compiled:
        content = file.read_bytes()
        assert content[:4] == importlib.util.MAGIC_NUMBER
        assert int.from_bytes(content[4:8], "little") == UNCHECKED_HASH, file


def test_tracebacks_name_the_files_of_the_deployed_app(package: "Package") -> None:
    (compiled,) = package.app.glob("association/__pycache__/facts.*.pyc")
    for file, source in {
        compiled: "association/facts.py",
        package.site / "httpx" / "_client.pyc": f"{SITE}/httpx/_client.py",
    }.items():
        code = marshal.loads(file.read_bytes()[16:])  # noqa: S302 - our own
        assert isinstance(code, CodeType)
        assert code.co_filename == f"{DEPLOYED_AT}/{source}"
