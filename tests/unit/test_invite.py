"""From an order to an association with its mailed link, whoever repeats it and wherever it stops."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from association.errors import ConcurrentChangeError, OrderConflictError
from association.facts import Record
from association.invite import ATTEMPTS, receive_order
from association.keys import reference_of
from association.order import parse_order
from association.partition import MailStatus
from association.progress import progress
from association.rows import TaskKind
from association.steps import Cause
from tests.memory import NOW, ORDER, Memory, ordered


@pytest.fixture
def memory() -> Memory:
    return Memory()


def contents(memory: Memory) -> tuple[Any, ...]:
    return (dict(memory.associations.records), dict(memory.links.rows), dict(memory.lookups.rows))


async def test_a_complete_order_is_invited(memory: Memory) -> None:
    record = await ordered(memory)
    facts = record.facts
    assert facts.reference == reference_of(facts.association_id)
    assert (facts.link_number, facts.link_kid, facts.link_issued_at) == (1, "k1", NOW)
    assert facts.link_expires_at == NOW + timedelta(days=30)
    assert {key: (mail.kind, mail.person, mail.status) for key, mail in record.outbox.items()} == {
        "invitation-1": ("invitation", facts.administrator, MailStatus.DUE)
    }
    assert progress(record, NOW, ()).cause == Cause.NOT_STARTED


async def test_order_customer_and_reference_are_claimed_for_it(memory: Memory) -> None:
    record = await ordered(memory)
    owners = {key: claim.association_id for key, claim in memory.claims.rows.items()}
    identifier = record.facts.association_id
    assert owners == {
        ("customer", "C-1"): identifier,
        ("order", "CMD-1"): identifier,
        ("reference", record.facts.reference): identifier,
    }


async def test_each_claim_is_to_be_settled_before_it_is_made(memory: Memory) -> None:
    await ordered(memory)
    settled = [task.key for task, _ in memory.tasks.sent if task.kind is TaskKind.CLAIMS]
    assert settled == [f"{kind}:{value}" for kind, value in memory.claims.rows]


async def test_the_same_order_again_meets_itself(memory: Memory) -> None:
    first = await ordered(memory)
    before = contents(memory)
    memory.clock.advance(hours=1)
    assert await ordered(memory) == first
    assert contents(memory) == before


async def test_two_racing_orders_of_one_customer_meet_in_one_association(memory: Memory) -> None:
    async def interfere() -> None:
        await ordered(memory, order_number="CMD-2")

    memory.associations.interference = interfere
    record = await ordered(memory)
    assert set(record.orders) == {"CMD-1", "CMD-2"}
    assert len(memory.associations.records) == 1
    assert [mail.kind for mail in record.outbox.values()] == ["invitation"]


async def test_one_order_sent_twice_at_once_is_one_order(memory: Memory) -> None:
    async def interfere() -> None:
        await ordered(memory)

    memory.associations.interference = interfere
    record = await ordered(memory)
    assert len(record.orders) == len(memory.associations.records) == len(record.outbox) == 1


async def test_an_order_of_another_customer_under_the_same_number_is_refused(memory: Memory) -> None:
    first = await ordered(memory)
    with pytest.raises(OrderConflictError) as caught:
        await ordered(memory, customer_number="C-2")
    assert caught.value.differences == ("customer_number",)
    assert memory.associations.records == {first.facts.association_id: first}


async def test_a_conflicting_repeat_is_refused_and_nothing_moves(memory: Memory) -> None:
    first = await ordered(memory)
    with pytest.raises(OrderConflictError):
        await ordered(memory, model="DSU")
    assert memory.record(first.facts.association_id) == first


async def incomplete(memory: Memory) -> Record:
    return await ordered(memory, mpn_id="", administrator_email="")


async def test_an_incomplete_order_asks_the_partner_and_invites_nobody(memory: Memory) -> None:
    record = await incomplete(memory)
    (mail,) = record.outbox.values()
    assert (mail.key, mail.person, mail.about) == (
        "order_incomplete-CMD-1",
        record.facts.partner_contact,
        "CMD-1",
    )
    assert record.facts.link_number == 0
    assert memory.links.rows == {}
    assert progress(record, NOW, ()).cause == Cause.ORDER_INCOMPLETE


async def test_the_partner_is_asked_once(memory: Memory) -> None:
    record = await incomplete(memory)
    assert await incomplete(memory) == record


async def test_completing_the_order_invites(memory: Memory) -> None:
    await incomplete(memory)
    record = await ordered(memory)
    assert set(record.outbox) == {"order_incomplete-CMD-1", "invitation-1"}
    assert record.person(record.outbox["invitation-1"].person).email == ORDER["administrator_email"]


async def test_a_second_order_invites_nobody_again(memory: Memory) -> None:
    await ordered(memory)
    memory.clock.advance(days=3)
    record = await ordered(memory, order_number="CMD-2")
    assert set(record.outbox) == {"invitation-1"}
    assert (record.facts.link_number, record.facts.link_issued_at) == (1, NOW)


async def test_an_incomplete_second_order_stops_nobody_who_is_invited(memory: Memory) -> None:
    await ordered(memory)
    record = await ordered(memory, order_number="CMD-2", mpn_id="")
    assert set(record.outbox) == {"invitation-1", "order_incomplete-CMD-2"}
    assert progress(record, NOW, ()).cause == Cause.NOT_STARTED


async def test_support_finds_administrator_and_partner_by_a_hint_without_an_address(memory: Memory) -> None:
    record = await ordered(memory)
    assert len(memory.lookups.rows) == 2
    assert "@" not in repr(memory.lookups.rows)
    hint = memory.ports.keys.address_hints(ORDER["administrator_email"])[0]
    assert await memory.lookups.find("email", hint) == (record.facts.association_id,)


async def test_support_finds_the_people_of_every_order(memory: Memory) -> None:
    await ordered(memory)
    partner = {"number": "P-2", "name": "Autre Conseil", "email": "autre@conseil.example"}
    second = "paul@boulangerie-dupont.example"
    record = await ordered(memory, order_number="CMD-2", partner=partner, administrator_email=second)
    for email in (partner["email"], second, ORDER["administrator_email"], ORDER["partner"]["email"]):
        hint = memory.ports.keys.address_hints(email)[0]
        assert await memory.lookups.find("email", hint) == (record.facts.association_id,)


async def test_the_hints_are_written_together(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    both = asyncio.Barrier(2)

    async def add(kind: str, key: str, association_id: str) -> None:
        async with asyncio.timeout(2):
            await both.wait()

    monkeypatch.setattr(memory.lookups, "add", add)
    await ordered(memory)


async def test_a_repeat_heals_lost_hints(memory: Memory) -> None:
    await ordered(memory)
    memory.lookups.rows.clear()
    await ordered(memory)
    assert len(memory.lookups.rows) == 2


async def test_an_order_stopped_after_its_claims_goes_on_when_repeated(memory: Memory) -> None:
    async def crash() -> None:
        raise RuntimeError

    memory.associations.interference = crash
    with pytest.raises(RuntimeError):
        await ordered(memory)
    claims = dict(memory.claims.rows)
    record = await ordered(memory)
    assert set(memory.claims.rows) == set(claims)
    assert record.facts.association_id == claims["order", "CMD-1"].association_id


async def test_facts_that_never_hold_still_are_given_up(memory: Memory) -> None:
    record = await ordered(memory)

    async def interfere() -> None:
        memory.put(memory.record(record.facts.association_id))
        memory.associations.interference = interfere

    memory.associations.interference = interfere
    with pytest.raises(ConcurrentChangeError):
        await receive_order(memory.ports, parse_order({**ORDER, "order_number": "CMD-2"}))
    assert ATTEMPTS > 1


async def test_the_reseller_of_the_incomplete_order_is_asked_and_not_the_first_ones(memory: Memory) -> None:
    first = await ordered(memory)
    other = {"number": "P-2", "name": "Autre Conseil", "email": "commandes@autre.example"}
    record = await ordered(memory, order_number="CMD-2", mpn_id="", partner=other)
    asked = record.outbox["order_incomplete-CMD-2"].person
    assert record.person(asked).email == "commandes@autre.example"
    assert asked != first.facts.partner_contact


async def test_completing_an_order_of_a_closed_association_invites_nobody(memory: Memory) -> None:
    record = await ordered(memory, mpn_id=None)
    memory.put(record, closed_at=NOW)
    completed = await ordered(memory)
    assert completed.facts.closed_at == NOW
    assert completed.orders["CMD-1"].missing == ()
    assert (completed.facts.link_number, [key for key in completed.outbox if "invitation" in key]) == (0, [])


async def test_a_new_order_opens_what_support_had_closed(memory: Memory) -> None:
    memory.put(await ordered(memory), closed_at=NOW)
    again = await ordered(memory, order_number="CMD-2")
    assert (again.facts.closed_at, again.facts.link_number) == (None, 2)
    assert "invitation-2" in again.outbox


async def test_repeating_an_order_leaves_a_closed_association_closed(memory: Memory) -> None:
    memory.put(await ordered(memory), closed_at=NOW)
    assert (await ordered(memory)).facts.closed_at == NOW


async def test_an_order_after_the_link_has_expired_brings_the_next_one(memory: Memory) -> None:
    await ordered(memory)
    memory.clock.advance(days=memory.ports.settings.link_days)
    again = await ordered(memory, order_number="CMD-2")
    assert (again.facts.link_number, again.facts.link_issued_at) == (2, memory.clock())
    assert set(again.outbox) == {"invitation-1", "invitation-2"}
    assert (await ordered(memory, order_number="CMD-2")).facts.link_number == 2


@pytest.mark.parametrize("facts", [{"link_revoked_at": NOW}, {"generation": 1, "bound_tenant_id": "t"}])
async def test_an_order_undoes_no_revocation_and_invites_nobody_who_is_bound(
    memory: Memory, facts: dict[str, Any]
) -> None:
    memory.put(await ordered(memory), **facts)
    memory.clock.advance(days=memory.ports.settings.link_days)
    assert (await ordered(memory, order_number="CMD-2")).facts.link_number == 1
