"""The tables of faults and conditions in docs/errors.md against the lists they come from."""

import re

import pytest

from association.answer import Answer
from functions.services import ROOT
from functions.web.boundary import STATUS
from sandbox.faults.listed import FAULTS, Part
from sandbox.microsoft.conditions import CONDITIONS

HEADING = "## Faults we are tested against"


def tables() -> list[list[tuple[str, ...]]]:
    """The rows of each table below the heading, without its head."""
    document = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    text = document.partition(HEADING)[2].partition("\n## ")[0]
    found = []
    for table in text.split("\n\n"):
        rows = [line for line in table.splitlines() if line.startswith("|")]
        if rows:
            found.append([tuple(cell.strip() for cell in row.strip("|").split(" | ")) for row in rows[2:]])
    return found


def test_the_faults_are_those_of_the_list() -> None:
    faults, _ = tables()
    wanted = [
        (f"`{fault.name}`", ", ".join(part for part in Part if part in fault.parts), fault.what)
        for fault in FAULTS.values()
    ]
    assert [row[:3] for row in faults] == wanted


def test_the_conditions_are_those_of_the_list() -> None:
    _, conditions = tables()
    wanted = [(f"`{one.name}`", one.subject.value, one.what) for one in CONDITIONS.values()]
    assert [row[:3] for row in conditions] == wanted


@pytest.mark.parametrize("row", [row for table in tables() for row in table], ids=lambda row: row[0])
def test_what_becomes_of_each_is_told_in_codes_and_classes_that_exist(row: tuple[str, ...]) -> None:
    known = {*STATUS, *Answer, *FAULTS, *CONDITIONS, "Retry-After"}
    assert row[3]
    assert set(re.findall(r"`([^`]+)`", row[3])) <= known
