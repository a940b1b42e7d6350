"""The hand-over: who it is about, for whom it is meant, how long it is good, and who gets none."""

from dataclasses import replace

import pytest

from association.errors import NotBoundError, PortalUnavailableError
from association.handover import hand_over
from tests.memory import (
    NOW,
    OTHER_TENANT,
    PERSON,
    TENANT,
    Memory,
    bound,
    expects,
    ordered,
    signed_in,
)


@pytest.fixture
def memory() -> Memory:
    return expects(Memory())


async def test_the_claims_say_who_by_whom_for_whom_and_for_one_minute(memory: Memory) -> None:
    record, session = await bound(memory)
    token = await hand_over(memory.ports, record, session)
    (claims,) = memory.portal.signed
    seconds = int(NOW.timestamp())
    assert claims == {
        "iss": "http://localhost:7071",
        "aud": "http://localhost:7076",
        "sub": record.facts.association_id,
        "tid": TENANT,
        "oid": PERSON,
        "jti": claims["jti"],
        "iat": seconds,
        "exp": seconds + 60,
    }
    assert len(bytes.fromhex(claims["jti"])) == 16
    assert token == f"signed-{claims['jti']}"


async def test_every_hand_over_has_a_name_of_its_own(memory: Memory) -> None:
    record, session = await bound(memory)
    for _ in range(3):
        await hand_over(memory.ports, record, session)
    assert len({claims["jti"] for claims in memory.portal.signed}) == 3


async def test_the_history_names_the_person_and_not_the_token(memory: Memory) -> None:
    record, session = await bound(memory)
    await hand_over(memory.ports, record, session)
    event = memory.record(session.association_id).events[-1]
    assert (event.what, event.at, event.actor) == ("handed_over", NOW, session.account)
    assert memory.portal.signed[0]["jti"] not in repr(memory.record(session.association_id).events)


async def test_before_the_binding_nobody_is_handed_over(memory: Memory) -> None:
    record, session = await signed_in(memory, await ordered(memory))
    with pytest.raises(NotBoundError):
        await hand_over(memory.ports, record, session)
    assert memory.portal.signed == []


async def test_a_session_of_another_tenant_than_the_bound_one_is_not_handed_over(memory: Memory) -> None:
    record, session = await bound(memory)
    with pytest.raises(NotBoundError):
        await hand_over(memory.ports, record, replace(session, tenant_id=OTHER_TENANT))
    assert memory.portal.signed == []


async def test_a_binding_that_moved_meanwhile_hands_nothing_over(memory: Memory) -> None:
    record, session = await bound(memory)

    async def moved() -> None:
        memory.put(memory.record(session.association_id), bound_tenant_id=OTHER_TENANT)

    memory.associations.interference = moved
    with pytest.raises(NotBoundError):
        await hand_over(memory.ports, record, session)
    assert memory.record(session.association_id).events[-1].what != "handed_over"


async def test_without_a_usable_key_nothing_is_noted(memory: Memory) -> None:
    record, session = await bound(memory)
    memory.portal.usable = False
    with pytest.raises(PortalUnavailableError):
        await hand_over(memory.ports, record, session)
    assert memory.record(session.association_id).events[-1].what != "handed_over"
