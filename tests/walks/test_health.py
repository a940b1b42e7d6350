"""`/health/details` tells what ends when, what failed for good, and what cannot sign."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from azure.storage.queue import QueueClient

from sandbox.running import running_parts
from tests.walks.world import World, running_product


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with running_parts(tmp_path_factory.mktemp("health"), credential="secret") as started:
        yield started


def details(world: World, status: int) -> dict[str, Any]:
    answer = world.get("/health/details")
    assert answer.status_code == status, answer.text
    return dict(answer.json())


def day(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


def test_a_certificate_tells_its_own_end(world: World) -> None:
    found = details(world, 200)
    assert (found["status"], found["settings"], found["storage"]) == ("ok", [], "ok")
    # the sandbox makes one for 90 days at each start
    assert found["credential"] == {
        "kind": "certificate",
        "status": "ok",
        "ends_on": day(90),
        "days_left": 90,
    }
    assert (found["portal_key"], found["poisoned_tasks"]) == ("ok", 0)


def test_anybody_is_told_only_that_it_is_alive(world: World) -> None:
    assert requests.get(f"{world.host}/health", timeout=10).json() == {"status": "ok"}


def test_a_secret_whose_end_nobody_noted_is_unknown_and_a_poisoned_task_is_a_warning(
    parts: dict[str, str],
) -> None:
    with running_product(parts) as world:
        found = details(world, 200)
        assert found["credential"] == {
            "kind": "secret",
            "status": "unknown",
            "ends_on": None,
            "days_left": None,
        }
        assert found["status"] == "ok"
        with QueueClient.from_connection_string(parts["storage"], "tasks-poison") as queue:
            queue.create_queue()
            queue.send_message("not a task")
        found = details(world, 200)
        assert (found["status"], found["poisoned_tasks"]) == ("warning", 1)


def test_a_secret_that_ends_soon_is_a_warning(parts: dict[str, str]) -> None:
    with running_product(parts, MICROSOFT_SECRET_ENDS=day(20)) as world:
        found = details(world, 200)
    assert found["status"] == "warning"
    assert found["credential"] == {
        "kind": "secret",
        "status": "warning",
        "ends_on": day(20),
        "days_left": 20,
    }


def test_a_secret_that_has_ended_is_no_health(parts: dict[str, str]) -> None:
    with running_product(parts, MICROSOFT_SECRET_ENDS=day(-1)) as world:
        found = details(world, 503)
        assert requests.get(f"{world.host}/health", timeout=10).status_code == 200
    assert (found["status"], found["credential"]["status"]) == ("expired", "expired")
    assert found["credential"]["days_left"] == -1
