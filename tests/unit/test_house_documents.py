"""The documents against the code: settings, errors, the sample, and the tests that acceptance names."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import association.errors
import association.microsoft_errors
from association.errors import AssociationError, SettingsIncompleteError
from association.settings import Settings
from functions.services import ROOT
from functions.web.boundary import STATUS
from tests.memory import SETTINGS

UNEXPECTED = 500
HOST_SETTINGS = {"FUNCTIONS_WORKER_RUNTIME"}


class Recorder(Mapping[str, str]):
    """A mapping that knows what it was asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return SETTINGS[name]

    def __iter__(self) -> Any:
        raise AssertionError("settings are asked for one by one")

    def __len__(self) -> int:
        return len(SETTINGS)


def read_settings() -> set[str]:
    recorder = Recorder()
    Settings.from_mapping(recorder)
    return recorder.asked


def document(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def sample() -> dict[str, str]:
    values: dict[str, str] = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    return values


def codes() -> set[str]:
    named = {**vars(association.errors), **vars(association.microsoft_errors)}
    known = [value for value in named.values() if isinstance(value, type)]
    return {value.code for value in known if issubclass(value, AssociationError)}


def test_every_setting_that_is_read_is_documented_and_no_other() -> None:
    assert len(read_settings()) > 20
    rows = re.findall(r"^\| `([^`]+)` \|", document("settings.md"), re.MULTILINE)
    assert sorted(rows) == sorted(read_settings())


def test_the_sample_lists_every_setting() -> None:
    assert set(sample()) == read_settings() | HOST_SETTINGS


def test_the_sample_holds_nothing_that_would_work() -> None:
    secrets = {name for name in sample() if re.search("SECRET$|PASSWORD|KEYS?$|CERTIFICATE", name)}
    assert len(secrets) == 5
    with pytest.raises(SettingsIncompleteError) as caught:
        Settings.from_mapping(sample())
    assert set(caught.value.names) == {"SIGNING_KEYS"}


def test_every_error_is_documented_with_its_status_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| (\d{3}) \|", document("errors.md"), re.MULTILINE)
    assert sorted(rows) == sorted((code, str(STATUS.get(code, UNEXPECTED))) for code in codes())


def test_every_error_has_a_status_of_its_own_choice() -> None:
    assert set(STATUS) == codes() - {AssociationError.code}
    assert all(400 <= status < 600 for status in STATUS.values())


def test_no_two_errors_share_a_code() -> None:
    named = {**vars(association.errors), **vars(association.microsoft_errors)}
    known = [value for value in named.values() if isinstance(value, type)]
    errors = [value for value in known if issubclass(value, AssociationError)]
    assert len(errors) == len(codes())
    assert all(value.__name__.endswith("Error") for value in errors)


def existing_tests() -> set[str]:
    files = list((ROOT / "tests").rglob("test_*.py"))
    found = [re.findall(r"^(?:async )?def (test_\w+)", _read(file), re.MULTILINE) for file in files]
    return {name for names in found for name in names} | {file.stem for file in files}


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def test_acceptance_names_tests_that_exist() -> None:
    named = {
        part
        for quoted in re.findall(r"`([^`\n]*test_[^`\n]*)`", document("acceptance.md"))
        for part in re.findall(r"\btest_\w+", quoted)
    }
    assert len(named) > 20
    assert named - existing_tests() == set()
