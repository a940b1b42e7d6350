"""The queue under a clock that can be moved: Azurite's own can't, so what is due later waits in a queue
beside it, whose keeper hands it over when its time has come.

A delayed message is as safe there as on the queue itself: it is stored before `send` returns.
"""

import asyncio
import heapq
import itertools
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import timedelta

from azure.core.exceptions import ResourceExistsError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from adapters.storage.tasks import LONGEST_DELAY, NEVER, Tasks
from association.rows import Task
from tests.storm.clock import Clock

QUEUE = "tasks"
LATER = "tasks-later"
POISON = "tasks-poison"
LOOK_SECONDS = 0.2
AT_ONCE = 32
# Time goes a little further than to the next message, for the sake of those that are due soon after it.
BEYOND_SECONDS = 30.0
# The keeper outlives what it takes: its messages are gone before they could be handed out again.
TAKEN_SECONDS = 600


class MovableTasks(Tasks):
    """The product's queue, except that delays are of `clock`."""

    def __init__(self, connection_string: str, clock: Clock, timeout: float) -> None:
        super().__init__(connection_string, QUEUE, timeout=timeout)
        self._later = Tasks(connection_string, LATER, timeout=timeout)
        self._clock = clock

    async def send(self, task: Task, delay: timedelta = timedelta(0)) -> None:
        if not delay:
            await super().send(task)
            return
        if not timedelta(0) < delay <= LONGEST_DELAY:
            raise ValueError("a delay is between 0 and 7 days")
        due = (self._clock.now() + delay).timestamp()
        await self._later._send(json.dumps({**asdict(task), "due": due}), 0)


class Keeper:
    """Hands over what is due, and moves time to the next message when there is nothing else to do.

    `connection_string` leads to storage without faults; `may_jump` says whether nobody minds; `moved` is told
    by how many seconds time was moved.
    """

    def __init__(
        self,
        connection_string: str,
        clock: Clock,
        may_jump: Callable[[], bool],
        moved: Callable[[float], Awaitable[None]],
    ) -> None:
        self._tasks, self._later, self._poison = (
            QueueClient.from_connection_string(connection_string, name) for name in (QUEUE, LATER, POISON)
        )
        self._clock = clock
        self._may_jump = may_jump
        self._moved = moved
        self._waiting: list[tuple[float, int, str]] = []
        self._number = itertools.count()
        self.is_done = False
        self.jumped_seconds = 0.0

    async def open(self) -> None:
        """Make the queues."""
        for queue in (self._tasks, self._later, self._poison):
            with suppress(ResourceExistsError):
                await queue.create_queue()

    async def close(self) -> None:
        for queue in (self._tasks, self._later, self._poison):
            await queue.close()

    async def keep(self) -> None:
        """Until cancelled. `is_done` is true while nothing at all is left to do, now or later."""
        while True:
            # in turns, and many at once: on Azure no message that is due waits for another one
            moved = await self._take_in() + await self._hand_over()
            if not moved and self._may_jump():
                await self._jump_if_idle()
            if moved < AT_ONCE:
                await asyncio.sleep(LOOK_SECONDS)

    async def poisoned(self) -> int:
        return await _count(self._poison)

    async def _take_in(self) -> int:
        """Take over one batch of what there is; how many messages that was."""
        batch = await self._batch()
        for message in batch:
            task = json.loads(message.content)
            due = task.pop("due")
            heapq.heappush(self._waiting, (due, next(self._number), json.dumps(task)))
        # what stays would be looked through by every later call
        await asyncio.gather(*(self._later.delete_message(message) for message in batch))
        return len(batch)

    async def _batch(self) -> list[QueueMessage]:
        pages = self._later.receive_messages(
            messages_per_page=AT_ONCE, max_messages=AT_ONCE, visibility_timeout=TAKEN_SECONDS
        )
        return [message async for message in pages]

    async def _hand_over(self) -> int:
        due: list[str] = []
        while self._waiting and self._waiting[0][0] <= self._clock.seconds() and len(due) < AT_ONCE:
            due.append(heapq.heappop(self._waiting)[2])
        await asyncio.gather(*(self._tasks.send_message(task, time_to_live=NEVER) for task in due))
        return len(due)

    async def _jump_if_idle(self) -> None:
        """What a message leads to is sent before the message goes: an empty queue hides nothing."""
        if await _count(self._tasks) or await self._take_in() or not self._may_jump():
            return
        self.is_done = not self._waiting
        if self._waiting and (seconds := self._waiting[0][0] + BEYOND_SECONDS - self._clock.seconds()) > 0:
            self._clock.advance(seconds)
            self.jumped_seconds += seconds
            await self._moved(seconds)


async def _count(queue: QueueClient) -> int:
    """How many messages there are, those that are hidden included."""
    properties = await queue.get_queue_properties()
    return int(properties.approximate_message_count or 0)
