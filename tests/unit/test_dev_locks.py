"""The lock files: pinned, hashed, for every supported Python, and free of any registry's address."""

from __future__ import annotations

import json
import re
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHONS = ("3.11", "3.12", "3.13")


def pins(name: str) -> dict[str, str]:
    """Requirement lines (with their markers) and the hashes below each."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", "")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    return {line.partition("--hash")[0].strip(): line for line in lines}


def test_the_run_time_pins_are_a_subset_of_the_development_pins() -> None:
    run_time, development = pins("requirements.txt"), pins("requirements-dev.txt")
    assert run_time
    assert set(run_time) <= set(development)
    assert len(development) > len(run_time)


def test_every_requirement_is_pinned_and_hashed() -> None:
    for line in (pins("requirements.txt") | pins("requirements-dev.txt")).values():
        assert re.search(r"==\S+ .*--hash=sha256:[0-9a-f]{64}", line), line


def test_azure_functions_is_1_below_python_3_13_and_2_from_there() -> None:
    chosen = {
        python: [
            str(requirement.specifier)[2:]
            for requirement in map(Requirement, pins("requirements.txt"))
            if requirement.name == "azure-functions"
            and requirement.marker
            and requirement.marker.evaluate({"python_version": python, "python_full_version": f"{python}.1"})
        ]
        for python in PYTHONS
    }
    assert [version.split(".")[0] for python in PYTHONS for version in chosen[python]] == ["1", "1", "2"]


def test_every_wanted_package_is_in_the_lock() -> None:
    for source, lock in (
        ("requirements.in", "requirements.txt"),
        ("requirements-dev.in", "requirements-dev.txt"),
    ):
        locked = {Requirement(pin).name for pin in pins(lock)}
        lines = (ROOT / source).read_text(encoding="utf-8").splitlines()
        wanted = {Requirement(line).name for line in lines if line and not line.startswith(("#", "-"))}
        assert wanted <= locked


def test_no_file_of_the_installation_names_a_registry() -> None:
    for name in (
        "requirements.in",
        "requirements.txt",
        "requirements-dev.in",
        "requirements-dev.txt",
        "dev.py",
    ):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert not re.search(
            r"--(extra-)?index-url|--find-links|^-[if] |https?://(?!user:)", text, re.MULTILINE
        ), name
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []


def test_no_package_of_the_emulator_runs_a_script_when_installed_and_telemetry_is_stubbed() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert not [name for name, package in packages.items() if package.get("hasInstallScript")]
    for stubbed in ("applicationinsights", "tedious", "mysql2"):
        assert packages[f"node_modules/{stubbed}"]["name"] == "empty-npm-package"
    assert all("integrity" in package for name, package in packages.items() if name)


def test_continuous_integration_runs_the_readmes_test_command_and_nothing_else() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == ["exec python3 dev.py test"]
