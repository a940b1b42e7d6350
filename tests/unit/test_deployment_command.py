"""`python3 dev.py package`: what it says, and when it refuses."""

import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import deployment.__main__ as command
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


def test_a_zip_that_is_too_large_fails(asked: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    asked["bytes"] = command.LARGEST + 1
    assert command.main([]) == 1
    assert "More than 12,000,000 bytes" in capsys.readouterr().err
    assert command.main(["--unpruned"]) == 0


def test_another_python_s_bytecode_is_refused(
    asked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--python", OTHER]) == 1
    assert f"run python{OTHER} dev.py package" in capsys.readouterr().err
    assert "output" not in asked
    assert command.main(["--python", OTHER, "--no-bytecode"]) == 0


def test_what_was_fetched_for_this_lock_is_not_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets: list[Path] = []

    def install(requirements: Path, python: str, target: Path) -> None:
        assert requirements.read_text() == "thing==1.0 --hash=sha256:00\n"
        targets.append(target)
        target.mkdir()

    monkeypatch.setattr("deployment.fetching._install", install)
    first = fetched([ONE], "3.11", tmp_path / "x")
    assert fetched([ONE], "3.11", tmp_path / "x") == first
    other = fetched([ONE], "3.12", tmp_path / "x")
    assert (first.is_dir(), other.is_dir(), len(targets)) == (True, True, 2)


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
