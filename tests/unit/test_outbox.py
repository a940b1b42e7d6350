"""The mail worker: each mail once, five failures at most, always under the same Message-ID."""

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from association.acceptance import ask_acceptance
from association.changes import ATTEMPTS
from association.errors import MailRefusedError, StorageUnavailableError
from association.facts import Record
from association.links import find_link
from association.outbox import BACK_OFF, LEASE, MOST_ATTEMPTS, deliver, mail_values, message_id
from association.partition import Mail, MailStatus
from association.rows import Purpose, Task, TaskKind
from tests.memory import DOMAIN, NOW, TENANT, Memory, ordered, signed_in

MESSAGE_ID = re.compile(r"<[A-Za-z0-9._%/-]+@sage\.example>")


@pytest.fixture
def memory() -> Memory:
    return Memory()


def task_of(record: Record, key: str = "invitation-1") -> Task:
    return Task(kind=TaskKind.MAIL, association_id=record.facts.association_id, key=key)


def mail_of(memory: Memory, record: Record, key: str = "invitation-1") -> Mail:
    return memory.record(record.facts.association_id).outbox[key]


async def test_a_mail_is_sent_and_noted(memory: Memory) -> None:
    record = await ordered(memory)
    await deliver(memory.ports, task_of(record))
    (sent,) = memory.post.sent
    assert (sent.kind, sent.language, sent.to) == ("invitation", "fr", f"marie@{DOMAIN}")
    mail = mail_of(memory, record)
    assert (mail.status, mail.sent_at, mail.attempts, mail.leased_until) == (MailStatus.SENT, NOW, 1, None)
    assert memory.record(record.facts.association_id).events[-1].what == "mail_sent"


async def test_a_mail_is_announced_before_and_after_it_is_written(memory: Memory) -> None:
    record = await ordered(memory)
    announced = [(task, delay) for task, delay in memory.tasks.sent if task.kind is TaskKind.MAIL]
    assert announced == [(task_of(record), timedelta(seconds=60)), (task_of(record), timedelta(0))]


async def test_the_invitation_holds_the_link_that_opens(memory: Memory) -> None:
    record = await ordered(memory)
    await deliver(memory.ports, task_of(record))
    values = memory.post.sent[0].values
    address, _, token = values["link"].partition("?k=")
    assert address == "http://localhost:7071/a"
    link = await find_link(memory.ports, token, Purpose.ASSOCIATION)
    assert link.expires_at == values["ends"]


@pytest.mark.parametrize("status", [MailStatus.SENT, MailStatus.FAILED])
async def test_a_repeat_sends_nothing(memory: Memory, status: MailStatus) -> None:
    record = await ordered(memory)
    await deliver(memory.ports, task_of(record))
    mail = replace(mail_of(memory, record), status=status)
    memory.put(replace(memory.record(record.facts.association_id), outbox={mail.key: mail}))
    memory.tasks.sent.clear()
    await deliver(memory.ports, task_of(record))
    assert len(memory.post.sent) == 1
    assert memory.tasks.sent == []


@pytest.mark.parametrize("key", ["invitation-9", ""])
async def test_a_task_for_a_mail_that_was_never_written_does_nothing(memory: Memory, key: str) -> None:
    record = await ordered(memory)
    memory.tasks.sent.clear()
    await deliver(memory.ports, task_of(record, key))
    await deliver(memory.ports, Task(kind=TaskKind.MAIL, association_id="f" * 32, key="invitation-1"))
    assert memory.post.sent == []
    assert memory.tasks.sent == []


async def test_a_mail_that_somebody_is_sending_is_looked_at_when_the_lease_ends(memory: Memory) -> None:
    record = await ordered(memory)
    await memory.associations.lease_mail(
        record.facts.association_id, "invitation-1", now=NOW, until=NOW + LEASE
    )
    memory.tasks.sent.clear()
    await deliver(memory.ports, task_of(record))
    assert memory.post.sent == []
    assert memory.tasks.sent == [(task_of(record), LEASE)]


async def test_a_crash_after_the_server_took_it_repeats_it_under_the_same_message_id(memory: Memory) -> None:
    record = await ordered(memory)

    async def crash() -> None:
        raise RuntimeError

    memory.associations.interference = crash
    with pytest.raises(RuntimeError):
        await deliver(memory.ports, task_of(record))
    memory.clock.advance(seconds=LEASE.total_seconds())
    await deliver(memory.ports, task_of(record))
    first, second = memory.post.sent
    assert first == second
    assert mail_of(memory, record).status is MailStatus.SENT


