"""A further application that support has waived: what waits for it no longer, and what may still come."""

import json
from dataclasses import replace
from typing import Any

import pytest

from association.answer import Answer
from association.applications import complete_application, leave_for_application
from association.changes import SAFETY_DELAY
from association.errors import AssociationUnknownError, RequestInvalidError
from association.facts import Record
from association.grants import PROPAGATION_LIMIT, Standing, missing_applications
from association.looks import FIRST_LOOK
from association.microsoft_errors import MicrosoftRefusedError, MicrosoftUnavailableError
from association.missing import missing
from association.progress import progress
from association.roles import look_for_grant
from association.rows import Task
from association.session import Session
from association.waive import waive_application
from functions.web.done_page import fill_done
from functions.web.support_view import support_view
from functions.web.visitor import Visitor
from tests.memory import (
    NOW,
    OTHER_TENANT,
    ROLES,
    TENANT,
    Memory,
    expects,
    ordered,
    person_facts,
    taken,
    tenant_facts,
)
from tests.unit.test_applications import (
    AUTOMATE,
    CONTACT,
    GRANTED,
    HOLDS,
    LISTED,
    checked,
    confirmed,
    left,
    stands,
    task,
)

REASON = "le client ne lie pas Outlook"


@pytest.fixture
def memory() -> Memory:
    made = expects(Memory(FURTHER_APPLICATIONS=json.dumps(LISTED)))
    made.entra.roles, made.graph.tenant, made.graph.person = ROLES, tenant_facts(), person_facts()
    return made


async def refused(memory: Memory) -> tuple[Record, Session]:
    """Automate is granted; contact was refused at Microsoft's."""
    memory.graph.applications = {AUTOMATE: HOLDS[AUTOMATE]}
    record, session = await checked(memory)
    return await refuse(memory, record, session), session


async def refuse(memory: Memory, record: Record, session: Session) -> Record:
    departure = await leave_for_application(memory.ports, record, session, "contact")
    assert departure
    memory.entra.refused = MicrosoftRefusedError(Answer.CANCELLED)
    flow = await taken(memory, departure)
    return await complete_application(memory.ports, flow, {"error": "access_denied"}, None)


async def waived(memory: Memory, record: Record, key: str = "contact") -> Record:
    return await waive_application(memory.ports, record.facts.association_id, key, f" {REASON} ")


def cause(memory: Memory, record: Record) -> tuple[str, str]:
    where = progress(record, memory.clock(), memory.ports.settings.applications)
    return where.step, where.cause


async def test_what_is_waived_blocks_no_longer_and_the_next_confirming_leg_binds(memory: Memory) -> None:
    record, _ = await refused(memory)
    assert cause(memory, record) == ("applications", "applications_refused")
    assert not (await confirmed(memory, record)).facts.is_bound
    memory.clock.advance(minutes=5)
    record = await waived(memory, record)
    assert cause(memory, record) == ("applications", "ready_to_bind")
    assert progress(record, memory.clock(), memory.ports.settings.applications).since == memory.clock()
    assert stands(memory, record) == [Standing.WAIVED, Standing.PROVEN]
    assert missing(memory.ports, record) == ("binding",)
    bound = await confirmed(memory, record)
    assert bound.facts.is_bound
    assert stands(memory, bound) == [Standing.WAIVED, Standing.PROVEN]
    assert missing(memory.ports, bound) == ()


async def test_the_history_keeps_the_reason_and_a_repeat_adds_nothing(memory: Memory) -> None:
    record, _ = await refused(memory)
    after = await waived(memory, record)
    event = after.events[-1]
    assert (event.what, event.by, event.actor) == ("application_waived", "support", 0)
    assert (event.old, event.new) == (REASON, "contact")
    memory.clock.advance(days=1)
    assert await waived(memory, record) == after
    view = support_view(after, memory.ports)["applications"][0]
    assert (view["standing"], view["waived_at"], view["refusal"]) == (
        "waived",
        "2026-11-20T09:42:00Z",
        "cancelled",
    )


async def test_one_that_is_waived_leaves_the_others_required(memory: Memory) -> None:
    record, _ = await checked(memory)
    record = await waived(memory, record)
    assert support_view(record, memory.ports)["applications"][0]["missing_roles"] == ["Mail.Read"]
    after = await confirmed(memory, record)
    assert stands(memory, after) == [Standing.WAIVED, Standing.TO_CONSENT]
    assert cause(memory, after) == ("applications", "applications_to_consent")
    assert not after.facts.is_bound


async def test_a_waiver_meets_what_was_written_at_the_same_moment(memory: Memory) -> None:
    record, flow = await left(memory)
    memory.graph.applications = HOLDS

    async def grant() -> None:
        await complete_application(memory.ports, flow, GRANTED, None)

    memory.associations.interference = grant
    after = await waived(memory, record)
    assert after.grants["contact", TENANT].proven_at
    assert after.grants["contact", TENANT].waived_at


@pytest.mark.parametrize(
    ("key", "reason", "problem"),
    [
        ("gone", REASON, {"application": "application_unknown"}),
        ("", REASON, {"application": "application_unknown"}),
        ("contact", " ", {"reason": "missing"}),
        ("contact", "demandé par marie@dupont.example", {"reason": "address_in_text"}),
    ],
)
async def test_neither_an_unlisted_application_nor_one_without_a_reason_is_waived(
    memory: Memory, key: str, reason: str, problem: dict[str, str]
) -> None:
    record, _ = await refused(memory)
    with pytest.raises(RequestInvalidError) as caught:
        await waive_application(memory.ports, record.facts.association_id, key, reason)
    assert caught.value.problems == problem
    assert memory.record(record.facts.association_id) == record


