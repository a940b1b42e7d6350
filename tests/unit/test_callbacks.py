"""A callback that fails, or comes again: whoever is back is known to be back, and ends where they may be."""

from typing import Any

import azure.functions as func
import pytest

from association.consent import leave_for_consent
from association.errors import FlowExpiredError, StorageUnavailableError
from association.facts import Record
from association.keys import token_hash
from association.legs import LIFETIME, Departure
from association.ports import Ports
from association.rows import Flow, FlowStatus, Link, Purpose
from association.sign_in import leave_for_sign_in
from functions.web import callbacks, responses
from functions.web.browser import SESSION, set_visit, visit_name
from tests.memory import (
    OTHER_PERSON,
    ROLES,
    TENANT,
    Memory,
    expects,
    identity,
    ordered,
    signed_in,
    taken,
)


class Jar:
    """The cookies of one browser."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def takes(self, response: func.HttpResponse) -> func.HttpResponse:
        """Keep what the answer sets."""
        for line in response.headers.get_all("Set-Cookie") or ():
            name, _, value = line.partition(";")[0].partition("=")
            self.kept[name] = value
        return response

    def request(self, departure: Departure) -> func.HttpRequest:
        """The callback of the departure."""
        return func.HttpRequest(
            method="GET",
            url=f"http://localhost:7071/sign-in/callback?code=c&state={departure.state}",
            headers={"cookie": "; ".join(f"{name}={value}" for name, value in self.kept.items())},
            body=b"",
        )


@pytest.fixture
def memory() -> Memory:
    return expects(Memory())


@pytest.fixture
def jar() -> Jar:
    return Jar()


def flow_of(memory: Memory, departure: Departure) -> Flow:
    return memory.flows.rows[token_hash(departure.state)]


def opens(memory: Memory, jar: Jar, record: Record) -> None:
    """The mailed link: a visit, and no session any more."""
    facts = record.facts
    assert facts.link_expires_at
    link = Link(
        link_id=f"{facts.association_id}.{facts.link_number}",
        association_id=facts.association_id,
        purpose=Purpose.ASSOCIATION,
        expires_at=facts.link_expires_at,
    )
    name = visit_name(facts.reference)
    jar.takes(set_visit(jar.request(Departure("", "", "")), responses.data({}), memory.ports, name, link))
    jar.kept.pop(f"{SESSION}{facts.reference}", None)


async def leaves(memory: Memory, jar: Jar) -> tuple[Record, Departure]:
    record = await ordered(memory)
    opens(memory, jar, record)
    departure = await leave_for_sign_in(memory.ports, record)
    jar.takes(callbacks.depart(memory.ports, departure))
    memory.entra.redeemed = identity(memory)
    return record, departure


async def test_whoever_comes_back_too_late_is_back(memory: Memory, jar: Jar) -> None:
    record, departure = await leaves(memory, jar)
    memory.clock.advance(seconds=LIFETIME.total_seconds())
    with pytest.raises(FlowExpiredError):
        await callbacks.signed_in(jar.request(departure), memory.ports)
    after = memory.record(record.facts.association_id)
    assert (after.facts.left_at, after.events[-1].what) == (None, "returned")


async def test_whoever_comes_back_to_an_association_that_cannot_be_read_is_back(
    memory: Memory, jar: Jar, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, departure = await leaves(memory, jar)
    read, failures = memory.associations.read, [StorageUnavailableError("reason=test")]

    async def reads(association_id: str) -> Record | None:
        if failures:
            raise failures.pop()
        return await read(association_id)

    monkeypatch.setattr(memory.associations, "read", reads)
    with pytest.raises(StorageUnavailableError):
        await callbacks.signed_in(jar.request(departure), memory.ports)
    assert memory.record(record.facts.association_id).facts.left_at is None
    assert flow_of(memory, departure).status is FlowStatus.DONE


async def test_a_flow_is_finished_where_the_return_cannot_be_noted(
    memory: Memory, jar: Jar, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, departure = await leaves(memory, jar)

    async def reads(association_id: str) -> Record | None:
        raise StorageUnavailableError(f"association_id={association_id}")

    monkeypatch.setattr(memory.associations, "read", reads)
    with pytest.raises(StorageUnavailableError):
        await callbacks.signed_in(jar.request(departure), memory.ports)
    assert flow_of(memory, departure).status is FlowStatus.DONE


async def test_whoever_comes_back_to_a_flow_that_cannot_be_taken_is_back(
    memory: Memory, jar: Jar, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, departure = await leaves(memory, jar)

    async def consume(*_: Any) -> Flow:
        raise StorageUnavailableError("reason=test")

    monkeypatch.setattr(memory.flows, "consume", consume)
    with pytest.raises(StorageUnavailableError):
        await callbacks.signed_in(jar.request(departure), memory.ports)
    assert memory.record(record.facts.association_id).facts.left_at is None


async def test_a_callback_that_comes_too_late_and_for_the_second_time_ends_no_other_departure(
    memory: Memory, jar: Jar
) -> None:
    record, departure = await leaves(memory, jar)
    jar.takes(await callbacks.signed_in(jar.request(departure), memory.ports))
    memory.clock.advance(seconds=LIFETIME.total_seconds())
    again = memory.record(record.facts.association_id)
    await leave_for_sign_in(memory.ports, again)
    with pytest.raises(FlowExpiredError):
        await callbacks.signed_in(jar.request(departure), memory.ports)
    assert memory.record(record.facts.association_id).facts.left_at == memory.clock()


async def test_a_callback_that_comes_again_too_late_leaves_the_first_one_its_flow(
    memory: Memory, jar: Jar
) -> None:
    record, departure = await leaves(memory, jar)
    await memory.flows.consume(flow_of(memory, departure), memory.clock())
    memory.clock.advance(seconds=LIFETIME.total_seconds())
    before = memory.record(record.facts.association_id)
    with pytest.raises(FlowExpiredError):
        await callbacks.signed_in(jar.request(departure), memory.ports)
    assert flow_of(memory, departure).status is FlowStatus.CONSUMING
    assert memory.record(record.facts.association_id) == before


async def test_whoever_stays_here_because_the_flow_cannot_be_finished_is_back(
    memory: Memory, jar: Jar, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, departure = await leaves(memory, jar)

    async def onward(ports: Ports, *_: Any) -> tuple[None, Departure]:
        return None, await leave_for_sign_in(ports, memory.record(record.facts.association_id))

    async def finish(*_: Any) -> None:
        raise StorageUnavailableError("reason=test")

    monkeypatch.setattr(callbacks, "_signed_in", onward)
    monkeypatch.setattr(memory.flows, "finish", finish)
    with pytest.raises(StorageUnavailableError):
        await callbacks.signed_in(jar.request(departure), memory.ports)
    assert memory.record(record.facts.association_id).facts.left_at is None


async def test_whoever_consented_is_not_led_on_by_the_name_of_a_colleague(memory: Memory, jar: Jar) -> None:
    memory.entra.roles = ROLES
    record, session = await signed_in(memory, await ordered(memory))
    flow = await taken(memory, await leave_for_consent(memory.ports, record, session))
    colleague = memory.put(memory.record(record.facts.association_id), object_id=OTHER_PERSON)
    answer = {"admin_consent": "True", "tenant": TENANT}
    assert await callbacks._consented(memory.ports, flow, answer, colleague) == (None, None)


async def test_the_last_application_leads_on_only_whoever_consented_to_it(memory: Memory) -> None:
    record, session = await signed_in(memory, await ordered(memory))
    flow = await taken(memory, await leave_for_consent(memory.ports, record, session))
    assert await callbacks._finishing(memory.ports, flow, record)
    colleague = memory.put(record, object_id=OTHER_PERSON)
    assert await callbacks._finishing(memory.ports, flow, colleague) is None


# The same callback once more


async def test_a_callback_that_is_loaded_again_gets_its_session_again(memory: Memory, jar: Jar) -> None:
    record, departure = await leaves(memory, jar)
    first = await callbacks.signed_in(jar.request(departure), memory.ports)
    second = await callbacks.signed_in(jar.request(departure), memory.ports)
    for answer in (first, second):
        assert answer.headers["Location"] == f"/a/{record.facts.reference}"
        assert f"{SESSION}{record.facts.reference}=" in str(answer.headers.get_all("Set-Cookie"))


@pytest.mark.parametrize("of", ["the same company", "another company"])
async def test_a_callback_that_is_loaded_again_by_the_next_person_opens_no_session(
    memory: Memory, jar: Jar, of: str
) -> None:
    """At a shared computer, the one before was done and a mailed link has been opened since."""
    record, departure = await leaves(memory, jar)
    jar.takes(await callbacks.signed_in(jar.request(departure), memory.ports))
    memory.clock.advance(minutes=2)
    other = await ordered(memory, order_number="CMD-2", customer_number="C-2")
    opens(memory, jar, record if of == "the same company" else other)
    answer = await callbacks.signed_in(jar.request(departure), memory.ports)
    assert answer.headers["Location"] == f"/a/{record.facts.reference}"
    assert not answer.headers.get_all("Set-Cookie")
