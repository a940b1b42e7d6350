"""The binding: claimed first, written once, never moved, and asked again of the record it is written over."""

from dataclasses import replace
from datetime import timedelta

import pytest

from association.associate import bind
from association.facts import AcceptedBy, Record
from association.links import find_link, share_token
from association.outbox import deliver
from association.progress import progress
from association.rows import Claim, Purpose, Task, TaskKind
from association.settle import SETTLE_AFTER, settle_claim
from association.steps import Cause
from tests.memory import (
    NOW,
    OTHER_TENANT,
    TENANT,
    Memory,
    expects,
    identity,
    ordered,
    signed_in,
    tenant_facts,
)


@pytest.fixture
def memory() -> Memory:
    return expects(Memory())


async def ready(memory: Memory, **order: str) -> Record:
    record, _ = await signed_in(memory, await ordered(memory, **order))
    return memory.put(record, access_proven_at=NOW, consented_at=NOW)


def always(_: Record) -> bool:
    return True


async def bound(memory: Memory, record: Record) -> Record:
    return await bind(memory.ports, record, identity(memory), tenant_facts(), always)


async def test_the_binding_is_written_with_history_confirmation_and_share_link(memory: Memory) -> None:
    record = await bound(memory, await ready(memory))
    facts, binding = record.facts, record.bindings[1]
    assert (facts.generation, facts.bound_tenant_id, facts.bound_at, facts.bound_by) == (
        1,
        TENANT,
        NOW,
        facts.account,
    )
    assert (binding.tenant_id, binding.person, binding.organisation) == (
        TENANT,
        facts.account,
        "Boulangerie Dupont SARL",
    )
    assert record.outbox["associated-1"].person == facts.administrator
    assert (record.events[-1].what, record.events[-1].new) == ("bound", TENANT)
    link = await find_link(memory.ports, share_token(memory.ports.keys, facts), Purpose.SHARE)
    assert link.expires_at == facts.share_expires_at == NOW + timedelta(days=90)


async def test_the_tenant_is_claimed_under_the_generation(memory: Memory) -> None:
    record = await bound(memory, await ready(memory))
    claim = await memory.claims.owner("tenant", TENANT)
    assert claim == Claim(association_id=record.facts.association_id, at=NOW, generation=1)


async def test_binding_again_changes_nothing(memory: Memory) -> None:
    first = await bound(memory, await ready(memory))
    assert await bound(memory, first) == first


async def test_two_workers_binding_at_once_bind_once(memory: Memory) -> None:
    record = await ready(memory)

    async def interfere() -> object:
        return await bound(memory, record)

    memory.associations.interference = interfere
    after = await bound(memory, record)
    assert (after.facts.generation, len(after.bindings)) == (1, 1)
    assert [event.what for event in after.events].count("bound") == 1
    assert [mail.kind for mail in after.outbox.values()].count("associated") == 1


async def test_what_stopped_agreeing_meanwhile_is_not_bound(memory: Memory) -> None:
    record = await ready(memory)

    async def interfere() -> object:
        return memory.put(record, accepted_by=AcceptedBy.NOBODY)

    def agrees(current: Record) -> bool:
        return current.facts.accepted_by is not AcceptedBy.NOBODY

    memory.associations.interference = interfere
    after = await bind(memory.ports, record, identity(memory), tenant_facts(), agrees)
    assert not after.facts.is_bound
    assert not after.bindings


async def test_a_tenant_of_another_association_is_a_conflict_and_nothing_moves(memory: Memory) -> None:
    first = await bound(memory, await ready(memory))
    second = await ready(memory, order_number="CMD-2", customer_number="C-2")
    after = await bound(memory, second)
    assert (after.facts.conflict_at, after.facts.generation) == (NOW, 0)
    assert progress(after, NOW, ()).cause == Cause.TENANT_BOUND_ELSEWHERE
    assert memory.record(first.facts.association_id) == first
    claim = await memory.claims.owner("tenant", TENANT)
    assert claim and claim.association_id == first.facts.association_id
    assert "associated-1" not in after.outbox


async def test_support_is_told_of_a_conflict_with_both_references(memory: Memory) -> None:
    first = await bound(memory, await ready(memory))
    after = await bound(memory, await ready(memory, order_number="CMD-2", customer_number="C-2"))
    (key,) = [key for key in after.outbox if key.startswith("conflict")]
    await deliver(memory.ports, Task(kind=TaskKind.MAIL, association_id=after.facts.association_id, key=key))
    sent = memory.post.sent[-1]
    assert (sent.kind, sent.to) == ("conflict", memory.ports.settings.support_email)
    told = {
        name: sent.values[name] for name in ("reference", "other_reference", "tenant_id", "customer_number")
    }
    assert told == {
        "reference": after.facts.reference,
        "other_reference": first.facts.reference,
        "tenant_id": TENANT,
        "customer_number": "C-2",
    }


