"""What the search has found, each as a test of its own."""

import pytest

from association.facts import AcceptedBy, Record
from association.progress import progress
from association.rows import Claim, Task, TaskKind
from association.settle import SETTLE_AFTER, settle_claim
from association.steps import Cause, State, Step
from tests.memory import NOW, Memory, ordered, signed_in


async def test_a_claim_is_not_settled_away_under_the_order_that_is_repeated_just_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # a worker died between claim and transaction; the repeat comes when the task that settles it is at work
    memory, identifier = Memory(), "a" * 32
    await memory.claims.claim("customer", "C-1", Claim(association_id=identifier, at=NOW))
    memory.clock.at += SETTLE_AFTER
    read = memory.associations.read

    async def order_meanwhile(association_id: str) -> Record | None:
        found = await read(association_id)
        monkeypatch.setattr(memory.associations, "read", read)
        await ordered(memory)
        return found

    monkeypatch.setattr(memory.associations, "read", order_meanwhile)
    await settle_claim(
        memory.ports, Task(kind=TaskKind.CLAIMS, association_id=identifier, key="customer:C-1")
    )

    assert memory.record(identifier).facts.customer_number == "C-1"
    owner = await memory.claims.owner("customer", "C-1")
    assert owner is not None
    assert owner.association_id == identifier
    second = await ordered(memory, order_number="CMD-2")
    assert second.facts.association_id == identifier


async def test_a_conflict_shows_no_step_as_done_that_is_open_again() -> None:
    memory = Memory()
    record, _ = await signed_in(memory, await ordered(memory))
    conflict = {"accepted_by": AcceptedBy.DOMAIN, "accepted_at": NOW, "conflict_at": NOW}
    record = memory.put(record, **conflict, consented_at=NOW, access_proven_at=NOW)
    assert progress(record, NOW, ()).cause is Cause.TENANT_BOUND_ELSEWHERE

    record = memory.put(record, access_proven_at=None, access_lost_at=NOW)
    where = progress(record, NOW, ())
    assert (where.step, where.cause) == (Step.AUTHORISATION, Cause.ACCESS_MISSING)
    assert all(item.at for item in where.steps if item.state is State.DONE)