async def test_nothing_is_waived_for_nobody(memory: Memory) -> None:
    record = await ordered(memory)
    with pytest.raises(RequestInvalidError) as caught:
        await waived(memory, record)
    assert caught.value.problems == {"tenant_id": "not_signed_in"}
    for identifier in ("f" * 32, "marie@dupont.example"):
        with pytest.raises(AssociationUnknownError):
            await waive_application(memory.ports, identifier, "contact", REASON)


async def test_another_tenant_has_nothing_of_a_waiver(memory: Memory) -> None:
    record, _ = await refused(memory)
    record = await waived(memory, record)
    listed = memory.ports.settings.applications
    assert missing_applications(record, listed) == ()
    moved = replace(record, facts=replace(record.facts, tenant_id=OTHER_TENANT))
    assert missing_applications(moved, listed) == listed
    bound = replace(record, facts=replace(moved.facts, bound_tenant_id=record.facts.tenant_id))
    assert missing_applications(bound, listed) == ()


async def test_what_another_tenant_answers_takes_no_waiver_back(memory: Memory) -> None:
    """Somebody of another tenant signs in, refuses the same application, and the first tenant comes back."""
    record, session = await refused(memory)
    first = await waived(memory, record)
    departure = await leave_for_application(memory.ports, first, session, "contact")
    assert departure
    flow = replace(await taken(memory, departure), tenant_id=OTHER_TENANT)
    memory.put(first, tenant_id=OTHER_TENANT)
    memory.entra.refused = MicrosoftRefusedError(Answer.CANCELLED)
    other = await complete_application(memory.ports, flow, {"error": "access_denied"}, None)
    assert stands(memory, other)[0] is Standing.REFUSED
    back = memory.put(other, tenant_id=record.facts.tenant_id)
    assert stands(memory, back)[0] is Standing.WAIVED


async def test_a_waived_application_may_still_be_authorised(memory: Memory) -> None:
    record, session = await refused(memory)
    departure = await leave_for_application(memory.ports, await waived(memory, record), session, "contact")
    assert departure
    memory.graph.applications = HOLDS
    after = await complete_application(memory.ports, await taken(memory, departure), GRANTED, None)
    assert stands(memory, after) == [Standing.PROVEN, Standing.PROVEN]
    assert await leave_for_application(memory.ports, after, session, "contact") is None
    # withdrawn at Microsoft's later: support's decision stands again
    memory.graph.applications = {AUTOMATE: HOLDS[AUTOMATE]}
    assert stands(memory, await confirmed(memory, after))[0] is Standing.WAIVED


async def test_the_background_proves_a_waived_application_that_nobody_waits_for(memory: Memory) -> None:
    record, flow = await left(memory)
    memory.graph.applications = {AUTOMATE: HOLDS[AUTOMATE]}
    await waived(memory, record)
    after = await complete_application(memory.ports, flow, GRANTED, None)
    assert stands(memory, after)[0] is Standing.WAIVED
    assert memory.tasks.sent == [(task(record), delay) for delay in (SAFETY_DELAY, FIRST_LOOK)]
    await look_for_grant(memory.ports, task(record))
    assert again(memory)[-1] == task(record, 1)
    memory.graph.applications = HOLDS
    await look_for_grant(memory.ports, task(record, 1))
    assert stands(memory, record)[0] is Standing.PROVEN
    assert again(memory)[-1] == task(record, 1)


async def test_the_background_lets_go_of_a_waived_application_after_a_while(memory: Memory) -> None:
    record, flow = await left(memory)
    await waived(memory, record)
    await complete_application(memory.ports, flow, GRANTED, None)
    memory.clock.advance(seconds=PROPAGATION_LIMIT.total_seconds() + 1)
    await look_for_grant(memory.ports, task(record))
    assert again(memory) == []


def again(memory: Memory) -> list[Task]:
    """The looks that the background has put off to later."""
    return [sent for sent, _ in memory.tasks.sent if sent.attempt]


@pytest.mark.parametrize("roles", [{}, MicrosoftUnavailableError("reason=test")], ids=["gone", "unread"])
async def test_neither_a_refusal_nor_a_look_takes_a_waiver_back(memory: Memory, roles: Any) -> None:
    record, session = await refused(memory)
    after = await refuse(memory, await waived(memory, record), session)
    grant = after.grants["contact", TENANT]
    assert (grant.waived_at, grant.refused_at) == (NOW, NOW)
    memory.graph.applications = roles
    assert stands(memory, await confirmed(memory, after))[0] is Standing.WAIVED


async def test_what_is_proven_stays_proven_and_is_listed_among_what_works(memory: Memory) -> None:
    memory.graph.applications = {CONTACT: HOLDS[CONTACT]}
    record, _ = await checked(memory)
    record = await waived(memory, record)
    assert stands(memory, record)[0] is Standing.PROVEN
    bound = await confirmed(memory, await waived(memory, record, "automate"))
    assert bound.facts.is_bound
    visitor = Visitor(memory.ports, bound, None, None, "fr", "")
    where = progress(bound, memory.clock(), memory.ports.settings.applications)
    values = fill_done(visitor, where)
    assert [each.key for each in values["applications"]] == ["contact"]
    assert values["missing_applications"] == ()
