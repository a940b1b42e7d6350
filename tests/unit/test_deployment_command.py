"""`python3 dev.py package`: what it says, and when it refuses."""

import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import deployment.__main__ as command
from deployment import fetching
from deployment.archive import write_zip
from deployment.bytecode import RUNNING
from deployment.errors import PackageError
from deployment.fetching import fetched
from deployment.lock import Locked
from deployment.package import Built, Part

OTHER = "3.12" if RUNNING != "3.12" else "3.13"
ONE = Locked(name="thing", version="1.0", hashes=("sha256:00",))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the building was asked for; `bytes` is how large its zip is said to be."""
    asked: dict[str, Any] = {"bytes": command.LARGEST}

    def build(output: Path, **options: Any) -> Built:
        asked.update(options, output=output)
        part = Part(name="the product", files=2, bytes=3_000_000, zipped=1_000_000)
        size = int(asked["bytes"])
        output.write_bytes(b"new")
        return Built(path=output, bytes=size, sha256="ab" * 32, files=2, unpacked=3_000_000, parts=(part,))

    monkeypatch.setattr(command, "build", build)
    monkeypatch.setattr(command, "fetched", lambda wanted, python, folder: folder / python)
    return asked


def test_it_builds_for_azure_and_prints_what_is_in_the_zip(
    asked: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "a.zip"
    assert command.main(["--output", str(output)]) == 0
    assert asked["site"] == command.FETCHED / RUNNING
    assert (asked["pruned"], asked["bytecode"], asked["python"]) == (True, True, RUNNING)
    printed = capsys.readouterr().out
    assert f"{output}: 12,000,000 bytes in 2 files" in printed
    assert f"SHA-256 {'ab' * 32}" in printed
    assert "the product             2    3.00       1.00" in printed


def test_a_zip_that_is_too_large_fails_and_leaves_the_one_before(
    asked: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "dist" / "a.zip"
    output.parent.mkdir()
    output.write_bytes(b"before")
    asked["bytes"] = command.LARGEST + 1
    assert command.main(["--output", str(output)]) == 1
    told = capsys.readouterr()
    assert "More than 12,000,000 bytes" in told.err
    assert "the product" in told.out
    assert {file.name: file.read_bytes() for file in output.parent.iterdir()} == {"a.zip": b"before"}
    assert command.main(["--output", str(output), "--unpruned"]) == 0
    assert {file.name: file.read_bytes() for file in output.parent.iterdir()} == {"a.zip": b"new"}


def test_another_python_s_bytecode_is_refused(
    asked: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = ["--output", str(tmp_path / "a.zip")]
    assert command.main([*there, "--python", OTHER]) == 1
    assert f"run python{OTHER} dev.py package" in capsys.readouterr().err
    assert "output" not in asked
    assert command.main([*there, "--python", OTHER, "--no-bytecode"]) == 0


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Where a stand-in for pip has installed a module named after the wanted Python."""
    targets: list[Path] = []

    def install(requirements: Path, python: str, target: Path) -> None:
        assert requirements.read_text() == "thing==1.0 --hash=sha256:00\n"
        targets.append(target)
        target.mkdir(exist_ok=True)  # as pip does
        (target / f"of_{python}.py").touch()

    monkeypatch.setattr("deployment.fetching._install", install)
    return targets


def test_what_was_fetched_for_this_lock_is_not_fetched_again(installed: list[Path], tmp_path: Path) -> None:
    first = fetched([ONE], "3.11", tmp_path / "x")
    assert fetched([ONE], "3.11", tmp_path / "x") == first
    other = fetched([ONE], "3.12", tmp_path / "x")
    assert (first.is_dir(), other.is_dir(), len(installed)) == (True, True, 2)
    assert len(set(installed)) == 2


def test_what_an_abort_has_left_is_not_among_the_libraries(installed: list[Path], tmp_path: Path) -> None:
    fetched([ONE], "3.11", tmp_path)
    stale = installed.pop()
    stale.mkdir()
    (stale / "half.py").touch()
    shutil.rmtree(fetched([ONE], "3.11", tmp_path))
    site = fetched([ONE], "3.11", tmp_path)
    assert [file.name for file in site.iterdir()] == ["of_3.11.py"]


def test_another_glibc_has_libraries_of_its_own(
    installed: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = fetched([ONE], "3.11", tmp_path)
    monkeypatch.setattr("deployment.fetching.NEWEST_GLIBC_MINOR", 17)
    assert fetched([ONE], "3.11", tmp_path) != first
    assert len(installed) == 2


def test_two_who_need_the_same_at_once_fetch_it_once(
    installed: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install = fetching._install

    def slowly(requirements: Path, python: str, target: Path) -> None:
        install(requirements, python, target)
        time.sleep(0.3)

    monkeypatch.setattr("deployment.fetching._install", slowly)
    with ThreadPoolExecutor(2) as pool:
        sites = list(pool.map(lambda python: fetched([ONE], python, tmp_path), ["3.11", "3.11"]))
    assert len(set(sites)) == len(installed) == 1


def test_wheels_are_asked_for_that_load_where_glibc_is_older_than_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        Path(command[command.index("--target") + 1]).mkdir()
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr("deployment.fetching.subprocess.run", run)
    fetched([ONE], "3.11", tmp_path / "x")
    (command,) = commands
    platforms = [value for option, value in pairwise(command) if option == "--platform"]
    assert platforms[0] == "manylinux_2_28_x86_64"
    assert {"manylinux_2_17_x86_64", "manylinux2014_x86_64"} <= set(platforms)
    assert "--require-hashes" in command
    assert command[command.index("--python-version") + 1] == "3.11"


def test_what_cannot_be_fetched_is_told_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(PackageError, match=r"\Apip: ERROR: .*thing==1\.0[^\n]*\Z"):
        fetched([ONE], RUNNING, tmp_path / "x")
    assert not list((tmp_path / "x").glob(f"{RUNNING}-*"))


def test_a_zip_depends_on_names_and_contents_alone(tmp_path: Path) -> None:
    zips = []
    for name, order in (("one", "ab"), ("other", "ba")):
        for letter in order:
            file = tmp_path / name / letter / "f"
            file.parent.mkdir(parents=True)
            file.write_text(letter)
            file.chmod(0o600 if name == "one" else 0o755)
        entries = write_zip(tmp_path / name, tmp_path / "zips" / f"{name}.zip")
        assert [entry.filename for entry in entries] == ["a/f", "b/f"]
        zips.append((tmp_path / "zips" / f"{name}.zip").read_bytes())
    assert zips[0] == zips[1]
