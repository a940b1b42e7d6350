"""The live link is mailed once more: to who is recorded now, whatever became of the mails before."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from association.erase import erase_person
from association.errors import MailRefusedError
from association.facts import Record
from association.invite import receive_order
from association.new_link import MOST_MAILS, ask_new_link, read_asked, send_new_link
from association.order import parse_order
from association.outbox import BACK_OFF, MOST_ATTEMPTS, deliver
from association.partition import MailStatus
from association.resend import PAUSE, resend_for_support
from association.rows import Task, TaskKind
from association.steps import Cause
from functions.web.views import where_stands
from tests.memory import DOMAIN, NOW, ORDER, Memory, ordered

FIRST = "invitation-1"
AGAIN = "invitation-1~again-1"
PAUL = f"paul@{DOMAIN}"

Before = Callable[[Memory, Record], Awaitable[Any]]


@pytest.fixture
def memory() -> Memory:
    return Memory()


def task_of(record: Record, key: str) -> Task:
    return Task(kind=TaskKind.MAIL, association_id=record.facts.association_id, key=key)


async def is_due(memory: Memory, record: Record) -> None:
    """The first mail has not been looked at."""


async def is_sent(memory: Memory, record: Record) -> None:
    await deliver(memory.ports, task_of(record, FIRST))


async def is_refused(memory: Memory, record: Record) -> None:
    """The mail server wants the first mail at no attempt."""
    memory.post.failures = [MailRefusedError("refused code=550")] * MOST_ATTEMPTS
    for _ in range(MOST_ATTEMPTS):
        await is_sent(memory, record)
        memory.clock.advance(seconds=BACK_OFF[-1])


async def is_being_sent(memory: Memory, record: Record) -> None:
    identifier, now = record.facts.association_id, memory.clock()
    await memory.associations.lease_mail(identifier, FIRST, now=now, until=now + timedelta(minutes=3))


async def rests(memory: Memory, record: Record) -> None:
    """A worker has the first mail while its person is erased, and the mail server refuses it."""
    await is_being_sent(memory, record)
    mail = replace(memory.record(record.facts.association_id).outbox[FIRST], status=MailStatus.DUE)
    await erase_person(memory.ports, record.facts.association_id, "left", number=mail.person)
    memory.put(replace(memory.record(record.facts.association_id), outbox={FIRST: mail}))


async def succeeded(memory: Memory, before: Before) -> Record:
    """Marie is invited and erased, and the next order names Paul, all within the pause between two mails."""
    record = await ordered(memory)
    await before(memory, record)
    number = record.facts.administrator
    await erase_person(memory.ports, record.facts.association_id, "left the company", number=number)
    memory.clock.advance(minutes=1)
    memory.tasks.sent.clear()
    order = parse_order({**ORDER, "order_number": "CMD-2", "administrator_email": PAUL})
    joined = await receive_order(memory.ports, order)
    assert joined.person(joined.facts.administrator).email == PAUL
    return joined


async def by_the_order(memory: Memory, record: Record) -> None:
    """Nobody asks: the order that names Paul mails him the link."""


async def by_support(memory: Memory, record: Record) -> None:
    await resend_for_support(memory.ports, record.facts.association_id, "never arrived")


async def by_request(memory: Memory, record: Record) -> None:
    await ask_new_link(memory.ports, read_asked(memory.ports.keys, PAUL), "")
    before = len(memory.tasks.sent)
    await send_new_link(memory.ports, memory.tasks.sent[-1][0])
    for task, _ in memory.tasks.sent[before:]:
        await send_new_link(memory.ports, task)


async def worked(memory: Memory, record: Record) -> None:
    """The mails that the queue names are delivered."""
    for task in dict.fromkeys(task for task, _ in memory.tasks.sent if task.kind is TaskKind.MAIL):
        await deliver(memory.ports, task)


@pytest.mark.parametrize("before", [is_due, is_sent, is_refused, is_being_sent, rests])
@pytest.mark.parametrize("ask", [by_the_order, by_support, by_request])
async def test_who_follows_an_erased_administrator_is_mailed_the_link(
    memory: Memory, before: Before, ask: Before
) -> None:
    record = await succeeded(memory, before)
    memory.post.sent.clear()
    await ask(memory, record)
    await worked(memory, record)
    (sent,) = memory.post.sent
    assert (sent.to, sent.message_id.split("@")[0]) == (PAUL, f"<{record.facts.association_id}.{AGAIN}")
    after = memory.record(record.facts.association_id)
    assert after.outbox[AGAIN].status is MailStatus.SENT
    assert after.outbox[FIRST] == record.outbox[FIRST]
    assert where_stands(after, memory.ports).cause is Cause.NOT_STARTED


@pytest.mark.parametrize("before", [is_due, is_refused, is_being_sent, rests])
async def test_each_resend_has_a_mail_of_its_own(memory: Memory, before: Before) -> None:
    record = await succeeded(memory, before)
    for _ in range(3):
        await by_support(memory, record)
        await by_support(memory, record)
        await worked(memory, record)
        memory.clock.at += PAUSE
    outbox = memory.record(record.facts.association_id).outbox
    assert sorted(outbox) == [FIRST, AGAIN, "invitation-1~again-2", "invitation-1~again-3"]
    sent = [mail.message_id for mail in memory.post.sent if mail.to == PAUL]
    assert len(set(sent)) == len(sent) == 3


async def test_the_mail_to_the_new_administrator_is_tried_again_when_it_is_refused(memory: Memory) -> None:
    record = await succeeded(memory, is_due)
    await by_support(memory, record)
    memory.post.failures = [MailRefusedError("refused code=550")] * MOST_ATTEMPTS
    for _ in range(MOST_ATTEMPTS):
        await worked(memory, record)
        memory.clock.advance(seconds=BACK_OFF[-1])
    await by_support(memory, record)
    await worked(memory, record)
    assert [(mail.to, AGAIN in mail.message_id) for mail in memory.post.sent] == [(PAUL, True)]
    assert set(memory.record(record.facts.association_id).outbox) == {FIRST, AGAIN}


async def test_mails_to_the_one_before_are_not_counted_as_the_new_ones(memory: Memory) -> None:
    async def often(memory: Memory, record: Record) -> None:
        mail = record.outbox[FIRST]
        keys = (FIRST, *(f"{FIRST}~again-{number}" for number in range(1, MOST_MAILS)))
        outbox = {key: replace(mail, key=key, status=MailStatus.SENT, sent_at=NOW) for key in keys}
        memory.put(replace(record, outbox=outbox))

    record = await succeeded(memory, often)
    await by_request(memory, record)
    await worked(memory, record)
    assert [mail.to for mail in memory.post.sent] == [PAUL]


async def test_a_mail_given_up_for_good_is_followed_by_another(memory: Memory) -> None:
    """A signing key that was missing for a while ended the mail, and is back."""
    record = await ordered(memory)
    ended = replace(record.outbox[FIRST], status=MailStatus.FAILED, reason="link_ended")
    record = memory.put(replace(record, outbox={FIRST: ended}))
    await by_support(memory, record)
    assert memory.record(record.facts.association_id).outbox[FIRST] == ended
    await worked(memory, record)
    assert [AGAIN in mail.message_id for mail in memory.post.sent] == [True]


async def test_a_mail_whose_worker_is_gone_is_looked_at_again(memory: Memory) -> None:
    record = await ordered(memory)
    await is_being_sent(memory, record)
    memory.tasks.sent.clear()
    memory.clock.advance(hours=1)
    await by_support(memory, record)
    await worked(memory, record)
    assert memory.record(record.facts.association_id).outbox[FIRST].status is MailStatus.SENT
