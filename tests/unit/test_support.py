"""What support asks: found by anything a caller reads out, renewed and released with a reason."""

from dataclasses import replace

import pytest

from adapters.storage.service_rules import check_key
from association.erase import erase_person
from association.errors import (
    AssociationUnknownError,
    LinkRevokedError,
    NotBoundError,
    RequestInvalidError,
    ShareEndedError,
)
from association.facts import AcceptedBy, Record
from association.links import add_link, find_link, find_share, link_end, mailed_token, share_token
from association.outbox import mail_values
from association.partition import Event
from association.release import release_tenant
from association.renew import renew_link, renew_share
from association.rows import Claim, Purpose
from association.session import is_live
from association.support import LONGEST_REASON, Question, find
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


NO_IDS = ["", " ", "a b", "../" + "f" * 29, "é" * 32, "f" * 31, "f" * 33, "g" * 32, "f" * 31 + "\n", "\ud800"]
KEYS = ("association_id", "tenant_id", "order_number", "customer_number", "reference", "email")


@pytest.fixture
def strict(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> Memory:
    """A storage that refuses keys as the service does."""
    read = memory.associations.read

    async def check_and_read(association_id: str) -> Record | None:
        check_key(association_id)
        return await read(association_id)

    monkeypatch.setattr(memory.associations, "read", check_and_read)
    return memory


@pytest.mark.parametrize("text", NO_IDS)
async def test_what_can_be_no_id_finds_nothing_and_is_renewed_and_released_for_nobody(
    strict: Memory, text: str
) -> None:
    await bound(strict)
    assert await find(strict.ports, Question("association_id", text)) == ()
    for refused in (
        renew_link(strict.ports, text, "reason"),
        renew_share(strict.ports, text, "reason"),
        release_tenant(strict.ports, text, TENANT, "reason"),
    ):
        with pytest.raises(AssociationUnknownError) as caught:
            await refused
        assert caught.value.detail == ""


async def test_an_id_in_upper_case_is_renewed_and_released_too(strict: Memory) -> None:
    record, _ = await signed_in(strict, await ordered(strict), tenant_id=OTHER_TENANT)
    loud = record.facts.association_id.upper()
    assert (await renew_link(strict.ports, loud, "reason")).facts.link_number == 2
    assert (await release_tenant(strict.ports, loud, OTHER_TENANT, "reason")).facts.accepted_by
    assert set(strict.associations.records) == {record.facts.association_id}


@pytest.mark.parametrize("by", KEYS)
async def test_half_a_character_finds_nothing(memory: Memory, by: str) -> None:
    await bound(memory)
    assert await find(memory.ports, Question(by, "\ud800")) == ()


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
    ("reason", "problem"),
    [
        ("", "missing"),
        (" \n", "missing"),
        ("x" * (LONGEST_REASON + 1), "too_long"),
        ("half \udc00", "control_characters"),
    ],
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
    without_number = await ordered(memory, order_number="N", customer_number="N", mpn_id="")
    with pytest.raises(RequestInvalidError) as caught:
        await renew_link(memory.ports, without_number.facts.association_id, "reason")
    assert caught.value.problems == {"mpn_id": "missing"}
    assert memory.links.rows == {}
    with pytest.raises(AssociationUnknownError):
        await renew_link(memory.ports, "f" * 32, "reason")


async def test_a_link_whose_key_is_gone_can_be_renewed(memory: Memory) -> None:
    record = memory.put(await ordered(memory), link_kid="gone")
    renewed = await renew_link(memory.ports, record.facts.association_id, "key removed")
    assert (renewed.facts.link_number, renewed.facts.link_kid) == (2, "k1")


async def shared(memory: Memory) -> Record:
    """A bound association with its share link."""
    record = await bound(memory)
    identifier = record.facts.association_id
    await add_link(memory.ports, identifier, Purpose.SHARE, 1, memory.ports.settings.share_days)
    ends = link_end(NOW, memory.ports.settings.share_days)
    return memory.put(record, share_number=1, share_kid="k1", share_expires_at=ends)


async def test_a_new_share_link_is_mailed_to_the_recorded_address_and_the_one_before_ends(
    memory: Memory,
) -> None:
    record = await shared(memory)
    memory.clock.advance(days=3)
    renewed = await renew_share(memory.ports, record.facts.association_id, "  it has ended ")
    facts, event = renewed.facts, renewed.events[-1]
    assert (facts.share_number, facts.share_kid) == (2, "k1")
    assert facts.share_expires_at == link_end(memory.clock(), 90)
    assert facts == replace(
        record.facts,
        version=record.facts.version + 1,
        share_number=2,
        share_expires_at=facts.share_expires_at,
    )
    assert (event.what, event.by, event.old, event.new) == ("share_renewed", "support", "1", "it has ended")
    mail = renewed.outbox["associated-1-2"]
    assert (mail.kind, mail.person) == ("associated", facts.administrator)
    token = share_token(memory.ports.keys, facts)
    assert mail_values(memory.ports, renewed, mail)["share_link"].endswith(f"/addin?k={token}")
    assert (await find_share(memory.ports, token)).expires_at == facts.share_expires_at
    with pytest.raises(ShareEndedError):
        await find_share(memory.ports, share_token(memory.ports.keys, record.facts))


async def test_a_share_link_can_be_renewed_again_and_again(memory: Memory) -> None:
    record = await shared(memory)
    for _ in range(2):
        record = await renew_share(memory.ports, record.facts.association_id, "reason")
    assert record.facts.share_number == 3
    assert {"associated-1-2", "associated-1-3"} <= set(record.outbox)


async def test_renewing_the_share_link_leaves_the_association_link_and_its_sessions(memory: Memory) -> None:
    record, session = await signed_in(memory, await shared(memory))
    renewed = await renew_share(memory.ports, record.facts.association_id, "reason")
    token = mailed_token(memory.ports.keys, renewed.facts)
    assert await find_link(memory.ports, token, Purpose.ASSOCIATION)
    assert is_live(session, renewed.facts, memory.clock())


async def test_two_share_renewals_at_once_make_one_link(memory: Memory) -> None:
    record = await shared(memory)

    async def interfere() -> None:
        await renew_share(memory.ports, record.facts.association_id, "first")

    memory.associations.interference = interfere
    renewed = await renew_share(memory.ports, record.facts.association_id, "second")
    assert renewed.facts.share_number == 2
    assert [event.new for event in renewed.events if event.what == "share_renewed"] == ["first"]
    assert await find_share(memory.ports, share_token(memory.ports.keys, renewed.facts))


async def test_nothing_is_shared_before_a_tenant_is_bound_or_without_a_reason(memory: Memory) -> None:
    record = await ordered(memory)
    identifier = record.facts.association_id
    with pytest.raises(NotBoundError):
        await renew_share(memory.ports, identifier, "reason")
    with pytest.raises(RequestInvalidError):
        await renew_share(memory.ports, identifier, " ")
    assert memory.record(identifier) == record
    assert len(memory.links.rows) == 1


async def test_a_binding_lost_meanwhile_gets_no_share_link(memory: Memory) -> None:
    record = await shared(memory)

    async def interfere() -> None:
        memory.put(memory.record(record.facts.association_id), generation=0)

    memory.associations.interference = interfere
    with pytest.raises(NotBoundError):
        await renew_share(memory.ports, record.facts.association_id, "reason")
    assert memory.record(record.facts.association_id).facts.share_number == 1


async def test_a_share_link_whose_key_is_gone_can_be_renewed(memory: Memory) -> None:
    record = memory.put(await shared(memory), share_kid="gone")
    renewed = await renew_share(memory.ports, record.facts.association_id, "key removed")
    assert (renewed.facts.share_number, renewed.facts.share_kid) == (2, "k1")


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


async def test_support_releases_a_guest_for_whom_a_member_s_code_does_not_speak(memory: Memory) -> None:
    record, _ = await signed_in(memory, await ordered(memory))
    record = memory.put(record, accepted_by=AcceptedBy.CODE, is_guest=True)
    identifier = record.facts.association_id
    released = await release_tenant(memory.ports, identifier, TENANT, "called back")
    assert released.facts.accepted_by is AcceptedBy.SUPPORT
    assert await release_tenant(memory.ports, identifier, TENANT, "again") == released


async def test_without_a_sign_in_or_a_reason_no_tenant_is_released(memory: Memory) -> None:
    record = await ordered(memory)
    for tenant_id, reason in (("", "reason"), (TENANT, "reason"), (TENANT, " ")):
        with pytest.raises(RequestInvalidError):
            await release_tenant(memory.ports, record.facts.association_id, tenant_id, reason)
    assert memory.record(record.facts.association_id) == record


async def test_a_link_is_not_renewed_for_whoever_is_erased_meanwhile(memory: Memory) -> None:
    record = await ordered(memory)
    identifier, number = record.facts.association_id, record.facts.administrator

    async def erased() -> None:
        await erase_person(memory.ports, identifier, "asked", number=number)

    memory.associations.interference = erased
    with pytest.raises(RequestInvalidError):
        await renew_link(memory.ports, identifier, "reason")
    assert memory.record(identifier).facts.link_number == 1


async def test_the_users_link_is_not_replaced_where_the_new_one_could_reach_nobody(memory: Memory) -> None:
    record = await bound(memory)
    shared = memory.put(record, share_number=1, administrator=0)
    with pytest.raises(RequestInvalidError, match="administrator_email"):
        await renew_share(memory.ports, record.facts.association_id, "reason")
    assert memory.record(record.facts.association_id) == shared
