"""Further applications: what their consent, their refusal and their roles come to."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from association.answer import NOT_THE_CUSTOMERS, OURS, Answer
from association.applications import complete_application, leave_for_application
from association.changes import SAFETY_DELAY
from association.consent import complete_consent, leave_for_consent
from association.errors import (
    AccountChangedError,
    ChecksMissingError,
    LinkRevokedError,
    PageUnknownError,
    TenantUnexpectedError,
)
from association.facts import AcceptedBy, Record
from association.grants import PROPAGATION_LIMIT, Standing, grant_of, missing_applications, standing
from association.legs import Departure
from association.looks import BACK_OFF, FIRST_LOOK
from association.microsoft_errors import MicrosoftRefusedError, MicrosoftUnavailableError
from association.news import PATIENCE
from association.progress import progress
from association.roles import look_for_grant, look_task
from association.rows import Flow, Leg, Task, TaskKind
from association.session import Session
from association.verify import complete_confirm, confirm
from tests.memory import (
    NOW,
    OTHER_TENANT,
    PERSON,
    ROLES,
    TENANT,
    Memory,
    expects,
    ordered,
    person_facts,
    signed_in,
    taken,
    tenant_facts,
)

CONTACT = "2b8e5c14-90d7-4f3a-a6c1-7d3e0b94f251"
AUTOMATE = "c07f3d62-1a5b-4e89-8d24-5f6b9e31a870"
WHY = {"fr": "Pour lire.", "en": "To read."}
LISTED = [
    {"key": "contact", "name": "Contact", "why": WHY, "client_id": CONTACT, "roles": ["Mail.Read"]},
    {"key": "automate", "name": "Automate", "why": WHY, "client_id": AUTOMATE, "roles": ["A.Read", "B.Read"]},
]
HOLDS = {CONTACT: frozenset({"Mail.Read"}), AUTOMATE: frozenset({"A.Read", "B.Read", "C.Read"})}
GRANTED = {"admin_consent": "True", "tenant": TENANT}


@pytest.fixture
def memory() -> Memory:
    made = expects(Memory(FURTHER_APPLICATIONS=json.dumps(LISTED)))
    made.entra.roles, made.graph.tenant, made.graph.person = ROLES, tenant_facts(), person_facts()
    return made


async def confirmed(memory: Memory, record: Record) -> Record:
    flow = await taken(memory, await confirm(memory.ports, record, TENANT, PERSON))
    came_to = await complete_confirm(memory.ports, flow, {"code": "c"})
    assert not isinstance(came_to, Departure)
    return came_to[0]


async def checked(memory: Memory) -> tuple[Record, Session]:
    """Everything up to step 4."""
    record, session = await signed_in(memory, await ordered(memory))
    flow = await taken(memory, await leave_for_consent(memory.ports, record, session))
    record = await complete_consent(memory.ports, flow, GRANTED, None)
    record = await confirmed(memory, record)
    memory.tasks.sent.clear()
    return record, session


async def left(memory: Memory, key: str = "contact") -> tuple[Record, Flow]:
    record, session = await checked(memory)
    departure = await leave_for_application(memory.ports, record, session, key)
    assert departure
    return record, await taken(memory, departure)


def stands(memory: Memory, record: Record) -> list[Standing]:
    current = memory.record(record.facts.association_id)
    return [standing(current, each, memory.clock()) for each in memory.ports.settings.applications]


def task(record: Record, attempt: int = 0, key: str = "contact") -> Task:
    return look_task(record.facts.association_id, key, NOW, attempt)


async def test_the_prerequisites_alone_bind_nothing(memory: Memory) -> None:
    record, _ = await checked(memory)
    assert not record.facts.is_bound
    where = progress(record, NOW, memory.ports.settings.applications)
    assert (where.step, where.cause) == ("applications", "applications_to_consent")
    assert record.grants == {}


async def test_what_the_tenant_has_granted_before_is_seen_and_binds(memory: Memory) -> None:
    memory.graph.applications = HOLDS
    record, _ = await checked(memory)
    assert record.facts.is_bound
    assert stands(memory, record) == [Standing.PROVEN, Standing.PROVEN]


async def test_the_consent_is_asked_for_the_application_and_the_departure_noted(memory: Memory) -> None:
    record, flow = await left(memory, "automate")
    assert (flow.leg, flow.application, flow.tenant_id) == (Leg.APPLICATION, "automate", TENANT)
    assert memory.entra.consents[-1] == (TENANT, AUTOMATE)
    facts = memory.record(record.facts.association_id).facts
    assert (facts.left_at, facts.left_leg) == (NOW, Leg.APPLICATION)


async def test_roles_that_are_there_prove_the_grant_at_once(memory: Memory) -> None:
    record, flow = await left(memory)
    memory.graph.applications = HOLDS
    after = await complete_application(memory.ports, flow, GRANTED, record)
    assert stands(memory, after) == [Standing.PROVEN, Standing.TO_CONSENT]
    assert (after.facts.left_at, after.facts.is_bound) == (None, False)
    assert memory.tasks.sent == []


@pytest.mark.parametrize(
    ("found", "missing"),
    [
        pytest.param({}, "A.Read B.Read", id="no service principal yet"),
        pytest.param({AUTOMATE: frozenset()}, "A.Read B.Read", id="no roles yet"),
        pytest.param({AUTOMATE: frozenset({"A.Read"})}, "B.Read", id="one role of two"),
        pytest.param(MicrosoftRefusedError(Answer.UNKNOWN), "", id="not readable"),
        pytest.param(MicrosoftUnavailableError("reason=test"), "", id="no answer"),
    ],
)
async def test_without_all_the_roles_the_redirect_is_a_hint_and_they_are_looked_for(
    memory: Memory, found: Any, missing: str
) -> None:
    record, flow = await left(memory, "automate")
    memory.graph.applications = found
    after = await complete_application(memory.ports, flow, GRANTED, record)
    assert stands(memory, after) == [Standing.TO_CONSENT, Standing.AWAITED]
    assert after.grants["automate", TENANT].missing == missing
    sent = [(task(record, key="automate"), delay) for delay in (SAFETY_DELAY, FIRST_LOOK)]
    assert memory.tasks.sent == sent


async def test_the_background_goes_on_until_the_roles_are_there(memory: Memory) -> None:
    record, flow = await left(memory)
    await complete_application(memory.ports, flow, GRANTED, record)
    memory.tasks.sent.clear()
    await look_for_grant(memory.ports, task(record))
    # once for a crash between the count and the next message, once for good
    delays = (SAFETY_DELAY + timedelta(seconds=BACK_OFF[1]), timedelta(seconds=BACK_OFF[1]))
    assert memory.tasks.sent == [(task(record, 1), delay) for delay in delays]
    memory.graph.applications = HOLDS
    await look_for_grant(memory.ports, task(record, 1))
    assert stands(memory, record)[0] is Standing.PROVEN
    version = memory.record(record.facts.association_id).facts.version
    await look_for_grant(memory.ports, task(record, 2))
    assert memory.record(record.facts.association_id).facts.version == version


@pytest.mark.parametrize("key", ["contact", "gone"])
async def test_the_background_lets_go_of_what_is_no_longer_awaited(memory: Memory, key: str) -> None:
    record, flow = await left(memory)
    await complete_application(memory.ports, flow, GRANTED, record)
    memory.tasks.sent.clear()
    if key == "contact":
        memory.clock.advance(seconds=PROPAGATION_LIMIT.total_seconds() + 1)
    await look_for_grant(memory.ports, task(record, key=key))
    news = Task(kind=TaskKind.NEWS, association_id=record.facts.association_id)
    assert memory.tasks.sent == ([(news, PATIENCE)] if key == "contact" else [])
    assert stands(memory, record)[0] is not Standing.PROVEN


async def test_a_consent_that_never_opens_anything_can_be_given_again(memory: Memory) -> None:
    record, flow = await left(memory)
    await complete_application(memory.ports, flow, GRANTED, record)
    memory.clock.advance(seconds=PROPAGATION_LIMIT.total_seconds() + 1)
    assert stands(memory, record)[0] is Standing.MISSING


async def test_a_refusal_stands_in_its_row_and_the_history_and_leaves_the_others(memory: Memory) -> None:
    record, flow = await left(memory)
    memory.entra.refused = MicrosoftRefusedError(Answer.CANCELLED, correlation_id="c-1")
    after = await complete_application(memory.ports, flow, {"error": "access_denied", **GRANTED}, record)
    assert stands(memory, after) == [Standing.REFUSED, Standing.TO_CONSENT]
    event = after.events[-1]
    assert (event.what, event.old, event.new, event.correlation_id) == (
        "application_refused",
        "contact",
        "cancelled",
        "c-1",
    )
    departure = await leave_for_application(
        memory.ports, after, (await signed_in(memory, after))[1], "contact"
    )
    assert departure


@pytest.mark.parametrize("answer", NOT_THE_CUSTOMERS)
async def test_microsofts_own_trouble_is_nobodys_refusal(memory: Memory, answer: Answer) -> None:
    record, flow = await left(memory)
    memory.entra.refused = MicrosoftRefusedError(answer)
    with pytest.raises(MicrosoftRefusedError if answer in OURS else MicrosoftUnavailableError):
        await complete_application(memory.ports, flow, {"error": "server_error"}, record)
    assert stands(memory, record) == [Standing.TO_CONSENT, Standing.TO_CONSENT]
    assert memory.record(record.facts.association_id).facts.left_at is None


async def test_a_refusal_does_not_take_back_what_is_proven(memory: Memory) -> None:
    record, flow = await left(memory)
    proven = await _proven(memory, record)
    memory.entra.refused = MicrosoftRefusedError(Answer.CANCELLED)
    await complete_application(memory.ports, flow, {"error": "access_denied"}, proven)
    assert stands(memory, record)[0] is Standing.PROVEN


async def _proven(memory: Memory, record: Record) -> Record:
    memory.graph.applications = {CONTACT: HOLDS[CONTACT]}
    return await confirmed(memory, memory.record(record.facts.association_id))


@pytest.mark.parametrize(
    "answer",
    [
        {"admin_consent": "True", "tenant": OTHER_TENANT},
        {"admin_consent": "False", "tenant": TENANT},
        {"tenant": TENANT},
    ],
)
async def test_a_redirect_of_another_tenant_or_without_consent_is_refused(
    memory: Memory, answer: dict[str, str]
) -> None:
    record, flow = await left(memory)
    memory.graph.applications = HOLDS
    with pytest.raises(AccountChangedError):
        await complete_application(memory.ports, flow, answer, record)
    assert stands(memory, record)[0] is Standing.TO_CONSENT


async def test_a_leg_begun_through_a_link_since_replaced_grants_nothing(memory: Memory) -> None:
    record, flow = await left(memory)
    memory.graph.applications = HOLDS
    with pytest.raises(LinkRevokedError):
        await complete_application(memory.ports, flow, GRANTED, memory.put(record, link_number=2))


async def test_a_leg_of_a_tenant_that_is_no_longer_signed_in_writes_no_row(memory: Memory) -> None:
    record, flow = await left(memory)
    memory.graph.applications = HOLDS
    current = memory.record(record.facts.association_id)
    after = await complete_application(
        memory.ports, flow, GRANTED, memory.put(current, tenant_id=OTHER_TENANT)
    )
    assert after.grants == {}


async def test_an_application_is_for_whoever_may_go_on(memory: Memory) -> None:
    record, session = await checked(memory)
    with pytest.raises(PageUnknownError):
        await leave_for_application(memory.ports, record, session, "gone")
    with pytest.raises(AccountChangedError):
        await leave_for_application(memory.ports, record, replace(session, object_id="x"), "contact")
    with pytest.raises(TenantUnexpectedError):
        unaccepted = memory.put(record, accepted_by=AcceptedBy.NOBODY)
        await leave_for_application(memory.ports, unaccepted, session, "contact")
    with pytest.raises(ChecksMissingError):
        await leave_for_application(memory.ports, replace(record, checks={}), session, "contact")


async def test_what_is_granted_already_is_not_asked_again(memory: Memory) -> None:
    record, session = await checked(memory)
    proven = await _proven(memory, record)
    assert await leave_for_application(memory.ports, proven, session, "contact") is None
    assert await leave_for_application(memory.ports, proven, session, "automate")


async def test_the_last_look_decides_before_the_binding(memory: Memory) -> None:
    """Granted and withdrawn again: the confirming leg sees it, and nothing is bound."""
    record, _ = await checked(memory)
    await _proven(memory, record)
    memory.graph.applications = {AUTOMATE: HOLDS[AUTOMATE]}
    after = await confirmed(memory, memory.record(record.facts.association_id))
    assert not after.facts.is_bound
    assert stands(memory, after) == [Standing.TO_CONSENT, Standing.PROVEN]


async def test_what_cannot_be_read_keeps_what_was_proven(memory: Memory) -> None:
    record, _ = await checked(memory)
    await _proven(memory, record)
    memory.graph.applications = MicrosoftUnavailableError("reason=test")
    after = await confirmed(memory, memory.record(record.facts.association_id))
    assert stands(memory, after) == [Standing.PROVEN, Standing.TO_CONSENT]
    assert not after.facts.is_bound


async def test_a_redirect_that_comes_late_takes_back_nothing_that_cannot_be_read(memory: Memory) -> None:
    record, flow = await left(memory)
    await _proven(memory, record)
    memory.graph.applications = MicrosoftUnavailableError("reason=test")
    after = await complete_application(memory.ports, flow, GRANTED, None)
    assert stands(memory, after)[0] is Standing.PROVEN


async def test_another_tenants_grants_say_nothing(memory: Memory) -> None:
    record, _ = await checked(memory)
    proven = await _proven(memory, record)
    application = memory.ports.settings.applications[0]
    assert grant_of(proven, application)
    moved = replace(proven, facts=replace(proven.facts, tenant_id=OTHER_TENANT))
    assert grant_of(moved, application) is None
    assert missing_applications(moved, memory.ports.settings.applications)[0] is application


async def test_an_application_without_roles_is_proven_by_its_presence_alone() -> None:
    bare = [{**LISTED[0], "roles": []}]
    memory = expects(Memory(FURTHER_APPLICATIONS=json.dumps(bare)))
    memory.entra.roles, memory.graph.tenant, memory.graph.person = ROLES, tenant_facts(), person_facts()
    record, flow = await left(memory)
    after = await complete_application(memory.ports, flow, GRANTED, record)
    assert stands(memory, after) == [Standing.AWAITED]
    memory.graph.applications = {CONTACT: frozenset()}
    await look_for_grant(memory.ports, task(record))
    assert stands(memory, record) == [Standing.PROVEN]
