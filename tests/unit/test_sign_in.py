"""The first leg: who signed in, what is noted of it, and whose tenant it may be."""

from dataclasses import replace
from typing import Any

import pytest

from association.answer import Answer
from association.errors import (
    AccountChangedError,
    AssociationUnknownError,
    BoundToAnotherError,
    DomainUnknownError,
    GuestUnexpectedError,
    LinkRevokedError,
    SignInRefusedError,
)
from association.facts import AcceptedBy, Record
from association.microsoft_errors import MicrosoftRefusedError, MicrosoftUnavailableError
from association.partition import Person
from association.renew import renew_link
from association.rows import Leg
from association.sign_in import complete_sign_in, known_person, leave_for_sign_in
from tests.memory import (
    DOMAIN,
    NOW,
    OTHER_PERSON,
    OTHER_TENANT,
    PERSON,
    TENANT,
    Memory,
    expects,
    identity,
    ordered,
    signed_in,
    taken,
)


@pytest.fixture
def memory() -> Memory:
    return expects(Memory())


async def test_leaving_is_noted_without_a_hint_of_the_recorded_address(memory: Memory) -> None:
    record = await ordered(memory)
    await leave_for_sign_in(memory.ports, record)
    assert memory.entra.begun == [{"tenant": "organizations", "login_hint": "", "silent": False}]
    facts = memory.record(record.facts.association_id).facts
    assert (facts.left_at, facts.left_leg) == (NOW, Leg.SIGN_IN)


async def test_the_expected_tenant_is_accepted_by_its_domain(memory: Memory) -> None:
    record, session = await signed_in(memory, await ordered(memory))
    facts = record.facts
    assert (facts.tenant_id, facts.object_id) == (TENANT, PERSON)
    assert (facts.accepted_by, facts.accepted_at) == (AcceptedBy.DOMAIN, NOW)
    assert (facts.left_at, facts.left_leg) == (None, "")
    assert record.person(facts.account) == Person(
        number=facts.account, name="Marie Dupont", username=f"marie@{DOMAIN}"
    )
    assert (session.tenant_id, session.object_id, session.account) == (TENANT, PERSON, facts.account)
    assert (session.started_at, session.seen_at) == (NOW, NOW)


async def test_each_sign_in_has_a_session_of_its_own(memory: Memory) -> None:
    record = await ordered(memory)
    record, first = await signed_in(memory, record)
    _, second = await signed_in(memory, record)
    assert first.session_id != second.session_id


async def test_another_tenant_is_accepted_by_nobody_and_its_domain_was_asked_for(memory: Memory) -> None:
    record, _ = await signed_in(memory, await ordered(memory), tenant_id=OTHER_TENANT)
    assert record.facts.accepted_by is AcceptedBy.NOBODY
    assert memory.entra.asked[-1] == f"tenant_of_domain {DOMAIN}"
    assert [mail.kind for mail in record.outbox.values()] == ["invitation", "code", "unexpected"]


async def test_a_public_mail_domain_says_nothing_about_a_tenant(memory: Memory) -> None:
    memory.entra.domains["gmail.com"] = TENANT
    record = await ordered(memory, administrator_email="boulangerie.dupont@gmail.com")
    record, _ = await signed_in(memory, record)
    assert record.facts.accepted_by is AcceptedBy.NOBODY


async def test_a_domain_without_a_tenant_expects_nobody(memory: Memory) -> None:
    memory.entra.domains.clear()
    record, _ = await signed_in(memory, await ordered(memory))
    assert record.facts.accepted_by is AcceptedBy.NOBODY


async def test_the_role_in_the_id_token_is_a_hint(memory: Memory) -> None:
    record, _ = await signed_in(memory, await ordered(memory))
    assert record.facts.is_administrator_hint
    record, _ = await signed_in(memory, record, role_template_ids=frozenset())
    assert not record.facts.is_administrator_hint


async def test_a_guest_of_the_expected_tenant_goes_on(memory: Memory) -> None:
    record, _ = await signed_in(memory, await ordered(memory), is_guest=True)
    assert record.facts.accepted_by is AcceptedBy.DOMAIN


async def test_a_guest_of_another_tenant_gets_no_session_and_no_code(memory: Memory) -> None:
    record = await ordered(memory)
    with pytest.raises(GuestUnexpectedError):
        await signed_in(memory, record, tenant_id=OTHER_TENANT, is_guest=True)
    assert list(memory.record(record.facts.association_id).outbox) == ["invitation-1"]


