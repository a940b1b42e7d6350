"""What support does: links revoked and sent again, associations closed and reopened, people erased."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from association.close import close
from association.erase import Erased, erase_person
from association.errors import (
    AssociationUnknownError,
    LinkExpiredError,
    LinkRevokedError,
    NotBoundError,
    OrderClosedError,
    RequestInvalidError,
    ShareEndedError,
)
from association.facts import Record
from association.invite import receive_order
from association.links import (
    add_link,
    find_link,
    find_share,
    is_link_live,
    link_end,
    mailed_token,
    share_token,
)
from association.order import parse_order
from association.outbox import deliver
from association.partition import MailStatus, Person
from association.renew import renew_link
from association.resend import PAUSE, resend_for_support
from association.revoke import revoke_association_link, revoke_share_link
from association.rows import Purpose, Task, TaskKind
from association.session import is_live
from association.steps import Cause
from association.support import Question, find
from functions.web.views import where_stands
from tests.memory import DOMAIN, NOW, ORDER, TENANT, Memory, expects, ordered, signed_in


@pytest.fixture
def memory() -> Memory:
    return expects(Memory())


def id_of(record: Record) -> str:
    return record.facts.association_id


async def shared(memory: Memory) -> Record:
    """A bound association with its share link."""
    record = await ordered(memory)
    await add_link(memory.ports, id_of(record), Purpose.SHARE, 1, 90)
    shares = {"share_number": 1, "share_kid": "k1", "share_expires_at": link_end(NOW, 90)}
    return memory.put(record, generation=1, bound_tenant_id=TENANT, bound_at=NOW, **shares)


VERBS = (revoke_association_link, revoke_share_link, resend_for_support, close, erase_person)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("reason", "problem"),
    [
        (" ", "missing"),
        ("x" * 501, "too_long"),
        (" " * 500 + "x", "too_long"),
        ("a\0b", "control_characters"),
        ("demandé par marie@dupont.example", "address_in_text"),
    ],
)
async def test_nothing_is_done_without_a_reason_that_the_history_can_keep(
    memory: Memory, verb: object, reason: str, problem: str
) -> None:
    record = await shared(memory)
    with pytest.raises(RequestInvalidError) as caught:
        await verb(memory.ports, id_of(record), reason)  # type: ignore[operator]
    assert caught.value.problems == {"reason": problem}
    assert memory.record(id_of(record)) == record


@pytest.mark.parametrize("verb", VERBS)
async def test_nothing_is_done_to_an_association_that_nobody_knows(memory: Memory, verb: object) -> None:
    for identifier in ("f" * 32, "marie@dupont.example"):
        with pytest.raises(AssociationUnknownError) as caught:
            await verb(memory.ports, identifier, "reason")  # type: ignore[operator]
        assert "@" not in caught.value.detail


# Revoking


async def test_a_revoked_link_opens_nothing_and_ends_its_sessions(memory: Memory) -> None:
    record, session = await signed_in(memory, await ordered(memory))
    memory.clock.advance(minutes=5)
    revoked = await revoke_association_link(memory.ports, id_of(record).upper(), " lost laptop ")
    assert revoked.facts.link_revoked_at == memory.clock()
    event = revoked.events[-1]
    assert (event.what, event.by, event.new) == ("link_revoked", "support", "lost laptop")
    assert not is_live(session, revoked.facts, memory.clock())
    with pytest.raises(LinkRevokedError):
        await find_link(memory.ports, mailed_token(memory.ports.keys, record.facts), Purpose.ASSOCIATION)
    memory.clock.advance(minutes=5)
    assert await revoke_association_link(memory.ports, id_of(record), "again") == revoked


async def test_a_revocation_that_was_interrupted_is_finished_by_its_repeat(memory: Memory) -> None:
    record = await ordered(memory)
    memory.put(record, link_revoked_at=NOW)
    await revoke_association_link(memory.ports, id_of(record), "again")
    assert all(link.revoked_at for link in memory.links.rows.values())


async def test_a_link_that_was_never_issued_is_not_revoked(memory: Memory) -> None:
    record = await ordered(memory, administrator_email="")
    with pytest.raises(RequestInvalidError) as caught:
        await revoke_association_link(memory.ports, id_of(record), "reason")
    assert caught.value.problems == {"link": "link_never_issued"}
    with pytest.raises(NotBoundError):
        await revoke_share_link(memory.ports, id_of(record), "reason")


async def test_a_revoked_share_link_opens_nothing_and_the_other_link_stays(memory: Memory) -> None:
    record = await shared(memory)
    revoked = await revoke_share_link(memory.ports, id_of(record), "reason")
    assert revoked.facts == replace(record.facts, version=record.facts.version + 1, share_revoked_at=NOW)
    with pytest.raises(ShareEndedError):
        await find_share(memory.ports, share_token(memory.ports.keys, record.facts))
    assert await find_link(memory.ports, mailed_token(memory.ports.keys, record.facts), Purpose.ASSOCIATION)
    assert await revoke_share_link(memory.ports, id_of(record), "again") == revoked


async def test_a_link_whose_key_is_gone_is_revoked_too(memory: Memory) -> None:
    record = memory.put(await ordered(memory), link_kid="gone")
    assert (await revoke_association_link(memory.ports, id_of(record), "reason")).facts.link_revoked_at


# Sending again


def announced(memory: Memory, key: str) -> list[timedelta]:
    return [delay for task, delay in memory.tasks.sent if (task.kind, task.key) == (TaskKind.MAIL, key)]


async def mailed(memory: Memory, record: Record, key: str = "invitation-1") -> Record:
    await deliver(memory.ports, Task(kind=TaskKind.MAIL, association_id=id_of(record), key=key))
    return memory.record(id_of(record))


async def test_the_live_link_is_mailed_again_and_stays_the_same(memory: Memory) -> None:
    record = await mailed(memory, await ordered(memory))
    memory.clock.advance(days=2)
    resent = await resend_for_support(memory.ports, id_of(record), "mail deleted")
    assert resent.facts == replace(record.facts, version=resent.facts.version)
    assert (resent.events[-1].what, resent.events[-1].new) == ("link_resent", "mail deleted")
    await mailed(memory, resent, "invitation-1~again-1")
    first, second = memory.post.sent
    assert second.values == first.values
    assert second.to == first.to == f"marie@{DOMAIN}"
    assert second.message_id != first.message_id
    assert timedelta(0) in announced(memory, "invitation-1~again-1")


async def test_a_repeat_within_ten_minutes_mails_nothing_more(memory: Memory) -> None:
    record = await mailed(memory, await ordered(memory))
    memory.clock.advance(minutes=1)
    assert (await resend_for_support(memory.ports, id_of(record), "reason")).outbox == record.outbox
    memory.clock.at += PAUSE
    resent = await resend_for_support(memory.ports, id_of(record), "reason")
    assert await resend_for_support(memory.ports, id_of(record), "reason") == resent
    memory.clock.at += PAUSE
    await mailed(memory, resent, "invitation-1~again-1")
    again = await resend_for_support(memory.ports, id_of(record), "reason")
    assert [key for key in again.outbox if "again" in key] == ["invitation-1~again-1", "invitation-1~again-2"]


async def test_a_mail_on_its_way_is_looked_at_again_instead_of_doubled(memory: Memory) -> None:
    record = await ordered(memory)
    memory.clock.advance(days=1)
    before = len(announced(memory, "invitation-1"))
    assert await resend_for_support(memory.ports, id_of(record), "reason") == record
    assert len(announced(memory, "invitation-1")) == before + 1


async def test_a_mail_that_failed_is_tried_again_under_its_own_name(memory: Memory) -> None:
    record = await ordered(memory)
    failed = replace(record.outbox["invitation-1"], status=MailStatus.FAILED, attempts=5, reason="x")
    record = memory.put(replace(record, outbox={"invitation-1": failed}))
    assert where_stands(record, memory.ports).cause is Cause.MAIL_FAILED
    resent = await resend_for_support(memory.ports, id_of(record), "server mended")
    mail = resent.outbox["invitation-1"]
    assert (set(resent.outbox), mail.status, mail.attempts) == ({"invitation-1"}, MailStatus.DUE, 0)
    assert where_stands(resent, memory.ports).cause is Cause.NOT_STARTED
    assert announced(memory, "invitation-1")[-2:] == [timedelta(seconds=60), timedelta(0)]
    assert (await mailed(memory, resent)).outbox["invitation-1"].status is MailStatus.SENT


async def test_no_link_that_has_ended_is_sent_again(memory: Memory) -> None:
    record = await mailed(memory, await ordered(memory))
    memory.clock.advance(days=1)
    for facts, error in (
        ({"link_revoked_at": NOW}, LinkRevokedError),
        ({"link_kid": "gone"}, LinkRevokedError),
        ({"closed_at": NOW, "link_revoked_at": NOW}, OrderClosedError),
        ({"link_expires_at": memory.clock()}, LinkExpiredError),
        ({"administrator": 0}, RequestInvalidError),
    ):
        put = memory.put(record, **facts)
        with pytest.raises(error):
            await resend_for_support(memory.ports, id_of(record), "reason")
        assert memory.record(id_of(record)) == put
    incomplete = await ordered(memory, order_number="N", customer_number="N", mpn_id="")
    with pytest.raises(RequestInvalidError) as caught:
        await resend_for_support(memory.ports, id_of(incomplete), "reason")
    assert caught.value.problems == {"mpn_id": "missing"}


async def test_a_link_that_ends_while_it_is_being_sent_again_is_not_sent(memory: Memory) -> None:
    record = await mailed(memory, await ordered(memory))
    memory.clock.advance(days=1)

    async def interfere() -> None:
        await close(memory.ports, id_of(record), "cancelled")

    memory.associations.interference = interfere
    with pytest.raises(OrderClosedError):
        await resend_for_support(memory.ports, id_of(record), "reason")
    assert set(memory.record(id_of(record)).outbox) == {"invitation-1"}


# Closing


async def test_a_closed_association_opens_nothing_until_its_link_is_renewed(memory: Memory) -> None:
    record, session = await signed_in(memory, await ordered(memory))
    closed = await close(memory.ports, id_of(record), "order cancelled")
    assert closed.facts.closed_at == closed.facts.link_revoked_at == NOW
    assert where_stands(closed, memory.ports).cause is Cause.ORDER_CLOSED
    assert not is_live(session, closed.facts, NOW)
    with pytest.raises(OrderClosedError):
        await find_link(memory.ports, mailed_token(memory.ports.keys, record.facts), Purpose.ASSOCIATION)
    assert await close(memory.ports, id_of(record), "again") == closed

    reopened = await renew_link(memory.ports, id_of(record), "ordered after all")
    assert (reopened.facts.closed_at, reopened.facts.link_revoked_at) == (None, None)
    assert is_link_live(memory.ports, reopened.facts)
    assert where_stands(reopened, memory.ports).cause is not Cause.ORDER_CLOSED


async def test_closing_a_bound_association_ends_its_share_link_and_keeps_the_binding(memory: Memory) -> None:
    record = await shared(memory)
    closed = await close(memory.ports, id_of(record), "contract ended")
    assert (closed.facts.share_revoked_at, closed.facts.bound_tenant_id) == (NOW, TENANT)
    with pytest.raises(ShareEndedError):
        await find_share(memory.ports, share_token(memory.ports.keys, record.facts))


async def test_what_was_revoked_before_keeps_its_time_and_what_never_was_has_none(memory: Memory) -> None:
    record = memory.put(await ordered(memory), link_revoked_at=NOW)
    memory.clock.advance(days=1)
    closed = await close(memory.ports, id_of(record), "reason")
    assert (closed.facts.link_revoked_at, closed.facts.share_revoked_at) == (NOW, None)
    incomplete = await ordered(memory, order_number="N", customer_number="N", administrator_email="")
    assert (await close(memory.ports, id_of(incomplete), "reason")).facts.link_revoked_at is None


async def test_an_expired_or_revoked_link_can_be_renewed(memory: Memory) -> None:
    record = await ordered(memory)
    memory.clock.advance(days=40)
    assert where_stands(record, memory.ports).cause is Cause.LINK_EXPIRED
    await revoke_association_link(memory.ports, id_of(record), "reason")
    renewed = await renew_link(memory.ports, id_of(record), "reason")
    assert is_link_live(memory.ports, renewed.facts)
    token = mailed_token(memory.ports.keys, renewed.facts)
    assert await find_link(memory.ports, token, Purpose.ASSOCIATION)


# Erasing


async def test_an_erased_person_is_gone_everywhere_but_as_a_number(memory: Memory) -> None:
    record, _ = await signed_in(memory, await ordered(memory))
    number, partner = record.facts.administrator, record.facts.partner_contact
    erased = await erase_person(memory.ports, id_of(record), "asked for", address=f" MARIE@{DOMAIN} ")
    after = memory.record(id_of(record))
    assert erased == Erased(people=(number, record.facts.account), mails=("invitation-1",))
    assert after.people[number] == Person(number=number)
    assert f"marie@{DOMAIN}" not in repr(after)
    assert "Marie" not in repr(after)
    assert after.people[partner] == record.people[partner]
    event = after.events[-1]
    assert (event.what, event.by, event.new) == ("person_erased", "support", "asked for")
    assert event.old == " ".join(map(str, erased.people))
    assert await find(memory.ports, Question("email", f"marie@{DOMAIN}")) == ()
    assert sum(map(len, memory.lookups.rows.values())) == 1
    assert await find(memory.ports, Question("email", ORDER["partner"]["email"])) == (after,)


async def test_no_session_outlives_the_person_it_is_of(memory: Memory) -> None:
    record, session = await signed_in(memory, await ordered(memory))
    memory.clock.advance(minutes=1)
    await erase_person(memory.ports, id_of(record), "reason", number=record.facts.partner_contact)
    assert is_live(session, memory.record(id_of(record)).facts, memory.clock())
    await erase_person(memory.ports, id_of(record), "reason", number=record.facts.account)
    assert not is_live(session, memory.record(id_of(record)).facts, memory.clock())


async def test_the_history_gives_no_erased_number_to_somebody_else(memory: Memory) -> None:
    record = await ordered(memory)
    last = max(record.people)
    await erase_person(memory.ports, id_of(record), "reason", number=last)
    assert memory.record(id_of(record)).next_person() == last + 1


async def test_a_repeat_finds_nobody_and_changes_nothing(memory: Memory) -> None:
    record = await ordered(memory)
    questions: tuple[dict[str, Any], ...] = (
        {"number": record.facts.administrator},
        {"address": f"marie@{DOMAIN}"},
    )
    for question in questions:
        await erase_person(memory.ports, id_of(record), "reason", **question)
        after = memory.record(id_of(record))
        nobody = await erase_person(memory.ports, id_of(record), "reason", **question)
        assert nobody == Erased(people=(), mails=())
        assert memory.record(id_of(record)) == after


async def test_whoever_is_recorded_under_the_same_address_is_erased_with_them(memory: Memory) -> None:
    record = await ordered(memory)
    number = record.facts.administrator
    namesake = Person(number=9, username=f"Marie@{DOMAIN.upper()}")
    record = memory.put(replace(record, people={**record.people, 9: namesake}))
    erased = await erase_person(memory.ports, id_of(record), "reason", number=number)
    assert erased.people == (number, 9)


async def test_no_mail_goes_to_an_erased_person(memory: Memory) -> None:
    record = await ordered(memory)
    await erase_person(memory.ports, id_of(record), "reason", number=record.facts.administrator)
    mail = memory.record(id_of(record)).outbox["invitation-1"]
    assert (mail.status, mail.reason) == (MailStatus.FAILED, "address_erased")
    await mailed(memory, record)
    assert memory.post.sent == []
    for refused in (renew_link, resend_for_support):
        with pytest.raises(RequestInvalidError) as caught:
            await refused(memory.ports, id_of(record), "reason")
        assert caught.value.problems == {"administrator_email": "missing"}


async def test_the_same_order_brings_nobody_back_and_the_next_one_may_name_another(memory: Memory) -> None:
    record = await ordered(memory)
    await erase_person(memory.ports, id_of(record), "reason", number=record.facts.administrator)
    again = await receive_order(memory.ports, parse_order(ORDER))
    assert f"marie@{DOMAIN}" not in repr(again)
    other = {**ORDER, "order_number": "CMD-2", "administrator_email": f"paul@{DOMAIN}"}
    joined = await receive_order(memory.ports, parse_order(other))
    assert joined.person(joined.facts.administrator).email == f"paul@{DOMAIN}"
    renewed = await renew_link(memory.ports, id_of(record), "new administrator")
    await mailed(memory, renewed, "invitation-2")
    assert memory.post.sent[-1].to == f"paul@{DOMAIN}"


async def test_a_change_meanwhile_is_not_overwritten(memory: Memory) -> None:
    record = await ordered(memory)

    async def interfere() -> None:
        memory.put(memory.record(id_of(record)), company_name="Dupont SARL")

    memory.associations.interference = interfere
    await erase_person(memory.ports, id_of(record), "reason", number=record.facts.administrator)
    after = memory.record(id_of(record))
    assert after.facts.company_name == "Dupont SARL"
    assert f"marie@{DOMAIN}" not in repr(after)
