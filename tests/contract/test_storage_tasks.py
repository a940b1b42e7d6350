"""The queue on Azurite."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from azure.core.pipeline.transport import AsyncioRequestsTransport
from azure.storage.queue.aio import QueueClient

from adapters.storage.tasks import Tasks
from association.rows import Task, TaskKind

pytest_plugins = ["tests.azurite"]

TASK = Task(kind=TaskKind.MAIL, association_id="a" * 32, key="invitation/1 é", attempt=2)


@pytest.fixture
async def tasks(storage_connection_string: str, unique: str) -> AsyncIterator[Tasks]:
    opened = Tasks(storage_connection_string, f"q{unique}", timeout=10)
    yield opened
    await opened.close()


@pytest.fixture
async def queue(storage_connection_string: str, unique: str) -> AsyncIterator[QueueClient]:
    async with QueueClient.from_connection_string(
        storage_connection_string, f"q{unique}", transport=AsyncioRequestsTransport()
    ) as opened:
        yield opened


async def test_the_first_message_creates_the_queue_and_arrives_as_plain_json(
    tasks: Tasks, queue: QueueClient
) -> None:
    await tasks.send(TASK)
    message = await queue.receive_message()
    assert message
    assert message.content.startswith('{"kind":"mail",')
    assert Tasks.parse(message.content) == TASK


async def test_racing_first_messages_all_arrive(tasks: Tasks, queue: QueueClient) -> None:
    await asyncio.gather(*(tasks.send(TASK) for _ in range(10)))
    assert len([message async for message in queue.receive_messages(max_messages=10)]) == 10


async def test_a_delayed_message_is_not_visible_before_its_time(tasks: Tasks, queue: QueueClient) -> None:
    await tasks.send(TASK, timedelta(milliseconds=1200))
    assert await queue.receive_message() is None
    await asyncio.sleep(1.3)
    assert await queue.receive_message() is None
    await asyncio.sleep(1.2)
    assert await queue.receive_message() is not None


async def test_a_message_may_be_delayed_by_seven_days_and_never_expires(
    tasks: Tasks, queue: QueueClient
) -> None:
    await tasks.send(TASK, timedelta(days=7))
    await tasks.send(TASK)
    message = await queue.receive_message()
    assert (await queue.get_queue_properties()).approximate_message_count == 2
    assert message and message.expires_on and message.expires_on.year == 9999


@pytest.mark.parametrize("delay", [timedelta(seconds=-1), timedelta(days=7, seconds=1)])
async def test_another_delay_is_refused(tasks: Tasks, delay: timedelta) -> None:
    with pytest.raises(ValueError, match="7 days"):
        await tasks.send(TASK, delay)


def test_a_task_of_an_older_or_newer_version_is_understood() -> None:
    text = '{"kind":"mail","association_id":"a","added_later":1}'
    assert Tasks.parse(text) == Task(kind=TaskKind.MAIL, association_id="a")


@pytest.mark.parametrize(
    "text", ["", "x", "[]", "null", "{}", '{"kind":"mail"}', '{"kind":"odd","association_id":"a"}', "1"]
)
def test_a_message_that_is_no_task_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Tasks.parse(text)


async def test_messages_that_failed_for_good_are_counted(
    tasks: Tasks, storage_connection_string: str, unique: str
) -> None:
    assert await tasks.poisoned() == 0
    poison = Tasks(storage_connection_string, f"q{unique}-poison", timeout=10)
    for _ in range(3):
        await poison.send(TASK)
    assert await tasks.poisoned() == 3
    await poison.close()
