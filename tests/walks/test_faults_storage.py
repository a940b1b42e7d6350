"""Storage fails, in every way there is, at every step: the person is told so in time, no fact is lost, and
trying again succeeds.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from association.keys import token_hash
from association.legs import read_state
from sandbox.faults.listed import Part
from sandbox.faults.plan import faults_of
from tests.walks.disturbed import Stand, Step, disturb, finish, take_again
from tests.walks.disturbed_steps import STEPS
from tests.walks.world import World, query_of, running_world

LISTED = json.loads(Path("sandbox/applications.json").read_text(encoding="utf-8"))[:1]
# How long it may take until nobody answers is test_faults_silence.py's.
SLOW = ("hang", "slow_drip")
CALLBACKS = {step.name: step for step in STEPS if step.name.endswith("callback")}
# From which call of a callback on no answer comes; what that one wrote stands. These leave it to begin anew.
EARLY = ("found", "taken")
# These end it, and what it was for has been written; a claim comes before that.
LATE = [
    ("sign-in callback", "written"),
    ("sign-in callback", "finished"),
    ("consent callback", "written"),
    ("consent callback", "leaving"),
    ("consent callback", "finished"),
    ("confirm callback", "written"),
    ("confirm callback", "finished"),
    ("application callback", "written"),
    ("application callback", "leaving"),
    ("application callback", "finished"),
    ("binding callback", "claimed"),
    ("binding callback", "finished"),
]
WRITTEN = ("written", "leaving", "finished")


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


def silent_from(place: str, callback: str) -> dict[str, Any]:
    """What limits a fault to the calls of `callback` from this one on. What is written of the association
    has an address that everybody's changes share.
    """
    flow = token_hash(read_state(query_of(callback)["state"]))
    limits: dict[str, dict[str, Any]] = {
        "found": {"path": flow},
        "taken": {"path": flow, "skip": 1},
        "written": {"path": "$batch"},
        "claimed": {"path": "/claims", "method": "POST"},
        "leaving": {"path": "/flows", "method": "POST"},
        "finished": {"path": flow, "skip": 2},
    }
    return limits[place]


def fall_silent(stand: Stand, step: Step, place: str) -> None:
    callback, told = step.approach(stand), stand.told(step.event)
    approached = replace(step, approach=lambda _: callback)
    limits = silent_from(place, callback)
    code = disturb(stand, approached, Part.STORAGE, "answer_lost", **limits)
    assert code == "storage_unavailable", place
    assert stand.told(step.event) - told == (place in WRITTEN), place


@pytest.mark.parametrize(("name", "late"), LATE)
def test_what_was_written_before_storage_fell_silent_in_the_middle_is_kept_and_gone_on_from(
    world: World, name: str, late: str
) -> None:
    step = CALLBACKS[name]
    stand = step.bring(world)
    for place in (*EARLY, late):
        fall_silent(stand, step, place)
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
