"""What support had closed and an order opens again: whoever has to act hears, and the status says who."""

import pytest

from association.close import close
from association.facts import Record
from association.links import is_link_live
from association.outbox import deliver
from association.revoke import revoke_association_link
from association.rows import Task, TaskKind
from association.steps import Cause, Who
from functions.web.views import where_stands
from tests.memory import DOMAIN, Memory, bound, expects, ordered


@pytest.fixture
def memory() -> Memory:
    return expects(Memory())


async def closed(memory: Memory, record: Record) -> None:
    memory.clock.advance(days=1)
    await close(memory.ports, record.facts.association_id, "cancelled")
    memory.clock.advance(days=1)


async def test_an_order_completed_after_it_opened_the_association_is_followed_by_a_link(
    memory: Memory,
) -> None:
    await closed(memory, await ordered(memory))
    record = await ordered(memory, order_number="CMD-2", mpn_id="")
    stands = where_stands(record, memory.ports)
    assert (stands.cause, stands.who) == (Cause.ORDER_INCOMPLETE, Who.PARTNER)
    assert stands.since == record.orders["CMD-2"].received_at
    assert not is_link_live(memory.ports, record.facts)
    after = await ordered(memory, order_number="CMD-2")
    assert is_link_live(memory.ports, after.facts)
    assert "invitation-2" in after.outbox
    assert where_stands(after, memory.ports).cause is Cause.NOT_STARTED


async def test_a_bound_customer_who_orders_again_has_a_link_again(memory: Memory) -> None:
    record, _ = await bound(memory)
    await closed(memory, record)
    after = await ordered(memory, order_number="CMD-2")
    assert is_link_live(memory.ports, after.facts)
    assert f"invitation-{after.facts.link_number}" in after.outbox


async def test_what_support_revokes_after_the_order_is_open_again_stays_revoked(memory: Memory) -> None:
    record = await ordered(memory)
    await closed(memory, record)
    await ordered(memory, order_number="CMD-2", mpn_id="")
    revoked = await revoke_association_link(memory.ports, record.facts.association_id, "suspicion")
    assert where_stands(revoked, memory.ports).cause is Cause.LINK_REVOKED
    assert await revoke_association_link(memory.ports, record.facts.association_id, "again") == revoked
    after = await ordered(memory, order_number="CMD-2")
    assert after.facts.link_number == 1
    assert where_stands(after, memory.ports).who is Who.SUPPORT


async def asked(memory: Memory, record: Record, number: str) -> bool:
    """Whether the mail about the incomplete order promises an invitation."""
    key = f"order_incomplete-{number}"
    await deliver(memory.ports, Task(kind=TaskKind.MAIL, association_id=record.facts.association_id, key=key))
    is_followed: bool = memory.post.sent[-1].values["is_followed"]
    return is_followed


async def test_a_partner_is_promised_an_invitation_only_where_one_follows(memory: Memory) -> None:
    assert await asked(memory, await ordered(memory, mpn_id=""), "CMD-1")
    record = await ordered(memory)
    assert not await asked(memory, await ordered(memory, order_number="CMD-2", mpn_id=""), "CMD-2")
    await closed(memory, record)
    assert await asked(memory, await ordered(memory, order_number="CMD-3", mpn_id=""), "CMD-3")


async def test_a_partner_of_a_bound_customer_is_promised_no_invitation(memory: Memory) -> None:
    record, _ = await bound(memory)
    assert not await asked(memory, await ordered(memory, order_number="CMD-2", mpn_id=""), "CMD-2")
    assert is_link_live(memory.ports, record.facts)


async def test_who_is_named_by_an_order_that_is_not_complete_yet_has_the_live_link(memory: Memory) -> None:
    emptied = memory.put(await ordered(memory), administrator=0)
    paul = {"order_number": "CMD-2", "administrator_email": f"paul@{DOMAIN}"}
    await ordered(memory, **paul, mpn_id="")
    after = await ordered(memory, **paul)
    assert emptied.facts.link_number == after.facts.link_number == 1
    mails = [mail for mail in after.outbox.values() if mail.kind == "invitation"]
    assert [after.person(mail.person).email for mail in mails][1:] == [f"paul@{DOMAIN}"]


async def test_a_bound_customers_next_administrator_is_sent_nothing_by_an_order(memory: Memory) -> None:
    """Their association stands; whom the link is for now, support is asked (docs/operations.md)."""
    record, _ = await bound(memory)
    memory.put(record, administrator=0)
    after = await ordered(memory, order_number="CMD-2", administrator_email=f"paul@{DOMAIN}")
    assert after.person(after.facts.administrator).email == f"paul@{DOMAIN}"
    assert after.outbox == record.outbox


async def test_nobody_recorded_is_waited_for_by_support(memory: Memory) -> None:
    record = await ordered(memory)
    emptied = memory.put(record, administrator=0)
    stands = where_stands(emptied, memory.ports)
    assert (stands.cause, stands.who) == (Cause.NOT_STARTED, Who.SUPPORT)
    named = await ordered(memory, order_number="CMD-2", administrator_email=f"paul@{DOMAIN}")
    assert where_stands(named, memory.ports).who is Who.ADMINISTRATOR
    assert named.person(named.outbox["invitation-1~again-1"].person).email == f"paul@{DOMAIN}"