async def test_a_refused_sign_in_is_noted_and_nobody_is_signed_in(memory: Memory) -> None:
    record = await ordered(memory)
    flow = await taken(memory, await leave_for_sign_in(memory.ports, record))
    memory.entra.refused = MicrosoftRefusedError(Answer.CANCELLED, correlation_id="c-1")
    with pytest.raises(SignInRefusedError) as caught:
        await complete_sign_in(memory.ports, flow, {"error": "access_denied", "code": "also-there"})
    assert caught.value.values == {"answer": "cancelled"}
    after = memory.record(record.facts.association_id)
    assert (after.facts.left_at, after.facts.signed_in_at) == (None, None)
    assert (after.events[-1].what, after.events[-1].new, after.events[-1].correlation_id) == (
        "sign_in_refused",
        "cancelled",
        "c-1",
    )
    assert memory.entra.asked == []


async def test_when_microsoft_does_not_answer_no_fact_is_lost(memory: Memory) -> None:
    record = await ordered(memory)
    flow = await taken(memory, await leave_for_sign_in(memory.ports, record))
    memory.entra.redeemed = MicrosoftUnavailableError("reason=test")
    left = memory.record(record.facts.association_id)
    with pytest.raises(MicrosoftUnavailableError):
        await complete_sign_in(memory.ports, flow, {"code": "c"})
    assert memory.record(record.facts.association_id) == left


RESET: dict[str, Any] = {
    "accepted_by": AcceptedBy.NOBODY,
    "accepted_at": None,
    "consented_at": None,
    "consent_refused_at": None,
    "consent_refusal": "",
    "access_proven_at": None,
    "access_lost_at": None,
    "conflict_at": None,
}
REACHED = {
    "consented_at": NOW,
    "consent_refused_at": NOW,
    "consent_refusal": "denied",
    "access_proven_at": NOW,
    "access_lost_at": NOW,
    "conflict_at": NOW,
}


def shown(record: Record, names: dict[str, Any]) -> dict[str, Any]:
    return {name: getattr(record.facts, name) for name in names}


async def test_what_one_tenant_reached_says_nothing_about_the_next(memory: Memory) -> None:
    record, _ = await signed_in(memory, await ordered(memory))
    record = memory.put(record, **REACHED)
    record, _ = await signed_in(memory, record, tenant_id=OTHER_TENANT)
    assert shown(record, RESET) == RESET


async def test_what_a_tenant_reached_stays_when_another_of_its_people_signs_in(memory: Memory) -> None:
    record, _ = await signed_in(memory, await ordered(memory))
    record = memory.put(record, **REACHED)
    record, _ = await signed_in(memory, record, object_id=OTHER_PERSON, username=f"jean@{DOMAIN}")
    assert shown(record, REACHED) == REACHED
    assert record.facts.object_id == OTHER_PERSON
    assert record.person(record.facts.account).username == f"jean@{DOMAIN}"


async def test_a_person_who_comes_back_keeps_the_number(memory: Memory) -> None:
    record, _ = await signed_in(memory, await ordered(memory))
    first = record.facts.account
    record, _ = await signed_in(memory, record, object_id=OTHER_PERSON, username=f"jean@{DOMAIN}")
    record, _ = await signed_in(memory, record)
    assert record.facts.account == first
    assert len(record.people) == 4


def test_people_without_a_username_are_not_taken_for_one_another() -> None:
    memory = Memory()
    record = Record(facts=None, etag="", people={1: Person(number=1, email="a@b.example")})  # type: ignore[arg-type] # only people are read
    assert known_person(record, identity(memory, username="")).number == 2


async def test_nobody_of_another_tenant_disturbs_a_bound_association(memory: Memory) -> None:
    record, _ = await signed_in(memory, await ordered(memory))
    bound = memory.put(record, generation=1, bound_tenant_id=TENANT, bound_at=NOW)
    with pytest.raises(BoundToAnotherError):
        await signed_in(memory, bound, tenant_id=OTHER_TENANT)
    facts = memory.record(record.facts.association_id).facts
    assert replace(facts, left_at=None, left_leg="", version=0) == replace(bound.facts, version=0)


