"""What support asks: found by anything a caller reads out, renewed and released with a reason."""

from dataclasses import replace

import pytest

from association.errors import (
    AssociationUnknownError,
    LinkRevokedError,
    RequestInvalidError,
)
from association.facts import AcceptedBy, Event, Record
from association.links import find_link, mailed_token
from association.release import release_tenant
from association.rows import Claim, Purpose
from association.session import is_live
from association.support import LONGEST_REASON, Question, find, renew_link
from tests.memory import NOW, ORDER, OTHER_TENANT, TENANT, Memory, expects, ordered, signed_in


@pytest.fixture
def memory() -> Memory:
    return expects(Memory())


async def bound(memory: Memory) -> Record:
    record = await ordered(memory)
    await memory.claims.claim("tenant", TENANT, Claim(association_id=record.facts.association_id, at=NOW))
    return memory.put(record, generation=1, bound_tenant_id=TENANT)


@pytest.mark.parametrize(
    ("by", "value"),
    [
        ("order_number", "CMD-1"),
        ("order_number", " CMD-1 "),
        ("customer_number", "C-1"),
        ("tenant_id", TENANT),
        ("tenant_id", TENANT.upper()),
        ("email", ORDER["administrator_email"]),
        ("email", ORDER["administrator_email"].upper()),
        ("email", ORDER["partner"]["email"]),
    ],
)
async def test_an_association_is_found(memory: Memory, by: str, value: str) -> None:
    record = await bound(memory)
    assert await find(memory.ports, Question(by, value)) == (record,)


async def test_it_is_found_by_id_and_reference_however_they_are_read_out(memory: Memory) -> None:
    record = await bound(memory)
    reference = record.facts.reference
    for by, value in (
        ("association_id", record.facts.association_id.upper()),
        ("reference", reference),
        ("reference", reference.lower().replace("-", " ").replace("0", "o")),
    ):
        assert await find(memory.ports, Question(by, value)) == (record,)


async def test_it_is_found_by_the_reference_of_one_of_its_failures(memory: Memory) -> None:
    record = await bound(memory)
    failed = Event(what="failed", at=NOW, reference="ABCD-EFGH")
    record = memory.put(replace(record, events=(*record.events, failed)))
    claim = Claim(association_id=record.facts.association_id, at=NOW)
    await memory.claims.claim("reference", "ABCD-EFGH", claim)
    assert await find(memory.ports, Question("reference", "abcd efgh")) == (record,)


@pytest.mark.parametrize(
    ("by", "value"),
    [
        ("association_id", "f" * 32),
        ("association_id", ""),
        ("order_number", "CMD-9"),
        ("customer_number", "c-1"),
        ("tenant_id", OTHER_TENANT),
        ("reference", "not a reference"),
        ("reference", "0000-0000"),
        ("email", "nobody@boulangerie-dupont.example"),
    ],
)
async def test_nothing_else_is_found(memory: Memory, by: str, value: str) -> None:
    await bound(memory)
    assert await find(memory.ports, Question(by, value)) == ()


async def test_a_claim_that_never_came_to_its_fact_leads_nowhere(memory: Memory) -> None:
    record = await ordered(memory)
    await memory.claims.claim("tenant", TENANT, Claim(association_id=record.facts.association_id, at=NOW))
    assert await find(memory.ports, Question("tenant_id", TENANT)) == ()


async def test_a_hint_that_is_not_true_any_more_is_ignored(memory: Memory) -> None:
    record = await bound(memory)
    memory.put(replace(record, people={}))
    assert await find(memory.ports, Question("email", ORDER["administrator_email"])) == ()


async def test_one_address_finds_each_of_its_associations_once(memory: Memory) -> None:
    first = await ordered(memory)
    second = await ordered(memory, order_number="CMD-2", customer_number="C-2")
    await memory.lookups.add("email", "0" * 64, first.facts.association_id)
    found = await find(memory.ports, Question("email", ORDER["administrator_email"]))
    assert {record.facts.association_id for record in found} == {
        first.facts.association_id,
        second.facts.association_id,
    }
    assert len(found) == 2


