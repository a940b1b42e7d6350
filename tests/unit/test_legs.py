"""Trips to Microsoft: state, browser, expiry, one consumer."""

from datetime import timedelta

import pytest

from association.errors import (
    BrowserUnknownError,
    FlowBusyError,
    FlowExpiredError,
    StateUnknownError,
)
from association.keys import token_hash
from association.legs import (
    LIFETIME,
    Departure,
    arrive,
    begin_confirm,
    begin_sign_in,
    flow_cookie_name,
    read_state,
    require_in_time,
    take,
)
from association.rows import Leg
from tests.memory import NOW, PERSON, TENANT, Memory, ordered

STATE = "Aa0_-" * 8 + "xyz"


@pytest.fixture
def memory() -> Memory:
    return Memory()


async def left(memory: Memory) -> Departure:
    return await begin_sign_in(memory.ports, await ordered(memory))


@pytest.mark.parametrize("after", ["", "#/", "?x=1", "<title>Sign in", " ", "A"])
def test_what_follows_the_state_is_ignored(after: str) -> None:
    assert read_state(STATE + after) == STATE


@pytest.mark.parametrize(
    "text", ["", STATE[:42], " " + STATE, STATE[:42] + "é", STATE[:20] + "." + STATE[20:]]
)
def test_what_is_no_state_is_refused(text: str) -> None:
    with pytest.raises(StateUnknownError):
        read_state(text)


async def test_neither_state_nor_secret_nor_address_is_stored(memory: Memory) -> None:
    departure = await left(memory)
    flow = memory.flows.rows[token_hash(departure.state)]
    assert departure.state not in repr(flow)
    assert departure.browser_secret not in repr(flow)
    assert set(flow.msal) == {"nonce"}
    assert flow.expires_at == NOW + LIFETIME


async def test_each_flow_has_a_cookie_of_its_own(memory: Memory) -> None:
    first, second = await left(memory), await left(memory)
    names = {flow_cookie_name(first.state), flow_cookie_name(second.state)}
    assert len(names) == 2
    assert not any(first.state in name for name in names)


async def test_the_browser_that_left_arrives(memory: Memory) -> None:
    departure = await left(memory)
    flow = await arrive(memory.ports, departure.state, departure.browser_secret, (Leg.SIGN_IN,))
    assert flow.leg is Leg.SIGN_IN


@pytest.mark.parametrize("secret", ["", "A" * 43])
async def test_another_browser_does_not(memory: Memory, secret: str) -> None:
    departure = await left(memory)
    with pytest.raises(BrowserUnknownError):
        await arrive(memory.ports, departure.state, secret, (Leg.SIGN_IN,))


async def test_a_state_that_was_never_given_out_is_unknown(memory: Memory) -> None:
    departure = await left(memory)
    with pytest.raises(StateUnknownError):
        await arrive(memory.ports, STATE, departure.browser_secret, (Leg.SIGN_IN,))


async def test_a_state_of_one_kind_of_leg_is_unknown_to_another(memory: Memory) -> None:
    departure = await left(memory)
    with pytest.raises(StateUnknownError):
        await arrive(memory.ports, departure.state, departure.browser_secret, (Leg.CONSENT,))


async def test_a_flow_ends_at_its_very_moment(memory: Memory) -> None:
    departure = await left(memory)
    memory.clock.advance(seconds=(LIFETIME - timedelta(seconds=1)).total_seconds())
    flow = await arrive(memory.ports, departure.state, departure.browser_secret, (Leg.SIGN_IN,))
    require_in_time(memory.ports, flow)
    memory.clock.advance(seconds=1)
    with pytest.raises(FlowExpiredError):
        require_in_time(memory.ports, flow)


async def test_one_of_many_callers_takes_the_flow(memory: Memory) -> None:
    departure = await left(memory)
    flow = await arrive(memory.ports, departure.state, departure.browser_secret, (Leg.SIGN_IN,))
    taken = await take(memory.ports, flow)
    for late in (flow, taken):
        with pytest.raises(FlowBusyError):
            await take(memory.ports, late)


async def test_the_confirming_leg_is_for_one_person(memory: Memory) -> None:
    record = await ordered(memory)
    departure = await begin_confirm(memory.ports, record, TENANT, PERSON, "marie", silent=True)
    flow = memory.flows.rows[token_hash(departure.state)]
    assert (flow.leg, flow.tenant_id, flow.object_id, flow.is_silent) == (Leg.CONFIRM, TENANT, PERSON, True)
    assert departure.uri.startswith(f"https://login.example/{TENANT}")
