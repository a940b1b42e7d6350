"""Whoever is shown again at Microsoft's is known to have left, silent leg or not, until they are back."""

import json
from dataclasses import replace
from typing import Any

import pytest
from lxml import html as markup

from association.applications import leave_for_application
from association.consent import complete_consent
from association.facts import Record
from association.legs import Departure
from association.microsoft_errors import MicrosoftUnavailableError
from association.partition import Result
from association.progress import current_checks, progress
from association.rows import Flow, Leg
from association.sign_in import open_session
from association.steps import Cause, State, Step
from association.verify import complete_confirm, confirm, recheck
from functions.services import rendering
from functions.web import callbacks
from functions.web.pages import show
from functions.web.visitor import Visitor
from tests.memory import NOW, PERSON, TENANT, Memory, person_facts, taken
from tests.unit.test_ended_meanwhile import CONTACT, GRANTED, LISTED, left_for_consent, scripted


def stands(memory: Memory, flow: Flow) -> Record:
    return memory.record(flow.association_id)


def told(element: Any) -> str:
    return " ".join(element.text_content().split())


async def failing(memory: Memory) -> tuple[Record, Flow]:
    """A record whose checks have failed, and the flow of its consent."""
    flow = await left_for_consent(memory)
    record = await complete_consent(memory.ports, flow, GRANTED, None)
    memory.graph.person = person_facts(roles=())
    departure = await confirm(memory.ports, record, TENANT, PERSON)
    await complete_confirm(memory.ports, await taken(memory, departure), {"code": "c"})
    return stands(memory, flow), flow


async def test_whoever_is_shown_again_after_the_consent_has_left() -> None:
    memory = scripted()
    flow = await left_for_consent(memory)
    session, departure = await callbacks._consented(memory.ports, flow, GRANTED, None)
    assert (session, isinstance(departure, Departure)) == (None, True)
    record = stands(memory, flow)
    assert (record.facts.left_at, record.facts.left_leg) == (NOW, Leg.CONFIRM)
    assert (record.events[-1].what, record.events[-1].new) == ("left_for_microsoft", "confirm")
    assert progress(record, NOW, ()).cause is Cause.LEFT_FOR_MICROSOFT
    assert departure
    await complete_confirm(memory.ports, await taken(memory, departure), {"code": "c"})
    assert stands(memory, flow).facts.left_at is None


async def test_whoever_is_shown_again_after_the_last_application_has_left() -> None:
    memory = scripted(FURTHER_APPLICATIONS=json.dumps(LISTED))
    record, flow = await failing(memory)
    memory.graph.person = person_facts()
    departure = await confirm(memory.ports, record, TENANT, PERSON)
    came_to = await complete_confirm(memory.ports, await taken(memory, departure), {"code": "c"})
    assert not isinstance(came_to, Departure)
    session = open_session(memory.ports, *came_to, memory.clock())
    leaving = await leave_for_application(memory.ports, came_to[0], session, "contact")
    assert leaving
    memory.graph.applications = {CONTACT: frozenset({"Mail.Read"})}
    await callbacks._consented(memory.ports, await taken(memory, leaving), GRANTED, None)
    facts = stands(memory, flow).facts
    assert (facts.left_at, facts.left_leg) == (NOW, Leg.CONFIRM)


async def test_whoever_checks_again_has_left() -> None:
    memory = scripted()
    record, _ = await failing(memory)
    session = open_session(memory.ports, record, memory.entra.redeemed, memory.clock())  # type: ignore[arg-type]
    assert await recheck(memory.ports, record, session)
    facts = memory.record(record.facts.association_id).facts
    assert (facts.left_at, facts.left_leg) == (NOW, Leg.CONFIRM)


@pytest.mark.parametrize("result", [Result.FAILED, Result.UNKNOWN])
async def test_an_open_leg_comes_before_what_the_checks_had_found_and_hides_none_of_it(
    result: Result,
) -> None:
    memory = scripted()
    record, _ = await failing(memory)
    checks = {key: replace(check, result=result) for key, check in record.checks.items()}
    before = replace(record, checks=checks)
    left = replace(before, facts=replace(before.facts, left_at=NOW, left_leg="confirm"))
    where = progress(left, NOW, ())
    assert (where.step, where.state, where.cause, where.since) == (
        Step.PREREQUISITES,
        State.WAITING,
        Cause.LEFT_FOR_MICROSOFT,
        NOW,
    )
    assert current_checks(left) == current_checks(before)
    assert progress(before, NOW, ()).cause is not Cause.LEFT_FOR_MICROSOFT


async def test_the_page_tells_of_the_departure_and_keeps_the_results_and_the_buttons() -> None:
    memory = scripted()
    record, _ = await failing(memory)
    session = open_session(memory.ports, record, memory.entra.redeemed, memory.clock())  # type: ignore[arg-type]
    assert await recheck(memory.ports, record, session)
    left = memory.record(record.facts.association_id)
    before, page = (
        markup.document_fromstring(show(Visitor(memory.ports, each, session, None, "fr", "/")).get_body())
        for each in (record, left)
    )
    for kept in ("form", "ol[@class='checks']"):
        assert [told(one) for one in page.iterfind(f".//{kept}")] == [
            told(one) for one in before.iterfind(f".//{kept}")
        ]
        assert page.find(f".//{kept}") is not None
    away = " ".join(rendering().text("fr", "progress.left.mfa").split())
    assert (away in told(before), away in told(page)) == (False, True)


async def test_who_could_not_be_sent_to_microsoft_has_not_left(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = scripted()
    record, _ = await failing(memory)

    async def begin(*_: Any, **__: Any) -> dict[str, Any]:
        raise MicrosoftUnavailableError("reason=test")

    monkeypatch.setattr(memory.entra, "begin", begin)
    session = open_session(memory.ports, record, memory.entra.redeemed, memory.clock())  # type: ignore[arg-type]
    with pytest.raises(MicrosoftUnavailableError):
        await recheck(memory.ports, record, session)
    assert memory.record(record.facts.association_id).facts.left_at is None