async def test_a_failure_comes_back_later_each_time_and_the_fifth_is_the_last(memory: Memory) -> None:
    record = await ordered(memory)
    memory.post.failures = [MailRefusedError(f"refused code={450 + turn}") for turn in range(MOST_ATTEMPTS)]
    memory.tasks.sent.clear()
    for _ in range(MOST_ATTEMPTS):
        assert mail_of(memory, record).status is MailStatus.DUE
        await deliver(memory.ports, task_of(record))
        memory.clock.advance(seconds=BACK_OFF[-1])
    assert [delay.total_seconds() for _, delay in memory.tasks.sent] == list(BACK_OFF)
    mail = mail_of(memory, record)
    assert (mail.status, mail.reason, mail.attempts) == (MailStatus.FAILED, "refused code=454", 5)
    await deliver(memory.ports, task_of(record))
    assert memory.post.sent == []


async def test_a_failed_mail_blocks_no_other(memory: Memory) -> None:
    record, _ = await signed_in(memory, await ordered(memory))
    memory.post.failures = [MailRefusedError("refused code=550")] * MOST_ATTEMPTS
    await deliver(memory.ports, task_of(record))
    memory.post.failures = []
    for key in ("code-1", f"unexpected-{TENANT}"):
        await deliver(memory.ports, task_of(record, key))
    assert [mail.kind for mail in memory.post.sent] == ["code", "unexpected"]


async def test_a_mail_that_never_comes_to_an_end_is_given_up(memory: Memory) -> None:
    record = await ordered(memory)
    memory.post.failures = [RuntimeError("killed")] * MOST_ATTEMPTS
    for _ in range(MOST_ATTEMPTS):
        with pytest.raises(RuntimeError):
            await deliver(memory.ports, task_of(record))
        memory.clock.advance(seconds=LEASE.total_seconds())
    memory.tasks.sent.clear()
    await deliver(memory.ports, task_of(record))
    mail = mail_of(memory, record)
    assert (mail.status, mail.reason) == (MailStatus.FAILED, "never_finished")
    assert memory.tasks.sent == []


async def test_a_mail_that_is_given_up_keeps_what_the_server_said_last(memory: Memory) -> None:
    record = await ordered(memory)
    memory.post.failures = [MailRefusedError("refused code=451"), *[RuntimeError("killed")] * 4]
    await deliver(memory.ports, task_of(record))
    for _ in range(4):
        memory.clock.advance(seconds=BACK_OFF[-1])
        with pytest.raises(RuntimeError):
            await deliver(memory.ports, task_of(record))
    memory.clock.advance(seconds=BACK_OFF[-1])
    await deliver(memory.ports, task_of(record))
    mail = mail_of(memory, record)
    assert (mail.status, mail.reason) == (MailStatus.FAILED, "refused code=451")


async def test_a_mail_whose_content_is_gone_is_given_up_at_once(memory: Memory) -> None:
    record = await ordered(memory)
    mail = Mail(key="order_incomplete-X", kind="order_incomplete", person=1, created_at=NOW, about="X")
    memory.put(replace(record, outbox={mail.key: mail}))
    await deliver(memory.ports, task_of(record, mail.key))
    assert mail_of(memory, record, mail.key).reason == "content_gone"


async def test_a_mail_that_failed_rests_whatever_message_asks_for_it(memory: Memory) -> None:
    """The message sent before the change comes after 60 seconds: it burns no attempt."""
    record = await ordered(memory)
    memory.post.failures = [MailRefusedError("refused code=451")] * 2
    await deliver(memory.ports, task_of(record))
    memory.clock.advance(seconds=BACK_OFF[0])
    await deliver(memory.ports, task_of(record))
    memory.clock.advance(seconds=30)
    memory.tasks.sent.clear()
    await deliver(memory.ports, task_of(record))
    assert mail_of(memory, record).attempts == 2
    assert memory.tasks.sent == [(task_of(record), timedelta(seconds=BACK_OFF[1] - 30))]
    memory.clock.advance(seconds=BACK_OFF[1] - 30)
    await deliver(memory.ports, task_of(record))
    assert mail_of(memory, record).status is MailStatus.SENT


