"""Support has a mail tried again that the mail server had refused."""

from dataclasses import replace
from datetime import timedelta

import pytest

from association.errors import MailRefusedError, RequestInvalidError
from association.facts import Record
from association.outbox import BACK_OFF, FOR_GOOD, MOST_ATTEMPTS, deliver
from association.partition import Mail, MailStatus
from association.resend import resend_mail
from association.rows import Task, TaskKind
from tests.memory import Memory, ordered

KEY = "invitation-1"
REASON = "server mended"


@pytest.fixture
def memory() -> Memory:
    return Memory()


def mail_of(memory: Memory, record: Record) -> Mail:
    return memory.record(record.facts.association_id).outbox[KEY]


def task_of(record: Record) -> Task:
    return Task(kind=TaskKind.MAIL, association_id=record.facts.association_id, key=KEY)


async def failed(memory: Memory) -> Record:
    record = await ordered(memory)
    memory.post.failures = [MailRefusedError("refused code=550")] * MOST_ATTEMPTS
    for _ in range(MOST_ATTEMPTS):
        await deliver(memory.ports, task_of(record))
        memory.clock.advance(seconds=BACK_OFF[-1])
    assert mail_of(memory, record).status is MailStatus.FAILED
    memory.tasks.sent.clear()
    return record


async def resend(memory: Memory, record: Record, key: str = KEY, reason: str = REASON) -> Record:
    return await resend_mail(memory.ports, record.facts.association_id, key, reason)


async def test_a_mail_that_failed_is_tried_again_under_its_own_message_id(memory: Memory) -> None:
    record = await failed(memory)
    after = await resend(memory, record)
    assert (after.events[-1].what, after.events[-1].old, after.events[-1].new) == ("mail_resent", KEY, REASON)
    assert memory.tasks.sent == [(task_of(record), timedelta(seconds=60)), (task_of(record), timedelta(0))]
    await deliver(memory.ports, task_of(record))
    (sent,) = memory.post.sent
    assert sent.message_id == f"<{record.facts.association_id}.{KEY}@sage.example>"
    assert mail_of(memory, record).status is MailStatus.SENT


async def test_a_request_that_is_repeated_changes_nothing(memory: Memory) -> None:
    """Whoever got no answer asks again: the mail is on its way, and the answer says so."""
    record = await failed(memory)
    first = await resend(memory, record)
    assert await resend(memory, record) == first


async def test_a_request_whose_own_writing_went_unheard_meets_itself(memory: Memory) -> None:
    record = await failed(memory)

    async def overtaken() -> None:
        await resend(memory, record)

    memory.associations.interference = overtaken
    after = await resend(memory, record)
    assert after.outbox[KEY].status is MailStatus.DUE
    assert [event.what for event in after.events].count("mail_resent") == 1


@pytest.mark.parametrize("reason", FOR_GOOD)
async def test_what_no_repeat_would_send_is_refused(memory: Memory, reason: str) -> None:
    record = await failed(memory)
    mail = replace(mail_of(memory, record), reason=reason)
    memory.put(replace(memory.record(record.facts.association_id), outbox={KEY: mail}))
    memory.tasks.sent.clear()
    with pytest.raises(RequestInvalidError) as caught:
        await resend(memory, record)
    assert caught.value.problems == {"mail": "not_failed"}
    assert memory.tasks.sent == []


@pytest.mark.parametrize("key", [KEY, "invitation-2"])
async def test_a_mail_that_was_sent_or_never_written_is_refused(memory: Memory, key: str) -> None:
    record = await ordered(memory)
    await deliver(memory.ports, task_of(record))
    with pytest.raises(RequestInvalidError):
        await resend(memory, record, key)


async def test_without_a_reason_nothing_is_sent(memory: Memory) -> None:
    record = await failed(memory)
    with pytest.raises(RequestInvalidError):
        await resend(memory, record, reason=" ")
    assert mail_of(memory, record).status is MailStatus.FAILED
