"""Nobody answers, or byte by byte and never to the end: at every step and every part the person is told so
before the deadline. All of them wait at the same time.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Semaphore

import pytest

from sandbox.faults.listed import MICROSOFT, Part
from tests.walks.disturbed import Step, disturb, take_again
from tests.walks.disturbed_steps import STEPS
from tests.walks.world import World, running_world

LISTED = json.loads(Path("sandbox/applications.json").read_text(encoding="utf-8"))[:1]
SILENCES = ("hang", "slow_drip")
# Everybody's: the queue, and the counts of those who ask for a new link.
SHARED = [("new link", Part.STORAGE), *((step.name, Part.QUEUE) for step in STEPS)]
PLACES = [(step, part) for step in STEPS for part in step.parts if (step.name, part) not in SHARED]
# Callbacks meet both, the other steps one of them in turn.
WORK = [
    (step, part, fault)
    for number, (step, part) in enumerate(PLACES)
    for turn, fault in enumerate(SILENCES)
    if step.name.endswith("callback") or number % 2 == turn
]
# They wait all at the same time, and come there a few at a time.
COMING = Semaphore(8)
(ORDER,) = (step for step in STEPS if step.name == "order")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with running_world(tmp_path, storage_faults=True, FURTHER_APPLICATIONS=json.dumps(LISTED)) as started:
        yield started


def told(world: World, step: Step, part: Part, fault: str) -> str:
    """What the step's own customer is told; what can be taken again then is."""
    with COMING:
        stand = step.bring(world)
    limits = {
        Part.STORAGE: {"path": step.rows(stand)},
        Part.QUEUE: {"path": "/tasks", "method": "POST"},
    }
    code = disturb(stand, step, part, fault, **limits.get(part, {}))
    # a callback whose storage fell silent is spent
    if part in MICROSOFT or not step.name.endswith("callback"):
        take_again(stand, step, part)
    return code


def test_silence_is_told_in_time_at_every_step(world: World) -> None:
    with ThreadPoolExecutor(len(WORK)) as people:
        found = list(people.map(lambda one: told(world, *one), WORK))
    for (step, part, fault), code in zip(WORK, found, strict=True):
        failed = "microsoft_unavailable" if part in MICROSOFT else "storage_unavailable"
        assert code == ("" if part in step.once else failed), (step.name, part, fault)
    # a queue is everybody's: its silence comes after all others'
    assert told(world, ORDER, Part.QUEUE, "hang") == "storage_unavailable"
    counts = world.faults()["counts"]
    assert {"queue.hang", *(f"{part}.{fault}" for _, part, fault in WORK)} <= counts.keys()
