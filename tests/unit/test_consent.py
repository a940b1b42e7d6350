"""Admin consent: a redirect that only hints, access that proves, and the patience in between."""

from datetime import timedelta
from typing import Any

import pytest

from association.access import REQUIRED_ROLES, Access, look_for_access, note_access, note_no_access
from association.answer import Answer
from association.changes import SAFETY_DELAY
from association.consent import complete_consent, leave_for_consent, require_accepted
from association.errors import AccountChangedError, TenantUnexpectedError
from association.facts import Facts, Record
from association.looks import BACK_OFF, stamp
from association.microsoft_errors import MicrosoftRefusedError, MicrosoftUnavailableError
from association.rows import Flow, Leg, Task, TaskKind
from association.session import Session
from tests.memory import (
    NOW,
    OTHER_PERSON,
    OTHER_TENANT,
    ROLES,
    TENANT,
    Memory,
    expects,
    ordered,
    signed_in,
    taken,
)

GRANTED = {"admin_consent": "True", "tenant": TENANT}
NOTHING: list[tuple[Task, timedelta]] = []


@pytest.fixture
def memory() -> Memory:
    return expects(Memory())


async def asked(memory: Memory, **identity: Any) -> tuple[Record, Session, Flow]:
    record, session = await signed_in(memory, await ordered(memory), **identity)
    flow = await taken(memory, await leave_for_consent(memory.ports, record, session))
    memory.tasks.sent.clear()
    return memory.record(record.facts.association_id), session, flow


def facts_of(memory: Memory, record: Record) -> Facts:
    return memory.record(record.facts.association_id).facts


async def consented(memory: Memory) -> Record:
    record, _, flow = await asked(memory)
    memory.entra.roles = MicrosoftRefusedError(Answer.NOT_IN_TENANT)
    after = await complete_consent(memory.ports, flow, GRANTED, record)
    memory.tasks.sent.clear()
    return after


def access_task(record: Record, attempt: int) -> Task:
    identifier, key = record.facts.association_id, stamp(NOW)
    return Task(kind=TaskKind.ACCESS, association_id=identifier, key=key, attempt=attempt)


async def test_the_signed_in_tenant_is_asked_and_the_departure_noted(memory: Memory) -> None:
    record, session, flow = await asked(memory)
    assert (flow.tenant_id, flow.object_id) == (session.tenant_id, session.object_id)
    assert (record.facts.left_at, record.facts.left_leg) == (NOW, Leg.CONSENT)


async def test_a_tenant_that_nobody_accepted_is_not_asked(memory: Memory) -> None:
    record, session = await signed_in(memory, await ordered(memory), tenant_id=OTHER_TENANT)
    with pytest.raises(TenantUnexpectedError):
        await leave_for_consent(memory.ports, record, session)


@pytest.mark.parametrize("change", [{"tenant_id": OTHER_TENANT}, {"object_id": OTHER_PERSON}])
async def test_a_session_that_somebody_else_overtook_goes_no_further(
    memory: Memory, change: dict[str, str]
) -> None:
    record, session, _ = await asked(memory)
    with pytest.raises(AccountChangedError):
        require_accepted(memory.put(record, **change), session)


async def test_consent_with_access_is_proven_at_once(memory: Memory) -> None:
    record, _, flow = await asked(memory)
    memory.entra.roles = ROLES | {"More.Than.Asked"}
    after = await complete_consent(memory.ports, flow, GRANTED, record)
    assert (after.facts.consented_at, after.facts.access_proven_at, after.facts.left_at) == (NOW, NOW, None)
    assert memory.tasks.sent == NOTHING


@pytest.mark.parametrize(
    "roles",
    [
        pytest.param(frozenset(), id="no roles in the token"),
        pytest.param(REQUIRED_ROLES - {"Application.Read.All"}, id="one role of two"),
        pytest.param(MicrosoftRefusedError(Answer.NOT_IN_TENANT), id="no service principal yet"),
        pytest.param(MicrosoftUnavailableError("reason=test"), id="no answer"),
    ],
)
async def test_consent_without_access_is_awaited(memory: Memory, roles: Any) -> None:
    record, _, flow = await asked(memory)
    memory.entra.roles = roles
    after = await complete_consent(memory.ports, flow, GRANTED, record)
    assert (after.facts.consented_at, after.facts.access_proven_at) == (NOW, None)
    # before the change, so that a crash cannot lose it, and after it
    delays = (SAFETY_DELAY, timedelta(seconds=BACK_OFF[0]))
    assert memory.tasks.sent == [(access_task(record, 0), delay) for delay in delays]