async def test_a_new_link_is_mailed_and_the_one_before_ends(memory: Memory) -> None:
    record, session = await signed_in(memory, await ordered(memory))
    memory.clock.advance(days=3)
    renewed = await renew_link(memory.ports, record.facts.association_id, "  lost the mail ")
    assert renewed.facts.link_number == 2
    assert renewed.outbox["invitation-2"].person == record.facts.administrator
    assert (renewed.events[-1].by, renewed.events[-1].new) == ("support", "lost the mail")
    with pytest.raises(LinkRevokedError):
        await find_link(memory.ports, mailed_token(memory.ports.keys, record.facts), Purpose.ASSOCIATION)
    token = mailed_token(memory.ports.keys, renewed.facts)
    assert (await find_link(memory.ports, token, Purpose.ASSOCIATION)).link_id.endswith(".2")
    assert not is_live(session, renewed.facts, session.seen_at)


async def test_two_renewals_at_once_make_one_link(memory: Memory) -> None:
    record = await ordered(memory)

    async def interfere() -> None:
        await renew_link(memory.ports, record.facts.association_id, "first")

    memory.associations.interference = interfere
    renewed = await renew_link(memory.ports, record.facts.association_id, "second")
    assert renewed.facts.link_number == 2
    token = mailed_token(memory.ports.keys, renewed.facts)
    assert await find_link(memory.ports, token, Purpose.ASSOCIATION)


@pytest.mark.parametrize(
    ("reason", "problem"), [("", "missing"), (" \n", "missing"), ("x" * (LONGEST_REASON + 1), "too_long")]
)
async def test_a_link_is_not_renewed_without_a_reason(memory: Memory, reason: str, problem: str) -> None:
    record = await ordered(memory)
    with pytest.raises(RequestInvalidError) as caught:
        await renew_link(memory.ports, record.facts.association_id, reason)
    assert caught.value.problems == {"reason": problem}
    assert memory.record(record.facts.association_id) == record


async def test_an_order_without_an_administrator_is_mailed_to_nobody(memory: Memory) -> None:
    record = await ordered(memory, administrator_email="")
    with pytest.raises(RequestInvalidError):
        await renew_link(memory.ports, record.facts.association_id, "reason")
    with pytest.raises(AssociationUnknownError):
        await renew_link(memory.ports, "f" * 32, "reason")


async def test_a_link_whose_key_is_gone_can_be_renewed(memory: Memory) -> None:
    record = memory.put(await ordered(memory), link_kid="gone")
    renewed = await renew_link(memory.ports, record.facts.association_id, "key removed")
    assert (renewed.facts.link_number, renewed.facts.link_kid) == (2, "k1")


async def test_support_releases_the_tenant_that_is_signed_in_and_no_other(memory: Memory) -> None:
    record, _ = await signed_in(memory, await ordered(memory), tenant_id=OTHER_TENANT)
    identifier = record.facts.association_id
    with pytest.raises(RequestInvalidError):
        await release_tenant(memory.ports, identifier, TENANT, "called back")
    assert memory.record(identifier) == record
    released = await release_tenant(memory.ports, identifier, f" {OTHER_TENANT.upper()} ", "called back")
    assert released.facts.accepted_by is AcceptedBy.SUPPORT
    assert (released.events[-1].by, released.events[-1].old) == ("support", "called back")
    assert await release_tenant(memory.ports, identifier, OTHER_TENANT, "again") == released


async def test_without_a_sign_in_or_a_reason_no_tenant_is_released(memory: Memory) -> None:
    record = await ordered(memory)
    for tenant_id, reason in (("", "reason"), (TENANT, "reason"), (TENANT, " ")):
        with pytest.raises(RequestInvalidError):
            await release_tenant(memory.ports, record.facts.association_id, tenant_id, reason)
    assert memory.record(record.facts.association_id) == record
