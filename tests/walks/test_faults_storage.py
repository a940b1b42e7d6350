"""Storage fails, in every way there is, at every step: the person is told so in time, no fact is lost, and
trying again succeeds.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.faults.listed import Part
from sandbox.faults.plan import faults_of
from tests.walks.disturbed import Step, disturb, finish, take_again
from tests.walks.disturbed_steps import STEPS
from tests.walks.world import World, running_world

LISTED = json.loads(Path("sandbox/applications.json").read_text(encoding="utf-8"))[:1]
# How long it may take until nobody answers is test_faults_silence.py's.
SLOW = ("hang", "slow_drip")
# How many calls of a step are answered before storage falls silent.
LATER = 3
CALLBACKS = [step for step in STEPS if step.name.endswith("callback") and Part.STORAGE in step.parts]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_world(
        tmp_path_factory.mktemp("storage"), storage_faults=True, FURTHER_APPLICATIONS=json.dumps(LISTED)
    ) as started:
        yield started


@pytest.mark.parametrize("step", [step for step in STEPS if Part.STORAGE in step.parts], ids=str)
def test_a_step_without_storage_is_told_so_and_taken_again(world: World, step: Step) -> None:
    stand = step.bring(world)
    for fault in faults_of(Part.STORAGE):
        if fault.name not in SLOW:
            assert disturb(stand, step, Part.STORAGE, fault.name, path="") == "storage_unavailable", (
                fault.name
            )
    take_again(stand, step, Part.STORAGE)


@pytest.mark.parametrize("step", CALLBACKS, ids=str)
def test_what_was_written_before_storage_fell_silent_in_the_middle_is_kept_and_gone_on_from(
    world: World, step: Step
) -> None:
    stand = step.bring(world)
    disturb(stand, step, Part.STORAGE, "answer_lost", path="", skip=LATER)
    assert world.faults()["counts"].get("storage.answer_lost")
    finish(stand)


def test_an_order_without_the_queue_is_told_so_and_handed_in_again(world: World) -> None:
    (step,) = (step for step in STEPS if step.name == "order")
    stand = step.bring(world)
    for fault in faults_of(Part.QUEUE):
        if fault.name not in SLOW:
            code = disturb(stand, step, Part.QUEUE, fault.name, path="", method="POST")
            assert code == "storage_unavailable", fault.name
    take_again(stand, step, Part.QUEUE)


@pytest.mark.parametrize("fault", ["server_busy", "answer_lost"])
def test_a_binding_without_the_queue_is_not_lost(world: World, fault: str) -> None:
    (step,) = (step for step in STEPS if step.name == "binding callback")
    stand = step.bring(world)
    assert disturb(stand, step, Part.QUEUE, fault, path="", method="POST") == "storage_unavailable"
    take_again(stand, step, Part.QUEUE)


@pytest.mark.parametrize("name", ["new code", "new link"])
def test_a_mail_that_is_asked_for_without_the_queue_is_told_so_and_asked_for_again(
    world: World, name: str
) -> None:
    (step,) = (step for step in STEPS if step.name == name)
    stand = step.bring(world)
    for fault in ("server_busy", "answer_lost"):
        code = disturb(stand, step, Part.QUEUE, fault, path="", method="POST")
        assert code == "storage_unavailable", fault
    take_again(stand, step, Part.QUEUE)