async def test_a_conflict_is_noted_once(memory: Memory) -> None:
    await bound(memory, await ready(memory))
    second = await ready(memory, order_number="CMD-2", customer_number="C-2")
    after = await bound(memory, second)
    assert await bound(memory, after) == after


async def test_a_conflict_ends_when_the_tenant_is_free_again(memory: Memory) -> None:
    await bound(memory, await ready(memory))
    second = await bound(memory, await ready(memory, order_number="CMD-2", customer_number="C-2"))
    memory.claims.rows.pop(("tenant", TENANT))
    after = await bound(memory, second)
    assert (after.facts.conflict_at, after.facts.bound_tenant_id) == (None, TENANT)


async def test_a_claim_is_to_be_settled_before_it_is_made(memory: Memory) -> None:
    record = await ready(memory)
    memory.tasks.sent.clear()
    await bound(memory, record)
    task = Task(kind=TaskKind.CLAIMS, association_id=record.facts.association_id, key=f"tenant:{TENANT}")
    assert memory.tasks.sent[0] == (task, SETTLE_AFTER)


async def test_a_claim_whose_binding_was_written_is_kept(memory: Memory) -> None:
    record = await bound(memory, await ready(memory))
    memory.clock.advance(minutes=15)
    await settle_claim(memory.ports, claims_task(record, f"tenant:{TENANT}"))
    assert await memory.claims.owner("tenant", TENANT)


async def test_a_claim_whose_binding_never_came_is_released(memory: Memory) -> None:
    record = await ready(memory)
    after = await bind(memory.ports, record, identity(memory), tenant_facts(), lambda _: False)
    assert not after.facts.is_bound
    memory.clock.advance(minutes=15)
    await settle_claim(memory.ports, claims_task(record, f"tenant:{TENANT}"))
    assert await memory.claims.owner("tenant", TENANT) is None


async def test_a_young_claim_is_looked_at_later(memory: Memory) -> None:
    record = await ready(memory)
    await bind(memory.ports, record, identity(memory), tenant_facts(), lambda _: False)
    memory.tasks.sent.clear()
    memory.clock.advance(minutes=14)
    task = claims_task(record, f"tenant:{TENANT}")
    await settle_claim(memory.ports, task)
    assert await memory.claims.owner("tenant", TENANT)
    assert memory.tasks.sent == [(task, timedelta(minutes=15))]


async def test_another_associations_claim_is_left_alone(memory: Memory) -> None:
    record = await ready(memory)
    other = Claim(association_id="f" * 32, at=NOW - timedelta(days=1), generation=1)
    await memory.claims.claim("tenant", OTHER_TENANT, other)
    await settle_claim(memory.ports, claims_task(record, f"tenant:{OTHER_TENANT}"))
    assert await memory.claims.owner("tenant", OTHER_TENANT) == other


@pytest.mark.parametrize("kind", ["order", "customer", "reference"])
async def test_the_claims_of_an_order_are_kept_with_it_and_released_without(
    memory: Memory, kind: str
) -> None:
    record = await ordered(memory)
    facts = record.facts
    value = {"order": "CMD-1", "customer": "C-1", "reference": facts.reference}[kind]
    memory.clock.advance(minutes=20)
    await settle_claim(memory.ports, claims_task(record, f"{kind}:{value}"))
    assert await memory.claims.owner(kind, value)
    memory.put(replace(record, orders={}), customer_number="C-9", reference="0000-0000")
    await settle_claim(memory.ports, claims_task(record, f"{kind}:{value}"))
    assert await memory.claims.owner(kind, value) is None


async def test_a_claim_of_an_association_that_was_never_written_is_released(memory: Memory) -> None:
    await memory.claims.claim("customer", "C-7", Claim(association_id="e" * 32, at=NOW))
    memory.clock.advance(minutes=15)
    await settle_claim(memory.ports, Task(kind=TaskKind.CLAIMS, association_id="e" * 32, key="customer:C-7"))
    assert memory.claims.rows == {}


def claims_task(record: Record, key: str) -> Task:
    return Task(kind=TaskKind.CLAIMS, association_id=record.facts.association_id, key=key)
