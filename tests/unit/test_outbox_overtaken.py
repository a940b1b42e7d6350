"""A mail that the mail server refused once leaves later: only if it still tells the truth by then."""

from collections.abc import Awaitable, Callable

import pytest

from association.acceptance import MOST_TRIES, accept_by_code
from association.close import close
from association.erase import erase_person
from association.errors import CodeWrongError, GuestUnexpectedError, MailRefusedError
from association.facts import Record
from association.outbox import BACK_OFF, deliver
from association.partition import Mail, MailStatus
from association.release import release_tenant
from association.renew import renew_link
from association.revoke import revoke_association_link
from association.rows import Task, TaskKind
from association.session import Session
from association.sign_out import sign_out
from tests.memory import DOMAIN, OTHER_TENANT, Memory, expects, now_of, ordered, signed_in

THIRD_TENANT = "5d0b1c3a-7c39-4b7e-9a55-0f6a3c1d2e03"
STRANGER = "paul@other.example"
ADDRESS = f"marie@{DOMAIN}"
Act = Callable[[Memory, Record, Session], Awaitable[object]]


@pytest.fixture
def memory() -> Memory:
    return expects(Memory())


def mail_of(memory: Memory, record: Record, key: str) -> Mail:
    return now_of(memory, record).outbox[key]


def kinds(memory: Memory, record: Record, kind: str) -> list[str]:
    return [mail.key for mail in now_of(memory, record).outbox.values() if mail.kind == kind]


async def turn(memory: Memory, record: Record, key: str) -> None:
    await deliver(memory.ports, Task(kind=TaskKind.MAIL, association_id=record.facts.association_id, key=key))


async def refused(memory: Memory, record: Record, *keys: str) -> None:
    """The server refuses each of them once; a second later somebody does something."""
    for key in keys:
        memory.post.failures = [MailRefusedError("refused code=451")]
        await turn(memory, record, key)
        assert mail_of(memory, record, key).status is MailStatus.DUE
    memory.clock.advance(seconds=1)


async def leaves(memory: Memory, record: Record, key: str) -> bool:
    """Whether the mail leaves at the next attempt; its row says why where it doesn't."""
    memory.clock.advance(seconds=BACK_OFF[0])
    memory.post.sent.clear()
    await turn(memory, record, key)
    mail = mail_of(memory, record, key)
    if memory.post.sent:
        assert mail.status is MailStatus.SENT
        return True
    assert (mail.status, mail.reason) == (MailStatus.FAILED, "overtaken")
    event = now_of(memory, record).events[-1]
    assert (event.what, event.old, event.new) == ("mail_failed", key, "overtaken")
    return False


async def stranger(memory: Memory, record: Record, tenant: str = OTHER_TENANT) -> tuple[Record, Session]:
    return await signed_in(memory, record, tenant_id=tenant, object_id="o", username=STRANGER, name="Paul")


async def stopped(memory: Memory, *, tenant: str = OTHER_TENANT) -> tuple[Record, Session]:
    """An unexpected tenant is signed in; code and word to the partner were refused once."""
    record, session = await stranger(memory, await ordered(memory), tenant)
    await refused(memory, record, f"unexpected-{tenant}", "code-1")
    return now_of(memory, record), session


async def administrator(memory: Memory, record: Record, _: Session) -> None:
    await signed_in(memory, record)


async def released(memory: Memory, record: Record, _: Session) -> None:
    await release_tenant(memory.ports, record.facts.association_id, OTHER_TENANT, "known to us")


async def confirmed(memory: Memory, record: Record, session: Session) -> None:
    code = memory.ports.keys.code(record.facts.association_id, 1, OTHER_TENANT)
    await accept_by_code(memory.ports, record, session, code)


async def third(memory: Memory, record: Record, _: Session) -> None:
    await stranger(memory, record, THIRD_TENANT)


async def recognised(memory: Memory, record: Record, _: Session) -> None:
    """The recorded address's domain has come to be this tenant's."""
    memory.entra.domains[DOMAIN] = OTHER_TENANT
    await stranger(memory, record)


@pytest.mark.parametrize("act", [administrator, released, confirmed, recognised, third])
@pytest.mark.parametrize("key", [f"unexpected-{OTHER_TENANT}", "code-1"])
async def test_a_tenant_that_is_stopped_no_longer_is_told_to_nobody(
    memory: Memory, act: Act, key: str
) -> None:
    record, session = await stopped(memory)
    await act(memory, record, session)
    assert not await leaves(memory, record, key)


async def test_a_stranger_is_told_of_though_no_code_ever_left(memory: Memory) -> None:
    """Whoever holds the link could keep everybody from hearing, by signing out at once (rule S4)."""
    record, _ = await stopped(memory)
    await sign_out(memory.ports, record)
    assert not await leaves(memory, record, "code-1")
    assert await leaves(memory, record, f"unexpected-{OTHER_TENANT}")
    assert memory.post.sent[0].values["is_code_sent"] is False


async def test_the_word_about_a_code_that_has_gone_leaves_after_its_time(memory: Memory) -> None:
    record, _ = await stopped(memory)
    assert await leaves(memory, record, "code-1")
    memory.clock.advance(hours=1)
    assert await leaves(memory, record, f"unexpected-{OTHER_TENANT}")
    assert memory.post.sent[0].values["is_code_sent"] is True