async def test_the_bound_tenants_people_sign_in_again_for_the_new_generation(memory: Memory) -> None:
    record, _ = await signed_in(memory, await ordered(memory))
    bound = memory.put(record, generation=1, bound_tenant_id=TENANT, bound_at=NOW)
    _, session = await signed_in(memory, bound)
    assert session.generation == 1


async def test_a_sign_in_meets_a_change_made_meanwhile_and_keeps_both(memory: Memory) -> None:
    record = await ordered(memory)

    async def interfere() -> object:
        current = memory.record(record.facts.association_id)
        return memory.put(current, company_name="Boulangerie Dupont et Fils")

    flow = await taken(memory, await leave_for_sign_in(memory.ports, record))
    memory.entra.redeemed = identity(memory)
    memory.associations.interference = interfere
    after, _ = await complete_sign_in(memory.ports, flow, {"code": "c"})
    assert after.facts.company_name == "Boulangerie Dupont et Fils"
    assert after.facts.tenant_id == TENANT


async def test_a_sign_in_begun_through_a_link_that_was_replaced_opens_no_session(memory: Memory) -> None:
    record = await ordered(memory)
    flow = await taken(memory, await leave_for_sign_in(memory.ports, record))
    await renew_link(memory.ports, record.facts.association_id, "the mail was passed on")
    memory.entra.redeemed = identity(memory)
    with pytest.raises(LinkRevokedError):
        await complete_sign_in(memory.ports, flow, {"code": "c"})
    assert memory.record(record.facts.association_id).facts.signed_in_at is None


async def test_a_sign_in_for_an_association_that_is_gone_is_refused(memory: Memory) -> None:
    record = await ordered(memory)
    flow = await taken(memory, await leave_for_sign_in(memory.ports, record))
    memory.associations.records.clear()
    memory.entra.redeemed = identity(memory)
    with pytest.raises(AssociationUnknownError):
        await complete_sign_in(memory.ports, flow, {"code": "c"})


async def test_a_guest_gets_no_session_by_a_code_that_a_member_typed(memory: Memory) -> None:
    record, _ = await signed_in(memory, await ordered(memory), tenant_id=OTHER_TENANT)
    record = memory.put(record, accepted_by=AcceptedBy.CODE)
    with pytest.raises(GuestUnexpectedError):
        await signed_in(memory, record, tenant_id=OTHER_TENANT, is_guest=True)


async def test_a_guest_is_sent_to_the_organisation_of_the_domain_they_typed(memory: Memory) -> None:
    record = await ordered(memory)
    memory.entra.domains["invites.example"] = OTHER_TENANT
    departure = await leave_for_sign_in(memory.ports, record, domain=" Marie@Invites.Example. ")
    flow = await taken(memory, departure)
    assert flow.authority == OTHER_TENANT
    assert memory.entra.begun[-1]["tenant"] == OTHER_TENANT
    memory.entra.redeemed = identity(memory, tenant_id=OTHER_TENANT, is_guest=True)
    with pytest.raises(GuestUnexpectedError):
        await complete_sign_in(memory.ports, flow, {"code": "c"})
    assert f"redeem {OTHER_TENANT}" in memory.entra.asked


@pytest.mark.parametrize("domain", ["nobody.example", "no domain", "a", "x" * 300, "../common", "-a.fr"])
async def test_a_domain_of_nobody_is_told(memory: Memory, domain: str) -> None:
    record = await ordered(memory)
    with pytest.raises(DomainUnknownError):
        await leave_for_sign_in(memory.ports, record, domain=domain)
    asked = [question for question in memory.entra.asked if question.startswith("tenant_of_domain")]
    assert asked in ([], [f"tenant_of_domain {domain}"])
    assert (asked == []) is (domain != "nobody.example")


async def test_a_token_of_another_tenant_than_the_one_asked_signs_nobody_in(memory: Memory) -> None:
    record = await ordered(memory)
    memory.entra.domains["invites.example"] = OTHER_TENANT
    flow = await taken(memory, await leave_for_sign_in(memory.ports, record, domain="invites.example"))
    memory.entra.redeemed = identity(memory)
    with pytest.raises(AccountChangedError):
        await complete_sign_in(memory.ports, flow, {"code": "c"})
    assert memory.record(record.facts.association_id).facts.signed_in_at is None
