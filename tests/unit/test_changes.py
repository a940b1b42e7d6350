"""How facts change: decided on what was read, decided again on what stands."""

from dataclasses import replace
from datetime import timedelta

import pytest

from association.changes import ATTEMPTS, SAFETY_DELAY, change, changed, commit, new_mails
from association.errors import AssociationUnknownError, ConcurrentChangeError
from association.facts import Change, Record
from association.partition import Event, Mail
from association.rows import Task, TaskKind
from tests.memory import NOW, Memory, ordered

EVENT = Event(what="renamed", at=NOW)


@pytest.fixture
def memory() -> Memory:
    return Memory()


async def meddling(memory: Memory, record: Record, times: int) -> None:
    """The facts change under the next `times` commits."""
    if times:

        async def interfere() -> None:
            memory.put(memory.record(record.facts.association_id))
            await meddling(memory, record, times - 1)

        memory.associations.interference = interfere


def rename(record: Record) -> Change:
    return changed(record, EVENT, company_name=record.facts.company_name + "!")


async def test_a_conflict_is_read_again_and_decided_again(memory: Memory) -> None:
    record = await ordered(memory)
    memory.put(record, company_name="Other")
    after = await change(memory.ports, record.facts.association_id, rename, record)
    assert after.facts.company_name == "Other!"


async def test_facts_that_never_hold_still_are_given_up(memory: Memory) -> None:
    record = await ordered(memory)
    await meddling(memory, record, ATTEMPTS - 1)
    await change(memory.ports, record.facts.association_id, rename)
    await meddling(memory, record, ATTEMPTS)
    with pytest.raises(ConcurrentChangeError):
        await change(memory.ports, record.facts.association_id, rename)


async def test_what_is_not_there_is_not_changed(memory: Memory) -> None:
    with pytest.raises(AssociationUnknownError):
        await change(memory.ports, "f" * 32, rename)


async def test_nothing_to_do_writes_nothing(memory: Memory) -> None:
    record = await ordered(memory)
    commits = memory.associations.commits
    assert await change(memory.ports, record.facts.association_id, lambda _: None) == record
    assert memory.associations.commits == commits


async def test_each_change_is_one_event_of_the_next_version(memory: Memory) -> None:
    record = await ordered(memory)
    after = await change(memory.ports, record.facts.association_id, rename)
    assert after.facts.version == record.facts.version + 1
    assert after.events[-1] == replace(EVENT, version=after.facts.version)


async def test_a_mail_is_promised_before_the_change_and_after_it(memory: Memory) -> None:
    record = await ordered(memory)
    memory.tasks.sent.clear()
    mail = Mail(key="k", kind="code", person=1, created_at=NOW)
    await commit(memory.ports, record, replace(rename(record), mails=(mail,)))
    task = Task(kind=TaskKind.MAIL, association_id=record.facts.association_id, key="k")
    assert memory.tasks.sent == [(task, SAFETY_DELAY), (task, timedelta(0))]


async def test_a_change_that_was_not_written_is_announced_with_the_delay_alone(memory: Memory) -> None:
    record = await ordered(memory)
    memory.put(record)
    memory.tasks.sent.clear()
    mail = Mail(key="k", kind="code", person=1, created_at=NOW)
    with pytest.raises(ConcurrentChangeError):
        await commit(memory.ports, record, replace(rename(record), mails=(mail,)))
    assert [delay for _, delay in memory.tasks.sent] == [SAFETY_DELAY]


async def test_a_mail_that_is_there_or_goes_to_nobody_is_not_new(memory: Memory) -> None:
    record = await ordered(memory)
    known = record.outbox["invitation-1"]
    nobody = Mail(key="x", kind="code", person=0, created_at=NOW)
    fresh = Mail(key="y", kind="code", person=1, created_at=NOW)
    assert new_mails(record, known, nobody, fresh) == (fresh,)
    assert new_mails(None, known) == (known,)