async def test_the_tenant_in_the_redirect_may_be_in_capitals(memory: Memory) -> None:
    record, _, flow = await asked(memory)
    memory.entra.roles = ROLES
    answer = {"admin_consent": "true", "tenant": TENANT.upper()}
    assert (await complete_consent(memory.ports, flow, answer, record)).facts.access_proven_at


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"admin_consent": "True", "tenant": OTHER_TENANT}, id="another tenant"),
        pytest.param({"admin_consent": "True"}, id="no tenant"),
        pytest.param({"admin_consent": "False", "tenant": TENANT}, id="False"),
        pytest.param({"tenant": TENANT}, id="no admin_consent"),
        pytest.param({}, id="nothing"),
    ],
)
async def test_a_redirect_that_does_not_say_so_of_this_tenant_consents_to_nothing(
    memory: Memory, answer: dict[str, str]
) -> None:
    record, _, flow = await asked(memory)
    memory.entra.roles = ROLES
    with pytest.raises(AccountChangedError):
        await complete_consent(memory.ports, flow, answer, record)
    assert memory.record(record.facts.association_id) == record
    assert f"app_roles {OTHER_TENANT}" not in memory.entra.asked


async def test_an_error_counts_before_admin_consent(memory: Memory) -> None:
    record, _, flow = await asked(memory)
    memory.entra.roles = ROLES
    memory.entra.refused = MicrosoftRefusedError(Answer.DENIED, correlation_id="c-9")
    after = await complete_consent(memory.ports, flow, {**GRANTED, "error": "access_denied"}, record)
    assert (after.facts.consent_refused_at, after.facts.consent_refusal) == (NOW, "denied")
    assert (after.facts.consented_at, after.facts.access_proven_at, after.facts.left_at) == (None, None, None)
    assert (after.events[-1].what, after.events[-1].correlation_id) == ("consent_refused", "c-9")


async def test_consent_after_a_refusal_takes_the_refusal_away(memory: Memory) -> None:
    record, session, flow = await asked(memory)
    memory.entra.refused = MicrosoftRefusedError(Answer.DENIED)
    record = await complete_consent(memory.ports, flow, {"error": "access_denied"}, record)
    memory.entra.roles = ROLES
    flow = await taken(memory, await leave_for_consent(memory.ports, record, session))
    after = await complete_consent(memory.ports, flow, GRANTED, None)
    assert (after.facts.consent_refused_at, after.facts.consent_refusal) == (None, "")


async def test_when_another_tenant_signed_in_meanwhile_the_consent_is_not_taken_for_its_own(
    memory: Memory,
) -> None:
    record, _, flow = await asked(memory)
    await signed_in(memory, record, tenant_id=OTHER_TENANT)
    memory.tasks.sent.clear()
    memory.entra.roles = ROLES
    after = await complete_consent(memory.ports, flow, GRANTED, None)
    assert (after.facts.tenant_id, after.facts.consented_at) == (OTHER_TENANT, None)
    assert after.facts.access_proven_at is None
    memory.entra.refused = MicrosoftRefusedError(Answer.DENIED)
    after = await complete_consent(memory.ports, flow, {"error": "access_denied"}, None)
    assert after.facts.consent_refused_at is None
    assert memory.tasks.sent == NOTHING


async def test_the_background_finds_access(memory: Memory) -> None:
    record = await consented(memory)
    memory.clock.advance(seconds=20)
    memory.entra.roles = ROLES
    await look_for_access(memory.ports, access_task(record, 2))
    facts = facts_of(memory, record)
    assert (facts.access_proven_at, facts.consented_at) == (memory.clock(), NOW)
    assert [task.kind for task, _ in memory.tasks.sent] == [TaskKind.NEWS]


