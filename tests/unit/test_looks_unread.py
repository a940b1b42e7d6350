"""What can't be read says nothing of the customer: it is looked for past the limit, and nobody hears no."""

import itertools
import json
from datetime import timedelta

import pytest

from association.answer import Answer
from association.consent import complete_consent, leave_for_consent
from association.errors import AssociationError
from association.facts import Record
from association.grants import PROPAGATION_LIMIT, UNREAD_LIMIT
from association.microsoft_errors import MicrosoftRefusedError, MicrosoftUnavailableError
from association.progress import progress
from association.rows import TaskKind
from association.session import Session
from association.sign_in import open_session
from association.steps import Cause
from association.verify import recheck
from tests.memory import ROLES, Memory, expects, identity, signed_in, taken
from tests.unit.test_applications import GRANTED, LISTED
from tests.unit.test_looks import EACH, Queue, Waits, waiting_for_access, watched
from tests.unit.test_news import opens, told

UNREAD: list[AssociationError] = [
    MicrosoftRefusedError(Answer.OUR_CREDENTIAL, correlation_id="c-1"),
    MicrosoftRefusedError(Answer.THROTTLED),
    MicrosoftUnavailableError("reason=test"),
]
CANNOT = pytest.mark.parametrize("trouble", UNREAD, ids=lambda error: str(error.answer))
LOOKS = (TaskKind.ACCESS, TaskKind.APPLICATION)
AWAITED = (Cause.ACCESS_AWAITED, Cause.APPLICATIONS_AWAITED)


@pytest.fixture
def memory() -> Memory:
    return expects(Memory(FURTHER_APPLICATIONS=json.dumps(LISTED[:1])))


def fails(memory: Memory, trouble: AssociationError) -> None:
    memory.entra.roles = memory.graph.applications = trouble


def closes(memory: Memory) -> None:
    """Microsoft answers, and the access isn't there."""
    memory.entra.roles, memory.graph.applications = frozenset(), {}


def session_of(memory: Memory, record: Record) -> Session:
    return open_session(memory.ports, record, identity(memory), memory.clock())


def cause(memory: Memory, record: Record) -> Cause:
    current = memory.record(record.facts.association_id)
    return progress(current, memory.clock(), memory.ports.settings.applications).cause


def noted(memory: Memory, record: Record) -> set[str]:
    return {event.what for event in memory.record(record.facts.association_id).events}


@EACH
@CANNOT
async def test_what_comes_after_hours_of_trouble_is_found_and_told(
    memory: Memory, waits: Waits, trouble: AssociationError
) -> None:
    record = await waits(memory)
    fails(memory, trouble)
    queue, asked = Queue(memory), watched(memory)
    await queue.run(timedelta(hours=2))
    assert cause(memory, record) in AWAITED
    assert told(memory, record) == []
    assert "access_missing" not in noted(memory, record)
    pauses = [later - earlier for earlier, later in itertools.pairwise(asked) if earlier > PROPAGATION_LIMIT]
    assert timedelta(minutes=3) < pauses[0] < pauses[-1]

    opens(memory)
    await queue.run(timedelta(hours=1))
    assert cause(memory, record) not in AWAITED
    assert [mail.kind for mail in told(memory, record)] == ["ready"]


@EACH
async def test_the_first_answer_after_the_trouble_decides(memory: Memory, waits: Waits) -> None:
    record = await waits(memory)
    fails(memory, UNREAD[0])
    queue = Queue(memory)
    await queue.run(timedelta(hours=2))
    closes(memory)
    await queue.run(timedelta(hours=1))
    assert cause(memory, record) not in AWAITED
    assert [mail.kind for mail in told(memory, record)] == ["late"]
    assert not queue.messages


@EACH
async def test_trouble_that_never_ends_is_given_up_after_a_day(memory: Memory, waits: Waits) -> None:
    record = await waits(memory)
    fails(memory, UNREAD[2])
    queue, asked = Queue(memory), watched(memory)
    await queue.run(2 * UNREAD_LIMIT)
    assert UNREAD_LIMIT < asked[-1] < 1.5 * UNREAD_LIMIT
    assert len(asked) < 60
    assert [mail.kind for mail in told(memory, record)] == ["late"]
    assert not queue.messages


