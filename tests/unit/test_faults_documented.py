"""The tables of faults and conditions in docs/errors.md against the lists they come from."""

import re

import pytest

from adapters.microsoft.retries import LONGEST_WAIT_SECONDS, REPEATS, REPEATS_OF_CONNECTION
from association.answer import Answer
from functions.services import ROOT
from functions.web.boundary import STATUS
from sandbox.faults.listed import FAULTS, MICROSOFT, STORAGE, Part
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


TIMES = {1: "once more", 2: "twice at most"}
# Nothing is asked again after one of these: the time is over, or the answer would be the same.
ONCE = {"hang", "slow_drip", "malformed_json"}


def becomes(name: str) -> str:
    """What becomes of a fault, with that of the other fault that its row begins with."""
    (row,) = (row for row in tables()[0] if row[0] == f"`{name}`")
    other = re.match(r"as `([a-z_]+)`", row[3])
    return f"{becomes(other[1])} {row[3]}" if other else row[3]


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.parts & MICROSOFT])
def test_how_often_microsoft_is_asked_again_is_told_as_it_is_done(name: str) -> None:
    status = re.match(r"\d{3}", FAULTS[name].what)
    repeats = REPEATS[int(status[0])] if status and name not in ONCE else REPEATS_OF_CONNECTION
    told = [words for words in (*TIMES.values(), "a code is redeemed once") if words in becomes(name)]
    assert told == ([] if name in ONCE else [TIMES[repeats], "a code is redeemed once"])
    if name in ("throttled", "throttled_in_plain_text"):
        assert f"more than {LONGEST_WAIT_SECONDS:.0f} s" in becomes(name)


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.parts & STORAGE])
def test_that_reads_and_messages_are_repeated_and_writes_never_is_told_of_every_fault_of_storage(
    name: str,
) -> None:
    wanted = ("once more, messages are sent once more", "tables are written to once")
    told = [words for words in wanted if words in becomes(name)]
    assert told == ([] if name in ONCE else list(wanted))
