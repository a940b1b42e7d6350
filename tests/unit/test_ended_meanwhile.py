"""What support, or the same person in another tab, ends while something is under way: it binds, shares and
hands over nothing, and opens no session (rules S1, S9, R5).
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from association.answer import Answer
from association.applications import leave_for_application
from association.associate import bind
from association.close import close
from association.consent import complete_consent, leave_for_consent
from association.errors import AssociationError, LinkRevokedError, OrderClosedError, SessionMissingError
from association.facts import Record
from association.handover import hand_over
from association.legs import Departure
from association.microsoft_errors import MicrosoftRefusedError
from association.renew import renew_link, renew_share
from association.revoke import revoke_association_link
from association.rows import Claim, Flow
from association.session import Session, is_live
from association.share import ShareState, renew_own_share, share_state
from association.sign_in import open_session
from association.sign_out import sign_out
from association.verify import complete_confirm, confirm
from functions.web import callbacks
from tests.memory import (
    OTHER_TENANT,
    PERSON,
    ROLES,
    TENANT,
    Memory,
    expects,
    identity,
    ordered,
    person_facts,
    signed_in,
    taken,
    tenant_facts,
)

CONTACT = "2b8e5c14-90d7-4f3a-a6c1-7d3e0b94f251"
WHY = {"fr": "Pour lire.", "en": "To read."}
LISTED = [{"key": "contact", "name": "Contact", "why": WHY, "client_id": CONTACT, "roles": ["Mail.Read"]}]
GRANTED = {"admin_consent": "True", "tenant": TENANT}

Ending = Callable[[Memory, str], Awaitable[object]]


async def closed(memory: Memory, identifier: str) -> object:
    return await close(memory.ports, identifier, "reason")


async def revoked(memory: Memory, identifier: str) -> object:
    return await revoke_association_link(memory.ports, identifier, "reason")


async def renewed(memory: Memory, identifier: str) -> object:
    return await renew_link(memory.ports, identifier, "reason")


async def signed_out(memory: Memory, identifier: str) -> object:
    return await sign_out(memory.ports, memory.record(identifier))


ENDINGS: list[tuple[Ending, type[AssociationError]]] = [
    (closed, LinkRevokedError),
    (revoked, LinkRevokedError),
    (renewed, LinkRevokedError),
]
ENDINGS += [(signed_out, SessionMissingError)]


def scripted(**settings: str) -> Memory:
    memory = expects(Memory(**settings))
    memory.entra.roles, memory.graph.tenant, memory.graph.person = ROLES, tenant_facts(), person_facts()
    return memory


async def left_for_consent(memory: Memory) -> Flow:
    record, session = await signed_in(memory, await ordered(memory))
    return await taken(memory, await leave_for_consent(memory.ports, record, session))


async def confirming(memory: Memory) -> Flow:
    record = await complete_consent(memory.ports, await left_for_consent(memory), GRANTED, None)
    return await taken(memory, await confirm(memory.ports, record, TENANT, PERSON))


async def bound(memory: Memory) -> tuple[Record, Session]:
    flow = await confirming(memory)
    came_to = await complete_confirm(memory.ports, flow, {"code": "c"})
    assert not isinstance(came_to, Departure)
    record, session = came_to[0], open_session(memory.ports, *came_to, memory.clock())
    assert record.facts.is_bound
    return record, session


def closing(memory: Memory, identifier: str) -> None:
    """Support closes the association just before the next change of it."""

    async def interfere() -> object:
        return await closed(memory, identifier)

    memory.associations.interference = interfere


@pytest.mark.parametrize(("ending", "error"), ENDINGS)
async def test_what_ends_between_the_checks_and_the_binding_binds_nothing(
    ending: Ending, error: type[AssociationError], monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = scripted()
    flow = await confirming(memory)
    claim = memory.claims.claim

    async def claimed(kind: str, value: str, mine: Claim) -> Claim:
        memory.clock.advance(seconds=1)
        await ending(memory, flow.association_id)
        return await claim(kind, value, mine)

    monkeypatch.setattr(memory.claims, "claim", claimed)
    with pytest.raises(error):
        await complete_confirm(memory.ports, flow, {"code": "c"})
    facts = memory.record(flow.association_id).facts
    assert not facts.is_bound
    assert share_state(facts, memory.ports.keys, memory.clock()) is not ShareState.OPEN


async def test_a_share_link_renewed_while_support_closes_opens_nothing() -> None:
    memory = scripted()
    record, session = await bound(memory)
    closing(memory, session.association_id)
    with pytest.raises(OrderClosedError):
        await renew_own_share(memory.ports, record, session, 1)
    facts = memory.record(session.association_id).facts
    assert share_state(facts, memory.ports.keys, memory.clock()) is ShareState.REVOKED


async def test_support_renews_no_share_link_of_a_closed_association_before_it_is_open_again() -> None:
    memory = scripted()
    record, _ = await bound(memory)
    identifier = record.facts.association_id
    await closed(memory, identifier)
    with pytest.raises(OrderClosedError):
        await renew_share(memory.ports, identifier, "reason")
    await renewed(memory, identifier)
    facts = (await renew_share(memory.ports, identifier, "reason")).facts
    assert share_state(facts, memory.ports.keys, memory.clock()) is ShareState.OPEN


@pytest.mark.parametrize("ending", [closed, revoked, renewed, signed_out])
async def test_nobody_is_handed_over_in_a_session_that_ended_meanwhile(ending: Ending) -> None:
    memory = scripted()
    record, session = await bound(memory)

    async def interfere() -> object:
        memory.clock.advance(seconds=1)
        return await ending(memory, session.association_id)

    memory.associations.interference = interfere
    with pytest.raises(SessionMissingError):
        await hand_over(memory.ports, record, session)
    assert "handed_over" not in [event.what for event in memory.record(session.association_id).events]


async def test_a_conflict_of_a_tenant_that_is_no_longer_signed_in_blocks_nobody() -> None:
    memory = scripted()
    await bound(memory)
    order = await ordered(memory, order_number="CMD-2", customer_number="C-2")
    record, _ = await signed_in(memory, order)

    async def interfere() -> object:
        return memory.put(memory.record(record.facts.association_id), tenant_id=OTHER_TENANT)

    memory.associations.interference = interfere
    after = await bind(memory.ports, record, identity(memory), tenant_facts(), lambda _: True)
    assert after.facts.conflict_at is None
    assert not [key for key in after.outbox if key.startswith("conflict")]


# Consents that come back into a session that was left in another tab are noted, and go no further


async def left_then_signed_out(memory: Memory, flow: Flow) -> None:
    memory.clock.advance(seconds=5)
    await signed_out(memory, flow.association_id)
    with pytest.raises(SessionMissingError):
        await callbacks._consented(memory.ports, flow, GRANTED, None)


async def test_a_consent_that_comes_back_after_the_sign_out_leads_to_no_session() -> None:
    memory = scripted()
    flow = await left_for_consent(memory)
    await left_then_signed_out(memory, flow)
    assert memory.record(flow.association_id).facts.access_proven_at


async def test_an_application_that_comes_back_after_the_sign_out_leads_to_no_session() -> None:
    memory = scripted(FURTHER_APPLICATIONS=json.dumps(LISTED))
    came_to = await complete_confirm(memory.ports, await confirming(memory), {"code": "c"})
    assert not isinstance(came_to, Departure)
    session = open_session(memory.ports, *came_to, memory.clock())
    departure = await leave_for_application(memory.ports, came_to[0], session, "contact")
    assert departure
    memory.graph.applications = {CONTACT: frozenset({"Mail.Read"})}
    flow = await taken(memory, departure)
    await left_then_signed_out(memory, flow)
    assert memory.record(flow.association_id).grants["contact", TENANT].proven_at


async def test_a_confirming_leg_is_not_repeated_visibly_after_the_sign_out() -> None:
    memory = scripted()
    flow = await confirming(memory)
    memory.entra.refused = MicrosoftRefusedError(Answer.INTERACTION_REQUIRED)
    memory.clock.advance(seconds=5)
    await signed_out(memory, flow.association_id)
    with pytest.raises(SessionMissingError):
        await complete_confirm(memory.ports, flow, {"error": "x"})


async def test_no_session_outlives_a_sign_out_in_another_tab_while_the_tenant_was_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory = scripted()
    flow = await confirming(memory)

    async def completed(*arguments: Any) -> object:
        came_to = await complete_confirm(*arguments)
        memory.clock.advance(seconds=1)
        await signed_out(memory, flow.association_id)
        memory.clock.advance(seconds=1)
        return came_to

    monkeypatch.setattr(callbacks, "complete_confirm", completed)
    session, _ = await callbacks._signed_in(memory.ports, flow, {"code": "c"}, None)
    facts = memory.record(flow.association_id).facts
    assert session
    assert facts.is_bound
    assert not is_live(session, facts, memory.clock())
