"""Who may act for an associated organisation: the portal and the share link are not every colleague's."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from association.administrator import is_administrator
from association.errors import AdministratorNeededError
from association.facts import Record
from association.handover import hand_over
from association.ports import Ports
from association.session import Session
from association.share import renew_own_share, revoke_share
from association.sign_out import continue_anyway
from tests.memory import (
    OTHER_PERSON,
    Memory,
    bound,
    expects,
    signed_in,
)

Verb = Callable[[Ports, Record, Session], Awaitable[Any]]
VERBS: dict[str, Verb] = {
    "portal": hand_over,
    "renew": lambda ports, record, session: renew_own_share(ports, record, session, 1),
    "revoke": lambda ports, record, session: revoke_share(ports, record, session, 1),
}


@pytest.fixture
def memory() -> Memory:
    return expects(Memory())


async def colleague(memory: Memory, record: Record, **changes: Any) -> tuple[Record, Session]:
    """Somebody else of the organisation signs in with the link."""
    return await signed_in(
        memory, record, object_id=OTHER_PERSON, username="paul@boulangerie-dupont.example", **changes
    )


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
async def test_whoever_bound_it_may_act_whoever_signed_in_since(memory: Memory, verb: Verb) -> None:
    record, session = await bound(memory)
    record, _ = await colleague(memory, record, role_template_ids=frozenset())
    await verb(memory.ports, record, session)


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
async def test_a_colleague_without_the_role_may_not(memory: Memory, verb: Verb) -> None:
    record, _ = await bound(memory)
    record, session = await colleague(memory, record, role_template_ids=frozenset())
    with pytest.raises(AdministratorNeededError):
        await verb(memory.ports, record, session)
    assert memory.record(record.facts.association_id).facts.share_number == 1
    assert memory.portal.signed == []


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
async def test_a_colleague_with_the_role_may(memory: Memory, verb: Verb) -> None:
    record, _ = await bound(memory)
    record, session = await colleague(memory, record)
    await verb(memory.ports, record, session)


async def test_continuing_without_the_hint_makes_nobody_an_administrator_once_bound(memory: Memory) -> None:
    record, _ = await bound(memory)
    record, session = await colleague(memory, record, role_template_ids=frozenset())
    assert not is_administrator(await continue_anyway(memory.ports, record), session)


async def test_the_role_of_whoever_signed_in_last_is_not_another_sessions(memory: Memory) -> None:
    record, _ = await bound(memory)
    record, session = await colleague(memory, record, role_template_ids=frozenset())
    record, _ = await signed_in(memory, record)
    assert not is_administrator(record, session)
