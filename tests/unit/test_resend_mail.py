"""Support has a mail tried again that the mail server had refused."""

from dataclasses import replace
from datetime import timedelta

import pytest

from association.changes import OVERTAKEN
from association.close import close
from association.erase import erase_person
from association.errors import MailRefusedError, OrderClosedError, RequestInvalidError
from association.facts import Record
from association.outbox import BACK_OFF, FOR_GOOD, MOST_ATTEMPTS, deliver
from association.partition import SUPPORT, Mail, MailStatus
from association.renew import renew_link
from association.resend import resend_mail
from association.rows import Task, TaskKind
from tests.memory import ORDER, Memory, ordered

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


@pytest.mark.parametrize("is_overtaken", [False, True])
async def test_the_id_may_be_written_in_capitals(memory: Memory, is_overtaken: bool) -> None:
    record = await failed(memory)

    async def overtaken() -> None:
        memory.put(memory.record(record.facts.association_id), company_name="Dupont SARL")

    memory.associations.interference = overtaken if is_overtaken else None
    await resend_mail(memory.ports, f" {record.facts.association_id.upper()} ", KEY, REASON)
    assert memory.tasks.sent == [(task_of(record), timedelta(seconds=60)), (task_of(record), timedelta(0))]
    await deliver(memory.ports, memory.tasks.sent[-1][0])
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


async def test_what_was_overtaken_and_is_so_again_is_tried_again(memory: Memory) -> None:
    record = await ordered(memory, mpn_id="")
    key = f"order_incomplete-{ORDER['order_number']}"
    held = replace(record.outbox[key], status=MailStatus.FAILED, reason=OVERTAKEN)
    memory.put(replace(record, outbox={key: held}))
    after = await resend(memory, record, key)
    assert after.outbox[key].status is MailStatus.DUE


@pytest.mark.parametrize("reason", [reason for reason in FOR_GOOD if reason != OVERTAKEN])
async def test_what_no_repeat_would_send_is_refused(memory: Memory, reason: str) -> None:
    record = await failed(memory)
    mail = replace(mail_of(memory, record), reason=reason)
    memory.put(replace(memory.record(record.facts.association_id), outbox={KEY: mail}))
    memory.tasks.sent.clear()
    with pytest.raises(RequestInvalidError) as caught:
        await resend(memory, record)
    assert caught.value.problems == {"mail": "not_failed"}
    assert memory.tasks.sent == []


@pytest.mark.parametrize("status", [MailStatus.FAILED, MailStatus.DUE, MailStatus.SENDING])
async def test_a_mail_whose_reader_was_erased_is_refused(memory: Memory, status: MailStatus) -> None:
    """Whatever ended it: it had failed before, or a worker has it or puts it off meanwhile."""
    record = await failed(memory)
    mail = replace(mail_of(memory, record), status=status)
    await erase_person(memory.ports, record.facts.association_id, "asked", number=mail.person)
    before = memory.put(replace(memory.record(record.facts.association_id), outbox={KEY: mail}))
    with pytest.raises(RequestInvalidError) as caught:
        await resend(memory, record)
    assert caught.value.problems == {"mail": "not_failed"}
    assert (memory.record(record.facts.association_id), memory.tasks.sent) == (before, [])


async def test_a_mail_of_a_link_that_has_ended_is_refused(memory: Memory) -> None:
    record = await failed(memory)
    await close(memory.ports, record.facts.association_id, "cancelled")
    with pytest.raises(OrderClosedError):
        await resend(memory, record)
    await renew_link(memory.ports, record.facts.association_id, "ordered after all")
    with pytest.raises(RequestInvalidError) as caught:
        await resend(memory, record)
    assert caught.value.problems == {"mail": "not_failed"}
    assert mail_of(memory, record).status is MailStatus.FAILED


async def test_a_customer_bound_meanwhile_is_sent_what_support_asks_for(memory: Memory) -> None:
    record = await failed(memory)
    memory.put(memory.record(record.facts.association_id), generation=1, bound_at=memory.clock())
    memory.clock.advance(minutes=1)
    await resend(memory, record)
    await deliver(memory.ports, task_of(record))
    assert mail_of(memory, record).status is MailStatus.SENT


async def test_a_mail_to_support_is_tried_again(memory: Memory) -> None:
    record = await failed(memory)
    mail = replace(mail_of(memory, record), person=SUPPORT)
    memory.put(replace(memory.record(record.facts.association_id), outbox={KEY: mail}))
    await resend(memory, record)
    await deliver(memory.ports, task_of(record))
    assert [sent.to for sent in memory.post.sent] == ["support@sage.example"]


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


async def test_what_has_nothing_to_say_any_more_is_not_tried_again(memory: Memory) -> None:
    record = await ordered(memory, mpn_id=None)
    key = f"order_incomplete-{ORDER['order_number']}"
    refused = replace(record.outbox[key], status=MailStatus.FAILED, reason="refused code=550")
    memory.put(replace(record, outbox={key: refused}))
    await ordered(memory)
    with pytest.raises(RequestInvalidError) as caught:
        await resend(memory, record, key)
    assert caught.value.problems == {"mail": "not_failed"}
    assert memory.record(record.facts.association_id).outbox[key] == refused
