"""Which libraries are shipped: those of the lock, as they were installed, without what never runs."""

import base64
import hashlib
import re
from pathlib import Path, PurePosixPath

import pytest

from deployment.bytecode import RUNNING
from deployment.errors import PackageError
from deployment.imports import everything_run, read
from deployment.libraries import files_of, of_environment
from deployment.lock import Locked, locked
from deployment.package import product_files
from deployment.pruning import DEAD_FOLDERS, LEFT_OUT, Pruning
from functions.services import ROOT

LOCK = ROOT / "requirements.txt"
THING = Locked(name="some-thing", version="1.0", hashes=())


def names_for(python: str) -> dict[str, str]:
    return {one.name: one.version for one in locked(LOCK, python)}


def install(site: Path, content: str, recorded: str) -> None:
    """A distribution of one module that holds `content`, whose RECORD has the hash of `recorded`."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(recorded.encode()).digest()).rstrip(b"=").decode()
    folder = site / "some_thing-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: Some.Thing\nVersion: 1.0\n")
    (folder / "RECORD").write_text(
        f"thing.py,sha256={digest},\n../../bin/thing,,\n__pycache__/thing.cpython-311.pyc,,\n"
        "some_thing-1.0.dist-info/METADATA,,\n"
    )
    (site / "thing.py").write_text(content)


def test_the_lock_is_read_for_the_python_of_the_function_app() -> None:
    assert names_for("3.11")["azure-functions"].startswith("1.")
    assert names_for("3.13")["azure-functions"].startswith("2.")
    assert len(names_for("3.12")) > 50


def test_hashes_come_along() -> None:
    for one in locked(LOCK, RUNNING):
        assert one.hashes
        assert all(value.startswith("sha256:") for value in one.hashes)


def test_installed_files_come_without_programs_and_bytecode(tmp_path: Path) -> None:
    install(tmp_path, "pass", "pass")
    assert [str(path) for path, _ in files_of(tmp_path, [THING])] == [
        "thing.py",
        "some_thing-1.0.dist-info/METADATA",
    ]


def test_a_file_changed_since_it_was_installed_is_not_shipped(tmp_path: Path) -> None:
    install(tmp_path, "pass  # patched", "pass")
    with pytest.raises(PackageError, match=r"thing\.py was changed"):
        list(files_of(tmp_path, [THING]))


@pytest.mark.parametrize("wanted", [("some-thing", "1.1"), ("another", "1.0")])
def test_another_version_than_the_lock_s_is_not_shipped(tmp_path: Path, wanted: tuple[str, str]) -> None:
    install(tmp_path, "pass", "pass")
    name, version = wanted
    with pytest.raises(PackageError, match=f"{name} {version} of requirements.txt is not installed"):
        list(files_of(tmp_path, [Locked(name=name, version=version, hashes=())]))


def test_what_lies_about_in_the_product_s_folders_is_not_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployment.package.ROOT", tmp_path)
    for name in ("function_app.py", "assets/site.css", "functions/__pycache__/a.cpython-311.pyc.1234"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [file.name for file in product_files()] == ["function_app.py", "site.css"]
    for name in ("site.css~", ".site.css.swp", "notes"):
        (tmp_path / "assets" / name).touch()
        with pytest.raises(PackageError, match=rf"assets.{re.escape(name)}: no kind of file"):
            product_files()
        (tmp_path / "assets" / name).unlink()


def test_what_is_left_out_is_locked_and_not_imported_by_the_product() -> None:
    assert LEFT_OUT.keys() <= names_for(RUNNING).keys()
    modules = [file for file in product_files() if file.suffix == ".py"]
    imports = {name for module in modules for name in everything_run(module).imports}
    packages = {
        "dns",
        "attr",
        *(name.replace("-", "_") for name in LEFT_OUT),
        *(name.replace("-", ".") for name in LEFT_OUT),
    }
    assert not [name for name in imports if any(f"{name}.".startswith(f"{package}.") for package in packages)]


def test_what_is_left_out_is_imported_only_where_nothing_of_ours_arrives() -> None:
    """At the top of a library's module; what its functions import, the walk through the package shows."""
    found = set()
    left_out = [one for one in locked(LOCK, RUNNING) if one.name in LEFT_OUT]
    shared = {"azure": "azure.identity", "opentelemetry": "opentelemetry.sdk"}
    tops = {path.parts[0].partition(".")[0] for path, _ in files_of(of_environment(), left_out)}
    tops = {shared.get(top, top) for top in tops}
    mention = re.compile(rf"^\s*(?:import|from)\s+(?:{'|'.join(map(re.escape, tops))})\b", re.MULTILINE)
    # msgraph-sdk's own closure is tested with the package, and only kiota's packages are below it
    shipped = [one for one in locked(LOCK, RUNNING) if one.name not in {*LEFT_OUT, "msgraph-sdk"}]
    for path, file in files_of(of_environment(), shipped):
        if (
            path.suffix == ".py"
            and path.parts[0] not in DEAD_FOLDERS
            and mention.search(file.read_text(encoding="utf-8"))
        ):
            imports = read(file).top.imports
            if any(f"{name}.".startswith(f"{top}.") for name in imports for top in tops):
                found.add(path.with_suffix("").as_posix())
    assert found == {
        # azure-core's transport over aiohttp, imported when it is asked for
        "azure/core/pipeline/transport/_aiohttp",
        "azure/core/rest/_aiohttp",
        # imported when mail servers are to be looked up
        "email_validator/deliverability",
        # imported by urllib3 when HTTP/2 is switched on; by httpcore guarded, with a stand-in
        "urllib3/http2/connection",
        "httpcore/_async/http2",
        "httpcore/_sync/http2",
        # guarded: it goes on without; and what is run to report a defect of requests
        "requests/__init__",
        "requests/help",
    }


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("jinja2/environment.py", True),
        ("certifi/cacert.pem", True),
        ("_cffi_backend.cpython-311-x86_64-linux-gnu.so", True),
        ("msal-1.39.0.dist-info/METADATA", True),
        ("msal-1.39.0.dist-info/licenses/LICENSE", True),
        ("opentelemetry_api-1.45.2.dist-info/entry_points.txt", True),
        ("tzdata/zoneinfo/Europe/Paris", True),
        ("tzdata/zoneinfo/Europe/__init__.py", True),
        ("tzdata/zoneinfo/Europe/Rome", False),
        ("tzdata/zoneinfo/tzdata.zi", False),
        ("cffi/api.py", False),
        ("certifi/tests/test_certify.py", False),
        ("multidict/_multidict.pyi", False),
        ("multidict/py.typed", False),
        ("msal-1.39.0.dist-info/RECORD", False),
        ("cryptography-50.0.2.dist-info/sboms/cryptography-rust.cyclonedx.json", False),
        ("msgraph/generated/kiota-dom-export.txt", False),
        ("msgraph/generated/models/user.py", False),
    ],
)
def test_what_never_runs_is_not_kept(tmp_path: Path, path: str, kept: bool) -> None:
    module = tmp_path / "product.py"
    module.write_text('TIME_ZONE = "Europe/Paris"')
    assert Pruning(tmp_path, [module]).keeps(PurePosixPath(path)) is kept