async def test_two_deliveries_of_one_message_at_once_send_once(memory: Memory) -> None:
    record = await ordered(memory)
    sending, go_on = asyncio.Event(), asyncio.Event()
    send = memory.post.send

    async def slow(*mail: Any) -> None:
        sending.set()
        await go_on.wait()
        await send(*mail)

    memory.post.send = slow  # type: ignore[assignment, method-assign]
    first = asyncio.create_task(deliver(memory.ports, task_of(record)))
    await sending.wait()
    await deliver(memory.ports, task_of(record))
    go_on.set()
    await first
    assert len(memory.post.sent) == 1


async def test_who_was_overtaken_takes_nothing_from_the_next(memory: Memory) -> None:
    """A worker that was away longer than its lease finds that its mail failed; another one has it by then."""
    record = await ordered(memory)

    async def overtaken(*_: Any) -> None:
        memory.clock.advance(seconds=LEASE.total_seconds())
        until = memory.clock() + LEASE
        identifier, key = record.facts.association_id, task_of(record).key
        assert await memory.associations.lease_mail(identifier, key, now=memory.clock(), until=until)
        raise MailRefusedError("refused code=451")

    memory.post.send = overtaken  # type: ignore[assignment, method-assign]
    await deliver(memory.ports, task_of(record))
    mail = mail_of(memory, record)
    assert (mail.status, mail.attempts, mail.reason) == (MailStatus.SENDING, 2, "")


async def test_storage_that_stumbles_after_the_sending_repeats_no_mail(memory: Memory) -> None:
    record = await ordered(memory)
    commit, failures = memory.associations.commit, [StorageUnavailableError(), StorageUnavailableError()]

    async def stumbling(*change: Any) -> Record:
        if failures:
            raise failures.pop()
        return await commit(*change)

    memory.associations.commit = stumbling  # type: ignore[assignment, method-assign]
    await deliver(memory.ports, task_of(record))
    assert mail_of(memory, record).status is MailStatus.SENT


async def test_a_mail_is_sent_once_though_somebody_else_keeps_changing_the_association(
    memory: Memory,
) -> None:
    record = await ordered(memory)
    identifier, changes = record.facts.association_id, iter(range(3 * ATTEMPTS))

    async def change_again() -> None:
        if next(changes, None) is not None:
            memory.put(memory.record(identifier))
            memory.associations.interference = change_again

    memory.associations.interference = change_again
    await deliver(memory.ports, task_of(record))
    memory.clock.advance(seconds=LEASE.total_seconds())
    await deliver(memory.ports, task_of(record))
    assert next(changes, None) is None
    assert len(memory.post.sent) == 1
    assert mail_of(memory, record).status is MailStatus.SENT


async def test_storage_that_answers_no_read_uses_up_no_attempt(memory: Memory) -> None:
    record = await ordered(memory)
    read = memory.associations.read

    async def silent(_: str) -> Record | None:
        raise StorageUnavailableError

    for _ in range(MOST_ATTEMPTS + 1):
        memory.associations.read = silent  # type: ignore[assignment, method-assign]
        with pytest.raises(StorageUnavailableError):
            await deliver(memory.ports, task_of(record))
        memory.clock.advance(seconds=LEASE.total_seconds())
    memory.associations.read = read  # type: ignore[method-assign]
    await deliver(memory.ports, task_of(record))
    mail = mail_of(memory, record)
    assert (len(memory.post.sent), mail.status, mail.attempts) == (1, MailStatus.SENT, 1)


@pytest.mark.parametrize("ended", ["closed_at", "link_revoked_at", "link_expires_at"])
@pytest.mark.parametrize("kind", ["invitation", "ready", "late"])
async def test_a_mail_that_would_lead_to_an_ended_link_stays(memory: Memory, kind: str, ended: str) -> None:
    record = await ordered(memory)
    mail = Mail(key="x", kind=kind, person=1, created_at=NOW, number=1, about="access")
    memory.put(replace(record, outbox={mail.key: mail}), **{ended: NOW})
    await deliver(memory.ports, task_of(record, mail.key))
    assert memory.post.sent == []
    assert mail_of(memory, record, mail.key).reason == "link_ended"


@pytest.mark.parametrize("overtaken_by", ["time", "another code"])
async def test_a_code_that_opens_nothing_any_more_is_not_sent(memory: Memory, overtaken_by: str) -> None:
    """It says for how many minutes it is good, and would be wrong."""
    record, session = await signed_in(memory, await ordered(memory))
    if overtaken_by == "time":
        memory.clock.advance(minutes=10)
    else:
        await ask_acceptance(memory.ports, record, session, again=True)
    await deliver(memory.ports, task_of(record, "code-1"))
    assert memory.post.sent == []
    assert mail_of(memory, record, "code-1").reason == "overtaken"


