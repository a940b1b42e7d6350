"""Who may stand at an association's page, and for how long (rule S9)."""

from dataclasses import replace
from datetime import timedelta

import azure.functions as func
import pytest

from association.errors import LinkExpiredError, VisitMissingError
from association.facts import Record
from association.session import IDLE, Session
from functions.web import responses
from functions.web.browser import session_name, set_session
from functions.web.visitor import enter
from tests.memory import Memory, ordered, signed_in


@pytest.fixture
def memory() -> Memory:
    return Memory()


def coming(memory: Memory, record: Record, session: Session) -> func.HttpRequest:
    """A request of a browser that holds the session's cookie, and no visit of the link."""
    reference = record.facts.reference
    answer = set_session(responses.data({}), memory.ports, reference, session)
    value = answer.headers["Set-Cookie"].partition(";")[0].partition("=")[2]
    return func.HttpRequest(
        method="GET",
        url=f"http://localhost:7071/a/{reference}",
        headers={"cookie": f"{session_name(reference)}={value}"},
        route_params={"reference": reference},
        body=b"",
    )


async def test_a_live_session_enters_without_the_links_visit(memory: Memory) -> None:
    record, session = await signed_in(memory, await ordered(memory))
    visitor = await enter(coming(memory, record, session), memory.ports)
    assert visitor.session is not None
    assert visitor.is_current


async def test_a_live_session_does_not_outlive_its_link_before_the_binding(memory: Memory) -> None:
    record, session = await signed_in(memory, await ordered(memory))
    record = memory.put(record, link_expires_at=memory.ports.now())
    with pytest.raises(LinkExpiredError):
        await enter(coming(memory, record, session), memory.ports)


async def test_once_bound_a_live_session_outlives_the_link(memory: Memory) -> None:
    record, session = await signed_in(memory, await ordered(memory))
    record = memory.put(
        record, link_expires_at=memory.ports.now(), generation=1, bound_tenant_id=session.tenant_id
    )
    visitor = await enter(coming(memory, record, replace(session, generation=1)), memory.ports)
    assert visitor.is_current


async def test_a_session_left_idle_is_none_and_the_link_has_to_be_opened(memory: Memory) -> None:
    record, session = await signed_in(memory, await ordered(memory))
    request = coming(memory, record, session)
    memory.clock.advance(seconds=(IDLE + timedelta(seconds=1)).total_seconds())
    with pytest.raises(VisitMissingError):
        await enter(request, memory.ports)


async def test_a_session_of_an_earlier_link_is_none(memory: Memory) -> None:
    record, session = await signed_in(memory, await ordered(memory))
    record = memory.put(record, link_number=2)
    with pytest.raises(VisitMissingError):
        await enter(coming(memory, record, session), memory.ports)
