"""The journey's state machine, a fixed budget of it: the same examples in every run.

On Azurite, and, for many more examples in the same time, on tables in memory. The long search is
`python -m tests.model` (see there).
"""

import logging
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.ground import Ground
from tests.model.machine import Journey

pytest_plugins = ["tests.azurite"]
STEPS = 40
ON_AZURITE, IN_MEMORY = 2, 70
STEPS_ON_AZURITE = 25
MOST_SEARCHES = 5
# A search that never gets there would hold whatever the product does.
REACHED = {
    "bound",
    "tenant_bound_elsewhere",
    "tenant_unexpected",
    "tenant_accepted",
    "application_waived",
    "closed",
    "order_completed",
    "link_renewed",
    "link_revoked",
    "person_erased",
    "an old token at the last leg",
    "a domain not listed at the last leg",
    "looked",
    "mail ready",
    "a look that Microsoft failed",
    "died: browser",
    "died: order",
    "died: mail",
    "at once",
}
REACHED_ON_AZURITE = {"bound", "mail associated", "died: browser", "at once"}


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Thousands of refusals are meant; the example that fails is told by its steps."""
    caplog.set_level(logging.CRITICAL, logger="functions")


@pytest.fixture
def in_memory() -> Iterator[Ground]:
    ground = Ground()
    yield ground
    ground.close()


@pytest.fixture
def on_azurite(storage_connection_string: str) -> Iterator[Ground]:
    ground = Ground(storage_connection_string)
    yield ground
    ground.close()


def searched(ground: Ground, examples: int, number: int = 0, steps: int = STEPS) -> Counter[str]:
    """What the examples of the search `number` came to. Raises when something that must hold doesn't."""
    Journey.ground, Journey.reached = ground, Counter()

    @seed(number)
    class Seeded(Journey):
        pass

    budget = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Seeded, settings=budget)
    return Journey.reached


def test_nothing_that_people_microsoft_time_and_crashes_do_breaks_an_association(in_memory: Ground) -> None:
    """What one search doesn't come by, another one does: which, changes with every change of the product."""
    missing = REACHED - searched(in_memory, IN_MEMORY).keys()
    for number in range(1, MOST_SEARCHES):
        if missing:
            missing -= searched(in_memory, IN_MEMORY // 2, number).keys()
    assert missing == set()


def test_it_holds_on_azurite(on_azurite: Ground) -> None:
    """Fewer and shorter examples, and more of them only until all this has been met."""
    missing = set(REACHED_ON_AZURITE)
    for number in range(MOST_SEARCHES):
        if missing:
            missing -= searched(on_azurite, ON_AZURITE, number, STEPS_ON_AZURITE).keys()
    assert missing == set()