async def test_a_stranger_is_told_of_after_the_mail_server_was_down_for_longer_than_a_code_lives(
    memory: Memory,
) -> None:
    record, _ = await stopped(memory)
    memory.clock.advance(minutes=30)
    assert not await leaves(memory, record, "code-1")
    assert await leaves(memory, record, f"unexpected-{OTHER_TENANT}")
    assert memory.post.sent[0].values["is_code_sent"] is False


@pytest.mark.parametrize("key", [f"unexpected-{OTHER_TENANT}", "code-1"])
async def test_a_tenant_that_is_still_stopped_is_told(memory: Memory, key: str) -> None:
    record, _ = await stopped(memory)
    assert await leaves(memory, record, key)
    values = memory.post.sent[0].values
    assert values["organisation"] == "other.example"
    assert values.get("is_code_sent", True)  # it goes with the word, or will


async def test_a_code_that_went_to_somebody_erased_since_is_none_to_speak_of(memory: Memory) -> None:
    record, _ = await stopped(memory)
    assert await leaves(memory, record, "code-1")
    await erase_person(memory.ports, record.facts.association_id, "asked", address=ADDRESS)
    await ordered(memory, order_number="CMD-2", administrator_email=f"luc@{DOMAIN}")
    assert await leaves(memory, record, f"unexpected-{OTHER_TENANT}")
    values = memory.post.sent[0].values
    assert (values["has_address"], values["is_code_sent"]) == (True, False)


async def test_a_tenant_that_is_stopped_again_is_told_of_once_more(memory: Memory) -> None:
    record, session = await stopped(memory)
    key = f"unexpected-{OTHER_TENANT}"
    for again in ("", "~again-1"):
        await refused(memory, record, *[key + again] if again else [])
        await administrator(memory, now_of(memory, record), session)
        assert not await leaves(memory, record, key + again)
        await stranger(memory, now_of(memory, record))
    assert await leaves(memory, record, f"{key}~again-2")
    await administrator(memory, now_of(memory, record), session)
    await stranger(memory, now_of(memory, record))
    assert kinds(memory, record, "unexpected") == [key, f"{key}~again-1", f"{key}~again-2"]


async def used_up(memory: Memory, record: Record, session: Session) -> None:
    for _ in range(MOST_TRIES):
        with pytest.raises(CodeWrongError):
            await accept_by_code(memory.ports, record, session, "no code")


async def left(memory: Memory, record: Record, _: Session) -> None:
    await sign_out(memory.ports, record)


async def renewed(memory: Memory, record: Record, _: Session) -> None:
    await renew_link(memory.ports, record.facts.association_id, "asked")


async def revoked(memory: Memory, record: Record, _: Session) -> None:
    await revoke_association_link(memory.ports, record.facts.association_id, "asked")


async def closed(memory: Memory, record: Record, _: Session) -> None:
    await close(memory.ports, record.facts.association_id, "cancelled")


async def guest(memory: Memory, record: Record, _: Session) -> None:
    with pytest.raises(GuestUnexpectedError):
        await signed_in(memory, record, tenant_id=THIRD_TENANT, username=STRANGER, is_guest=True)


async def ended(memory: Memory, record: Record, _: Session) -> None:
    """Released, then another tenant, then this one again, with no code left for it."""
    memory.put(record, code_session="")


@pytest.mark.parametrize("act", [ended, used_up, left, renewed, revoked, closed, guest])
async def test_a_code_whose_page_is_closed_is_not_sent(memory: Memory, act: Act) -> None:
    """It says to type it in the page that was left open."""
    record, session = await stopped(memory)
    await act(memory, record, session)
    assert not await leaves(memory, record, "code-1")


async def test_no_partner_is_told_of_a_code_that_nobody_was_sent(memory: Memory) -> None:
    """Nobody was recorded when the word was written; the next order names somebody."""
    record = await ordered(memory)
    await erase_person(memory.ports, record.facts.association_id, "asked", address=ADDRESS)
    await stranger(memory, now_of(memory, record))
    key = f"unexpected-{OTHER_TENANT}"
    await refused(memory, record, key)
    await ordered(memory, order_number="CMD-2", administrator_email=f"luc@{DOMAIN}")
    assert await leaves(memory, record, key)
    values = memory.post.sent[0].values
    assert (values["has_address"], values["is_code_sent"]) == (True, False)


@pytest.mark.parametrize("act", [closed, revoked])
async def test_no_partner_is_told_that_a_code_helps_where_no_page_opens(memory: Memory, act: Act) -> None:
    record, session = await stopped(memory)
    await act(memory, record, session)
    assert not await leaves(memory, record, f"unexpected-{OTHER_TENANT}")


async def test_a_mail_is_not_given_up_where_it_is_so_again_by_then(memory: Memory) -> None:
    record, session = await stopped(memory)
    await administrator(memory, record, session)

    async def back_again() -> None:
        await stranger(memory, now_of(memory, record))

    memory.clock.advance(seconds=BACK_OFF[0])
    memory.associations.interference = back_again
    key = f"unexpected-{OTHER_TENANT}"
    await turn(memory, record, key)
    assert mail_of(memory, record, key).status is MailStatus.SENDING
    task, delay = memory.tasks.sent[-1]
    assert task.key == key
    memory.clock.advance(seconds=delay.total_seconds())
    await turn(memory, record, key)
    assert mail_of(memory, record, key).status is MailStatus.SENT
