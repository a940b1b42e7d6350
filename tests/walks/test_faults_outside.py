"""Microsoft fails, in every way in which something is said, at every step that calls it: the person is told
so, nothing is lost, and trying again ends where it always ends.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox.faults.listed import MICROSOFT, Fault, Part
from sandbox.faults.plan import faults_of
from tests.walks.disturbed import Step, disturb, take_again
from tests.walks.disturbed_steps import STEPS
from tests.walks.world import World, running_world

LISTED = json.loads(Path("sandbox/applications.json").read_text(encoding="utf-8"))[:1]
# Who says nothing is waited for in test_faults_silence.py.
SILENCES = ("hang", "slow_drip")
# More of them only wait for each other.
AT_ONCE = 12
CASES = [(step, part) for step in STEPS for part in step.parts if part in MICROSOFT]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with running_world(tmp_path, FURTHER_APPLICATIONS=json.dumps(LISTED)) as started:
        yield started


def heard(part: Part) -> list[Fault]:
    return [fault for fault in faults_of(part) if fault.name not in SILENCES]


def first_sign_in(world: World) -> None:
    """A host that has not spoken with Microsoft yet needs its discovery to send anybody there."""
    (step,) = (step for step in STEPS if step.name == "sign-in")
    stand, discovery = step.bring(world), "organizations/v2.0/.well-known"
    for fault in heard(Part.ENTRA):
        code = disturb(stand, step, Part.ENTRA, fault.name, path=discovery)
        assert code == "microsoft_unavailable", fault
    take_again(stand, step, Part.ENTRA)


def repeated(world: World, step: Step, part: Part, faults: list[Fault]) -> set[str]:
    """One customer, one fault after the other."""
    stand = step.bring(world)
    codes = {disturb(stand, step, part, fault.name) for fault in faults}
    take_again(stand, step, part)
    return codes


def work() -> list[tuple[Step, Part, list[Fault]]]:
    """What one customer each goes through: of a step that is passed whatever fails, one fault."""
    found = []
    for step, part in CASES:
        faults = heard(part)
        found += [(step, part, [one]) for one in faults] if part in step.once else [(step, part, faults)]
    return found


def test_every_fault_at_every_step_is_told_and_trying_again_ends_where_it_always_ends(world: World) -> None:
    first_sign_in(world)
    items = work()
    with ThreadPoolExecutor(AT_ONCE) as people:
        found = list(people.map(lambda item: repeated(world, *item), items))
    for (step, part, faults), codes in zip(items, found, strict=True):
        expected = {""} if part in step.once else {"microsoft_unavailable"}
        assert codes == expected, (step.name, part, [fault.name for fault in faults])
    counts = world.faults()["counts"]
    every = {f"{part}.{fault.name}" for part in MICROSOFT for fault in faults_of(part)}
    assert every - counts.keys() == {f"{part}.{silence}" for part in MICROSOFT for silence in SILENCES}
