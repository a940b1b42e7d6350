"""The chain of looks in the background: one for each consent, slower and slower, and over at the limit."""

import heapq
import itertools
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from association.access import look_for_access
from association.answer import Answer
from association.applications import complete_application, leave_for_application
from association.consent import complete_consent, leave_for_consent
from association.errors import StorageUnavailableError
from association.facts import Record
from association.grants import PROPAGATION_LIMIT
from association.looks import BACK_OFF, pause
from association.microsoft_errors import MicrosoftRefusedError
from association.news import tell_news
from association.ports import Ports
from association.roles import look_for_grant
from association.rows import Task, TaskKind
from association.sign_in import open_session
from association.verify import complete_confirm, confirm
from tests.memory import (
    NOW,
    ROLES,
    TENANT,
    Memory,
    expects,
    identity,
    ordered,
    person_facts,
    signed_in,
    taken,
    tenant_facts,
)
from tests.unit.test_applications import GRANTED, HOLDS, LISTED, checked

Work = Callable[[Ports, Task], Awaitable[None]]
DO: dict[TaskKind, Work] = {
    TaskKind.ACCESS: look_for_access,
    TaskKind.APPLICATION: look_for_grant,
    TaskKind.NEWS: tell_news,
}
CANCELLED = {"error": "access_denied"}
LONG = PROPAGATION_LIMIT + timedelta(minutes=10)


class Queue:
    """The queue's messages, worked on when they become visible, by the clock of `memory`.

    `copies` of each message arrive; `disturb` is called before each and may raise what ends the worker, after
    which the message comes again.
    """

    def __init__(self, memory: Memory, copies: int = 1) -> None:
        self.memory, self.copies = memory, copies
        self.messages: list[tuple[datetime, int, Task]] = []
        self.numbers = itertools.count()
        self.worked_on: list[tuple[TaskKind, timedelta]] = []

    def take(self) -> None:
        """Move what was sent since into the queue."""
        for task, delay in self.memory.tasks.sent:
            for _ in range(self.copies if task.kind in DO else 0):
                self._put(task, delay)
        self.memory.tasks.sent.clear()

    async def run(self, span: timedelta = LONG) -> None:
        """Work on everything that becomes visible within `span`."""
        self.take()
        end = self.memory.clock() + span
        while self.messages and self.messages[0][0] <= end:
            at, _, task = heapq.heappop(self.messages)
            self.memory.clock.at = max(at, self.memory.clock())
            self.worked_on.append((task.kind, self.memory.clock() - NOW))
            try:
                await DO[task.kind](self.memory.ports, task)
            except StorageUnavailableError:
                self._put(task, timedelta(minutes=2))
            self.take()
        self.memory.clock.at = max(end, self.memory.clock())

    def _put(self, task: Task, delay: timedelta) -> None:
        heapq.heappush(self.messages, (self.memory.clock() + delay, next(self.numbers), task))


def schedule() -> list[timedelta]:
    """When the looks are to happen, from the consent on."""
    at, moments = timedelta(), []
    for looks in itertools.count():
        at += pause(looks, NOW, NOW + at)
        moments.append(at)
        if at > PROPAGATION_LIMIT:
            return moments
    raise AssertionError


def watched(memory: Memory) -> list[timedelta]:
    """The moments of every question that is asked of Microsoft from now on."""
    moments: list[timedelta] = []
    entra, graph = memory.entra.app_roles, memory.graph.application_roles

    async def app_roles(tenant_id: str) -> frozenset[str]:
        moments.append(memory.clock() - NOW)
        return await entra(tenant_id)

    async def application_roles(*asked: Any) -> Any:
        moments.append(memory.clock() - NOW)
        return await graph(*asked)

    memory.entra.app_roles = app_roles  # type: ignore[method-assign]
    memory.graph.application_roles = application_roles  # type: ignore[assignment, method-assign]
    return moments


async def waiting_for_access(memory: Memory) -> Record:
    expects(memory)
    record, session = await signed_in(memory, await ordered(memory))
    memory.tasks.sent.clear()
    flow = await taken(memory, await leave_for_consent(memory.ports, record, session))
    return await complete_consent(memory.ports, flow, GRANTED, None)


async def waiting_for_application(memory: Memory) -> Record:
    memory.entra.roles, memory.graph.tenant, memory.graph.person = ROLES, tenant_facts(), person_facts()
    record, session = await checked(memory)
    memory.tasks.sent.clear()
    departure = await leave_for_application(memory.ports, record, session, "contact")
    assert departure
    flow = await taken(memory, departure)
    return await complete_application(memory.ports, flow, GRANTED, None)


Waits = Callable[[Memory], Awaitable[Record]]
EACH = pytest.mark.parametrize("waits", [waiting_for_access, waiting_for_application])


@pytest.fixture
def memory() -> Memory:
    return expects(Memory(FURTHER_APPLICATIONS=json.dumps(LISTED[:1])))


def looks_of(memory: Memory, record: Record) -> int:
    current = memory.record(record.facts.association_id)
    return current.grants["contact", TENANT].looks if current.grants else current.facts.looks


def counted(memory: Memory, record: Record) -> list[str]:
    events = memory.record(record.facts.association_id).events
    return [event.new for event in events if event.what == "looked"]


def test_the_pauses_grow_and_the_last_look_is_at_the_limit() -> None:
    moments = schedule()
    assert [moment.total_seconds() for moment in moments[:4]] == [2, 5, 10, 15]
    assert all(later > earlier for earlier, later in itertools.pairwise(moments))
    assert PROPAGATION_LIMIT <= moments[-1] <= PROPAGATION_LIMIT + timedelta(seconds=1)
    assert max(b - a for a, b in itertools.pairwise(moments)) == timedelta(seconds=BACK_OFF[-1])