@EACH
async def test_looks_come_no_sooner_than_microsoft_says(memory: Memory, waits: Waits) -> None:
    await waits(memory)
    fails(memory, MicrosoftUnavailableError("status=429", retry_after=300, answer=Answer.THROTTLED))
    queue, asked = Queue(memory), watched(memory)
    await queue.run()
    assert len(asked) > 3
    assert min(b - a for a, b in itertools.pairwise(asked)) >= timedelta(seconds=300)


@EACH
async def test_nor_does_the_first_look_after_the_way_back(memory: Memory, waits: Waits) -> None:
    fails(memory, MicrosoftUnavailableError("status=429", retry_after=300, answer=Answer.THROTTLED))
    await waits(memory)
    delays = [delay for task, delay in memory.tasks.sent if task.kind in LOOKS]
    assert delays
    assert min(delays) >= timedelta(seconds=300)


@EACH
async def test_support_reads_why_a_look_told_nothing(memory: Memory, waits: Waits) -> None:
    record = await waits(memory)
    fails(memory, UNREAD[0])
    await Queue(memory).run(timedelta(minutes=1))
    looks = [each for each in memory.record(record.facts.association_id).events if each.what == "looked"]
    assert {(each.by, each.new, each.correlation_id) for each in looks} == {
        ("microsoft", "our_credential", "c-1")
    }


async def test_asking_again_by_hand_notes_what_it_reads(memory: Memory) -> None:
    record = await waiting_for_access(memory)
    fails(memory, UNREAD[2])
    await Queue(memory).run(timedelta(hours=1))
    closes(memory)
    record = memory.record(record.facts.association_id)
    assert await recheck(memory.ports, record, session_of(memory, record)) is None
    assert cause(memory, record) is Cause.ACCESS_MISSING


@CANNOT
async def test_a_second_consent_that_cannot_be_read_takes_no_access_back(
    memory: Memory, trouble: AssociationError
) -> None:
    record = await waiting_for_access(memory)
    session = session_of(memory, record)
    for _ in range(2):
        flow = await taken(memory, await leave_for_consent(memory.ports, record, session))
        record = await complete_consent(memory.ports, flow, GRANTED, None)
        memory.entra.roles = ROLES if record.facts.access_proven_at is None else trouble
        record = memory.record(record.facts.association_id)
        memory.clock.advance(seconds=60)
    flow = await taken(memory, await leave_for_consent(memory.ports, record, session))
    after = await complete_consent(memory.ports, flow, GRANTED, None)
    assert after.facts.access_proven_at == record.facts.access_proven_at is not None
    assert after.events[-1].new == "access_unread"


async def test_a_token_that_graph_does_not_take_yet_is_no_access(memory: Memory) -> None:
    memory.entra.roles, memory.graph.is_open = ROLES, False
    record = await waiting_for_access(memory)
    queue = Queue(memory)
    await queue.run(timedelta(seconds=30))
    assert cause(memory, record) is Cause.ACCESS_AWAITED
    memory.graph.is_open = True
    await queue.run(timedelta(minutes=1))
    assert cause(memory, record) is Cause.CHECKS_TO_RUN


@EACH
async def test_whoever_came_back_during_the_trouble_is_still_told_how_it_ended(
    memory: Memory, waits: Waits
) -> None:
    record = await waits(memory)
    fails(memory, UNREAD[0])
    queue = Queue(memory)
    await queue.run(timedelta(minutes=40))
    await signed_in(memory, memory.record(record.facts.association_id))
    await queue.run(timedelta(minutes=20))
    closes(memory)
    await queue.run(timedelta(hours=2))
    assert cause(memory, record) not in AWAITED
    assert [mail.kind for mail in told(memory, record)] == ["late"]