@pytest.mark.parametrize("kind", ["ready", "late"])
async def test_word_of_the_way_stays_once_the_end_is_reached(memory: Memory, kind: str) -> None:
    record = await ordered(memory)
    mail = Mail(key="x", kind=kind, person=1, created_at=NOW, number=1, about="access")
    memory.put(replace(record, outbox={mail.key: mail}), generation=1)
    await deliver(memory.ports, task_of(record, mail.key))
    assert mail_of(memory, record, mail.key).reason == "overtaken"


async def test_what_was_erased_is_sent_to_nobody(memory: Memory) -> None:
    record = await ordered(memory)
    memory.put(replace(record, people={}))
    await deliver(memory.ports, task_of(record))
    assert memory.post.sent == []
    assert (mail_of(memory, record).status, mail_of(memory, record).reason) == ("failed", "address_erased")


async def test_the_note_meets_a_change_made_while_the_mail_was_sent(memory: Memory) -> None:
    record = await ordered(memory)

    async def interfere() -> object:
        return memory.put(memory.record(record.facts.association_id), company_name="Dupont et Fils")

    memory.associations.interference = interfere
    await deliver(memory.ports, task_of(record))
    after = memory.record(record.facts.association_id)
    assert after.facts.company_name == "Dupont et Fils"
    assert after.outbox["invitation-1"].status is MailStatus.SENT


@pytest.mark.parametrize("number", ["CMD-1", "CMD 2026/117", "A._/-9", "1" * 40])
async def test_a_message_id_is_one_word_whatever_the_order_number(memory: Memory, number: str) -> None:
    record = await ordered(memory, order_number=number, mpn_id="")
    (key,) = record.outbox
    task = task_of(record, key)
    assert MESSAGE_ID.fullmatch(message_id(memory.ports, task))
    assert message_id(memory.ports, task) == message_id(memory.ports, task)


async def test_two_order_numbers_never_share_a_message_id(memory: Memory) -> None:
    names = {
        message_id(memory.ports, task_of(await ordered(memory), key)) for key in ("a b", "a_b", "a-b", "a/b")
    }
    assert len(names) == 4


def named(record: Record, kind: str, **changes: Any) -> Mail:
    return Mail(key=kind, kind=kind, person=1, created_at=NOW, **changes)


async def test_each_kind_has_its_values_and_the_history_has_none_of_them(memory: Memory) -> None:
    record, _ = await signed_in(memory, await ordered(memory))
    code = mail_values(memory.ports, record, named(record, "code", number=1))
    assert code["code"] == memory.ports.keys.code(record.facts.association_id, 1, TENANT)
    assert code["organisation"] == DOMAIN
    for administrator, has_address in ((record.facts.administrator, True), (0, False)):
        about = replace(record, facts=replace(record.facts, administrator=administrator))
        word = mail_values(memory.ports, about, named(about, "unexpected"))
        assert (word["organisation"], word["has_address"]) == (DOMAIN, has_address)
    share = {"share_number": 1, "share_kid": "k1", "share_expires_at": NOW + timedelta(days=1)}
    bound = memory.put(record, generation=1, bound_at=NOW, **share)
    confirmation = mail_values(memory.ports, bound, named(record, "associated"))
    assert confirmation["share_link"].startswith("http://localhost:7071/addin?k=")
    missing = await ordered(memory, order_number="CMD-2", mpn_id="", administrator_email="")
    asked = mail_values(memory.ports, missing, named(missing, "order_incomplete", about="CMD-2"))
    assert (asked["order_number"], asked["missing"]) == ("CMD-2", ("administrator_email", "mpn_id"))
    history = repr(missing.events)
    assert "@" not in history
    assert code["code"] not in history.replace(record.facts.association_id, "")


@pytest.mark.parametrize("facts", [{"closed_at": NOW}, {"link_revoked_at": NOW}, {"link_number": 2}])
async def test_a_mail_whose_link_has_ended_meanwhile_is_not_sent(
    memory: Memory, facts: dict[str, Any]
) -> None:
    record = memory.put(await ordered(memory), **facts)
    await deliver(memory.ports, task_of(record))
    assert memory.post.sent == []
    assert (mail_of(memory, record).status, mail_of(memory, record).reason) == ("failed", "link_ended")