@EACH
@pytest.mark.parametrize("copies", [1, 3])
async def test_one_chain_looks_until_the_limit_however_often_a_message_comes(
    memory: Memory, waits: Waits, copies: int
) -> None:
    queue = Queue(memory, copies)
    record = await waits(memory)
    asked = watched(memory)
    await queue.run()
    assert asked == schedule()
    assert looks_of(memory, record) >= len(asked) - 1
    assert counted(memory, record) == [str(number + 1) for number in range(looks_of(memory, record))]
    assert not queue.messages


@EACH
async def test_a_chain_begun_again_and_again_stays_one(memory: Memory, waits: Waits) -> None:
    """« Revérifier » begins one each time: the looks come sooner, and no second chain lives on."""
    record = await waits(memory)
    queue, asked = Queue(memory), watched(memory)
    for _ in range(3):
        await queue.run(timedelta(seconds=20))
        departure = await confirm(memory.ports, memory.record(record.facts.association_id), *_person(record))
        memory.graph.tenant = tenant_facts(roles=frozenset() if waits is waiting_for_access else ROLES)
        await complete_confirm(memory.ports, await taken(memory, departure), {"code": "code"})
    asked.clear()
    await queue.run()
    pauses = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(asked)]
    assert pauses[1:-2] == [BACK_OFF[-1]] * len(pauses[1:-2])
    assert PROPAGATION_LIMIT <= asked[-1] <= PROPAGATION_LIMIT + timedelta(seconds=1)


def _person(record: Record) -> tuple[str, str]:
    return record.facts.tenant_id, record.facts.object_id


@EACH
@pytest.mark.parametrize("dies_at", ["before the count", "after the count"])
async def test_a_worker_that_dies_at_any_look_ends_no_chain(
    memory: Memory, waits: Waits, dies_at: str
) -> None:
    record = await waits(memory)
    queue = Queue(memory)
    commit, commits = memory.associations.commit, itertools.count()

    async def dying(before: Any, change: Any) -> Record:
        dies = change.event.what == "looked" and next(commits) % 2 == 0
        if dies and dies_at == "before the count":
            raise StorageUnavailableError
        written = await commit(before, change)
        if dies:
            raise StorageUnavailableError
        return written

    memory.associations.commit = dying  # type: ignore[method-assign]
    asked = watched(memory)
    await queue.run(timedelta(minutes=30))
    assert asked[-1] >= PROPAGATION_LIMIT
    # a look whose count was lost is made again
    assert looks_of(memory, record) <= len(asked) <= 2 * len(schedule())


async def cancels(memory: Memory, waits: Waits, record: Record) -> Record:
    """The same consent was asked for in another tab, and is refused there."""
    current = memory.record(record.facts.association_id)
    session = open_session(memory.ports, current, identity(memory), memory.clock())
    memory.entra.refused = MicrosoftRefusedError(Answer.CANCELLED)
    if waits is waiting_for_access:
        departure = await leave_for_consent(memory.ports, current, session)
        return await complete_consent(memory.ports, await taken(memory, departure), CANCELLED, None)
    asked_again = await leave_for_application(memory.ports, current, session, "contact")
    assert asked_again
    return await complete_application(memory.ports, await taken(memory, asked_again), CANCELLED, None)


@EACH
async def test_a_consent_that_is_awaited_is_not_taken_back_by_a_refusal_in_another_tab(
    memory: Memory, waits: Waits
) -> None:
    record = await waits(memory)
    queue = Queue(memory)
    await queue.run(timedelta(seconds=30))
    before = memory.record(record.facts.association_id)
    after = await cancels(memory, waits, record)
    assert (after.facts.consented_at, after.facts.consent_refused_at) == (before.facts.consented_at, None)
    assert after.grants == before.grants
    assert after.events[-1].new == "cancelled"
    memory.entra.roles, memory.graph.applications = ROLES, HOLDS
    await queue.run(timedelta(minutes=1))
    events = memory.record(record.facts.association_id).events
    assert {"access_proven", "application_proven"} & {event.what for event in events[len(after.events) :]}


@EACH
async def test_past_the_limit_a_refusal_is_what_counts(memory: Memory, waits: Waits) -> None:
    record = await waits(memory)
    await Queue(memory).run()
    after = await cancels(memory, waits, record)
    refused = after.grants["contact", TENANT].refused_at if after.grants else after.facts.consent_refused_at
    assert refused == memory.clock()


async def test_messages_of_an_earlier_consent_look_at_nothing(memory: Memory) -> None:
    record = await waiting_for_access(memory)
    queue, asked = Queue(memory), watched(memory)
    memory.put(record, consented_at=NOW + timedelta(seconds=30))
    await queue.run()
    assert (asked, queue.messages) == ([], [])


async def test_of_two_deliveries_at_once_one_goes_on(memory: Memory) -> None:
    """Both look before either has counted: whoever counts first sends the next message."""
    record = await waiting_for_access(memory)
    task = memory.tasks.sent[-1][0]
    memory.tasks.sent.clear()

    async def overtaken() -> None:
        await look_for_access(memory.ports, task)

    memory.associations.interference = overtaken
    await look_for_access(memory.ports, task)
    at_once = [delay for _, delay in memory.tasks.sent if delay < timedelta(seconds=30)]
    assert at_once == [timedelta(seconds=BACK_OFF[1])]
    assert looks_of(memory, record) == 1
