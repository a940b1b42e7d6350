"""The redirect that is repeated by itself: for the same person and tenant, and only while they may go on."""

import json
from dataclasses import replace
from typing import Any

import pytest

from association.answer import Answer
from association.applications import leave_for_application
from association.consent import leave_for_consent
from association.errors import LinkRevokedError, SessionMissingError
from association.facts import AcceptedBy, Record
from association.legs import LIFETIME, Departure
from association.microsoft_errors import MicrosoftRefusedError
from association.retry import ask_again
from association.rows import Flow, Leg
from association.settings import Settings
from tests.memory import (
    NOW,
    OTHER_TENANT,
    ROLES,
    SETTINGS,
    Memory,
    expects,
    person_facts,
    taken,
    tenant_facts,
)
from tests.unit.test_applications import LISTED, checked

NOT_READY = {"error": "invalid_client"}


@pytest.fixture
def memory() -> Memory:
    made = expects(Memory(FURTHER_APPLICATIONS=json.dumps(LISTED)))
    made.entra.roles, made.graph.tenant, made.graph.person = ROLES, tenant_facts(), person_facts()
    made.entra.refused = MicrosoftRefusedError(Answer.PROVISIONING)
    return made


async def came_back(memory: Memory, leg: Leg) -> tuple[Record, Flow]:
    """The record, and the flow of a consent that Microsoft wasn't ready for."""
    record, session = await checked(memory)
    departure: Departure | None
    if leg is Leg.APPLICATION:
        departure = await leave_for_application(memory.ports, record, session, "contact")
    else:
        departure = await leave_for_consent(memory.ports, record, session)
    assert departure
    return memory.record(record.facts.association_id), await taken(memory, departure)


EACH = pytest.mark.parametrize("leg", [Leg.CONSENT, Leg.APPLICATION])


@EACH
async def test_the_repeated_leg_asks_the_same_of_the_same_under_secrets_of_its_own(
    memory: Memory, leg: Leg
) -> None:
    _, flow = await came_back(memory, leg)
    memory.clock.advance(minutes=5)
    departure = await ask_again(memory.ports, flow, NOT_READY, None)
    assert departure
    again = await taken(memory, departure)
    same = ("leg", "association_id", "tenant_id", "object_id", "application", "link_number")
    assert [getattr(again, name) for name in same] == [getattr(flow, name) for name in same]
    assert (again.state_hash == flow.state_hash, again.browser == flow.browser) == (False, False)
    assert again.expires_at == memory.clock() + LIFETIME
    (first, second) = memory.entra.consents[-2:]
    assert first == second


@EACH
@pytest.mark.parametrize(
    ("ended", "error"),
    [
        ({"link_number": 2}, LinkRevokedError),
        ({"link_revoked_at": NOW}, LinkRevokedError),
        ({"sessions_from": NOW.replace(hour=23)}, SessionMissingError),
    ],
)
async def test_what_has_ended_meanwhile_is_not_asked_again(
    memory: Memory, leg: Leg, ended: dict[str, Any], error: type[Exception]
) -> None:
    record, flow = await came_back(memory, leg)
    memory.put(record, **ended)
    memory.entra.consents.clear()
    with pytest.raises(error):
        await ask_again(memory.ports, flow, NOT_READY, None)
    assert memory.entra.consents == []


@EACH
@pytest.mark.parametrize(
    "now", [{"tenant_id": OTHER_TENANT}, {"object_id": "x"}, {"accepted_by": AcceptedBy.NOBODY}]
)
async def test_for_whoever_may_not_consent_any_more_nothing_is_asked(
    memory: Memory, leg: Leg, now: dict[str, Any]
) -> None:
    record, flow = await came_back(memory, leg)
    memory.put(record, **now)
    memory.entra.consents.clear()
    assert await ask_again(memory.ports, flow, NOT_READY, None) is None
    assert memory.entra.consents == []


async def test_an_application_that_is_listed_no_more_is_not_asked_for(memory: Memory) -> None:
    _, flow = await came_back(memory, Leg.APPLICATION)
    ports = replace(memory.ports, settings=Settings.from_mapping(SETTINGS))
    assert await ask_again(ports, flow, NOT_READY, None) is None


@EACH
async def test_a_redirect_without_an_error_is_left_to_the_leg(memory: Memory, leg: Leg) -> None:
    _, flow = await came_back(memory, leg)
    assert await ask_again(memory.ports, flow, {"admin_consent": "True"}, None) is None