async def test_the_background_goes_on_when_microsoft_does_not_answer(memory: Memory) -> None:
    record = await consented(memory)
    memory.entra.roles = MicrosoftUnavailableError("reason=test")
    await look_for_access(memory.ports, access_task(record, 0))
    assert memory.tasks.sent[-1] == (access_task(record, 1), timedelta(seconds=BACK_OFF[1]))


async def test_the_background_does_nothing_for_what_is_proven_lost_or_gone(memory: Memory) -> None:
    record = await consented(memory)
    memory.entra.asked.clear()
    for facts in ({"access_proven_at": NOW}, {"access_lost_at": NOW}, {"consented_at": None}):
        memory.put(record, **facts)
        await look_for_access(memory.ports, access_task(record, 0))
    memory.associations.records.clear()
    await look_for_access(memory.ports, access_task(record, 0))
    assert memory.entra.asked == []
    assert memory.tasks.sent == NOTHING


async def test_access_of_a_tenant_that_is_not_signed_in_any_more_is_not_noted(memory: Memory) -> None:
    record = await consented(memory)
    record = memory.put(record, tenant_id=OTHER_TENANT)
    assert await note_access(memory.ports, record, TENANT) == record
    memory.clock.advance(minutes=16)
    assert await note_no_access(memory.ports, record, TENANT, Access()) == record


async def test_access_is_noted_once(memory: Memory) -> None:
    record = await consented(memory)
    first = await note_access(memory.ports, record, TENANT)
    memory.clock.advance(minutes=1)
    assert await note_access(memory.ports, first, TENANT) == first


async def test_access_that_is_still_awaited_is_not_lost(memory: Memory) -> None:
    record = await consented(memory)
    assert await note_no_access(memory.ports, record, TENANT, Access()) == record
    memory.clock.advance(minutes=16)
    lost = await note_no_access(memory.ports, record, TENANT, Access())
    assert lost.facts.access_lost_at == memory.clock()


@pytest.mark.parametrize("answer", [Answer.DISABLED, None])
@pytest.mark.parametrize("since", ["access proven", "another consent"])
async def test_a_look_by_hand_says_nothing_of_what_came_after_it(
    memory: Memory, answer: Answer | None, since: str
) -> None:
    """Microsoft's servers do not know everything at the same moment."""
    record = await consented(memory)
    memory.clock.advance(minutes=16)
    now = memory.clock()
    after = {"consented_at": now} | ({"access_proven_at": now} if since == "access proven" else {})
    memory.put(record, **after)
    looked = Access(refused=MicrosoftRefusedError(answer) if answer else None)
    facts = (await note_no_access(memory.ports, record, TENANT, looked)).facts
    assert (facts.access_lost_at, facts.access_refused_at, facts.access_refusal) == (None, None, "")
    assert facts.access_proven_at == after.get("access_proven_at")


async def test_what_cannot_be_read_takes_no_refusal_back(memory: Memory) -> None:
    record = await consented(memory)
    since = memory.clock()
    for looks, answer in enumerate((MicrosoftRefusedError(Answer.DISABLED), MicrosoftUnavailableError("x"))):
        memory.entra.roles = answer
        await look_for_access(memory.ports, access_task(record, looks))
        memory.clock.advance(minutes=1)
    facts = facts_of(memory, record)
    assert (facts.looks, facts.access_refused_at, facts.access_refusal) == (2, since, "disabled")


async def test_a_consent_given_again_begins_without_the_refusal_of_the_one_before(memory: Memory) -> None:
    record, session, flow = await asked(memory)
    memory.entra.roles = MicrosoftRefusedError(Answer.DISABLED)
    record = await complete_consent(memory.ports, flow, GRANTED, record)
    assert record.facts.access_refusal == "disabled"
    memory.entra.roles = MicrosoftUnavailableError("x")
    flow = await taken(memory, await leave_for_consent(memory.ports, record, session))
    after = await complete_consent(memory.ports, flow, GRANTED, None)
    assert (after.facts.access_refused_at, after.facts.access_refusal) == (None, "")


async def test_access_found_again_is_lost_no_more(memory: Memory) -> None:
    record = memory.put(await consented(memory), access_lost_at=NOW)
    after = await note_access(memory.ports, record, TENANT)
    assert (after.facts.access_lost_at, after.facts.access_proven_at) == (None, NOW)
