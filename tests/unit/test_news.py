"""Word to whoever waited for Microsoft and has gone: once, only if they have gone, and not past the end."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from association.errors import StorageUnavailableError
from association.facts import Record
from association.grants import PROPAGATION_LIMIT
from association.legs import LIFETIME
from association.news import PATIENCE, tell_news
from association.outbox import deliver
from association.partition import Mail
from association.rows import Leg, Task, TaskKind
from association.sign_in import leave_for_sign_in, note_departure, note_return
from tests.memory import DOMAIN, NOW, ROLES, TENANT, Memory, expects, signed_in
from tests.unit.test_applications import CONTACT, HOLDS, LISTED
from tests.unit.test_looks import EACH, Queue, Waits, waiting_for_access, waiting_for_application

# What a look in the background ends with; an application that never came has no event of its own.
ENDS = ("access_proven", "access_missing", "application_proven")
A_WHILE = timedelta(seconds=40)


@pytest.fixture
def memory() -> Memory:
    return expects(Memory(FURTHER_APPLICATIONS=json.dumps(LISTED[:1])))


def opens(memory: Memory) -> None:
    """Microsoft opens the access that was waited for."""
    memory.entra.roles = ROLES
    memory.graph.applications = {CONTACT: HOLDS[CONTACT]}


def told(memory: Memory, record: Record) -> list[Mail]:
    outbox = memory.record(record.facts.association_id).outbox.values()
    return [mail for mail in outbox if mail.kind in ("ready", "late")]


def about(waits: Waits) -> str:
    return "access" if waits is waiting_for_access else "applications"


@EACH
async def test_whoever_left_is_told_once_that_it_is_ready(memory: Memory, waits: Waits) -> None:
    record = await waits(memory)
    queue = Queue(memory, copies=3)
    await queue.run(A_WHILE)
    assert told(memory, record) == []
    opens(memory)
    await queue.run()
    (mail,) = told(memory, record)
    assert (mail.kind, mail.about, mail.number) == ("ready", about(waits), 1)
    assert mail.key == f"ready-{about(waits)}-20261120T094200000000"
    task = Task(kind=TaskKind.MAIL, association_id=record.facts.association_id, key=mail.key)
    await deliver(memory.ports, task)
    (sent,) = memory.post.sent
    assert (sent.kind, sent.to) == ("ready", f"marie@{DOMAIN}")
    assert sent.values["link"].startswith("http://localhost:7071/a?k=")
    assert memory.record(record.facts.association_id).events[-2].what == "news"


@EACH
async def test_whoever_waited_in_vain_is_told_at_the_limit(memory: Memory, waits: Waits) -> None:
    record = await waits(memory)
    await Queue(memory, copies=2).run()
    (mail,) = told(memory, record)
    assert (mail.kind, mail.about) == ("late", about(waits))


@EACH
@pytest.mark.parametrize("comes", [True, False])
async def test_a_worker_that_dies_once_the_end_is_noted_still_leaves_word(
    memory: Memory, waits: Waits, comes: bool
) -> None:
    record = await waits(memory)
    queue, commit = Queue(memory), memory.associations.commit
    died: list[str] = []

    async def dying(before: Any, change: Any) -> Record:
        written = await commit(before, change)
        is_past = memory.clock() - NOW > PROPAGATION_LIMIT and change.event.what == "looked"
        if not died and (is_past or change.event.what in ENDS):
            died.append(change.event.what)
            raise StorageUnavailableError
        return written

    memory.associations.commit = dying  # type: ignore[method-assign]
    await queue.run(A_WHILE)
    if comes:
        opens(memory)
    await queue.run()
    assert died
    assert [mail.kind for mail in told(memory, record)] == ["ready" if comes else "late"]


@EACH
@pytest.mark.parametrize("does", ["leaves for Microsoft", "signs in"])
async def test_whoever_is_at_the_page_gets_no_mail(memory: Memory, waits: Waits, does: str) -> None:
    record = await waits(memory)
    queue = Queue(memory)
    await queue.run(A_WHILE)
    opens(memory)
    await queue.run(PATIENCE - timedelta(seconds=30))
    current = memory.record(record.facts.association_id)
    if does == "signs in":
        await signed_in(memory, current)
    else:
        await note_departure(memory.ports, current, Leg.CONFIRM)
    await queue.run()
    assert told(memory, record) == []


@EACH
@pytest.mark.parametrize("comes_back", [True, False])
async def test_a_stranger_who_goes_to_sign_in_is_not_taken_for_whoever_waits(
    memory: Memory, waits: Waits, comes_back: bool
) -> None:
    """The link was passed on: nobody knows who presses the button, or came back without signing in."""
    record = await waits(memory)
    queue = Queue(memory)
    await queue.run(A_WHILE)
    opens(memory)
    await queue.run(PATIENCE - timedelta(seconds=30))
    await leave_for_sign_in(memory.ports, memory.record(record.facts.association_id))
    if comes_back:
        memory.clock.advance(seconds=1)
        await note_return(memory.ports, record.facts.association_id)
    await queue.run()
    assert [mail.kind for mail in told(memory, record)] == ["ready"]


@EACH
@pytest.mark.parametrize("comes_back", [True, False])
async def test_whoever_is_kept_at_microsofts_is_told_only_once_they_are_past_coming_back(
    memory: Memory, waits: Waits, comes_back: bool
) -> None:
    record = await waits(memory)
    queue = Queue(memory)
    await queue.run(A_WHILE)
    await note_departure(memory.ports, memory.record(record.facts.association_id), Leg.CONFIRM)
    left_at = memory.clock()
    opens(memory)
    await queue.run(LIFETIME - timedelta(minutes=1))
    assert told(memory, record) == []
    if comes_back:
        await note_return(memory.ports, record.facts.association_id)
    await queue.run(timedelta(minutes=5))
    if comes_back:
        assert told(memory, record) == []
    else:
        (mail,) = told(memory, record)
        assert (mail.kind, mail.created_at) == ("ready", left_at + LIFETIME)


@EACH
@pytest.mark.parametrize("kind", ["ready", "late"])
async def test_word_that_has_been_overtaken_while_it_waited_to_leave_stays(
    memory: Memory, waits: Waits, kind: str
) -> None:
    """The mail server was down: by now the person has consented again, and waits for that."""
    record = await waits(memory)
    queue = Queue(memory)
    await queue.run(A_WHILE)
    if kind == "ready":
        opens(memory)
    await queue.run()
    (mail,) = told(memory, record)
    current = memory.record(record.facts.association_id)
    again = memory.clock()
    if waits is waiting_for_access:
        memory.put(current, consented_at=again, access_lost_at=None, access_proven_at=None)
    else:
        (grant,) = current.grants.values()
        row = {key: replace(grant, consented_at=again, proven_at=None) for key in current.grants}
        memory.put(replace(current, grants=row))
    task = Task(kind=TaskKind.MAIL, association_id=record.facts.association_id, key=mail.key)
    await deliver(memory.ports, task)
    assert memory.post.sent == []
    (mail,) = told(memory, record)
    assert mail.reason == "overtaken"


@EACH
@pytest.mark.parametrize(
    "ended",
    [
        {"closed_at": NOW},
        {"link_revoked_at": NOW},
        {"link_expires_at": NOW},
        {"link_kid": "gone"},
        {"generation": 1},
    ],
)
@pytest.mark.parametrize("is_seen", [False, True], ids=["before it was seen", "before it was told"])
async def test_nobody_is_called_back_to_what_has_ended(
    memory: Memory, waits: Waits, ended: dict[str, Any], is_seen: bool
) -> None:
    record = await waits(memory)
    queue = Queue(memory)
    if is_seen:
        opens(memory)
    await queue.run(A_WHILE)
    opens(memory)
    assert (TaskKind.NEWS in [task.kind for _, _, task in queue.messages]) == is_seen
    changed = dict(ended, bound_tenant_id=TENANT, bound_at=NOW) if "generation" in ended else ended
    memory.put(memory.record(record.facts.association_id), **changed)
    await queue.run()
    assert told(memory, record) == []


@EACH
async def test_another_consent_is_news_of_its_own(memory: Memory, waits: Waits) -> None:
    record = await waits(memory)
    await Queue(memory).run()
    assert [mail.kind for mail in told(memory, record)] == ["late"]
    current = memory.record(record.facts.association_id)
    again = memory.clock()
    if waits is waiting_for_access:
        memory.put(current, consented_at=again, access_lost_at=None, access_proven_at=again)
    else:
        grant = replace(current.grants["contact", TENANT], consented_at=again, proven_at=again)
        memory.put(replace(current, grants={("contact", TENANT): grant}))
    memory.clock.advance(minutes=2)
    await tell_news(memory.ports, Task(kind=TaskKind.NEWS, association_id=record.facts.association_id))
    assert [mail.kind for mail in told(memory, record)] == ["late", "ready"]


async def test_with_nobody_to_write_to_nothing_is_written(memory: Memory) -> None:
    record = await waiting_for_access(memory)
    memory.put(memory.record(record.facts.association_id), administrator=0)
    await Queue(memory).run()
    assert told(memory, record) == []


async def test_of_several_applications_the_last_one_decides() -> None:
    memory = expects(Memory(FURTHER_APPLICATIONS=json.dumps(LISTED)))
    record = await waiting_for_application(memory)
    queue = Queue(memory)
    await queue.run(A_WHILE)
    opens(memory)
    await queue.run()
    # the other one has never been consented to: the person has something to do, and isn't waiting
    assert told(memory, record) == []
