"""« Transmettre à mon administrateur »: the live link and nothing else."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from association.keys import Keys
from association.links import mailed_token
from association.settings import SigningKey
from functions.web.passing_on import passing_on
from functions.web.visitor import Visitor
from tests.memory import NOW, ORDER, Memory, ordered, signed_in


async def standing(memory: Memory, **facts: Any) -> Visitor:
    """Somebody signed in at an association with these facts."""
    record, session = await signed_in(memory, await ordered(memory))
    changed = replace(record, facts=replace(record.facts, **facts))
    return Visitor(memory.ports, changed, session, None, "fr", "")


async def test_the_live_link_is_passed_on_with_who_asks_and_until_when() -> None:
    memory = Memory()
    visitor = await standing(memory)
    token = mailed_token(memory.ports.keys, visitor.facts)
    assert passing_on(visitor) == {
        "link": f"{memory.ports.settings.public_base_url}/a?k={token}",
        "partner_name": ORDER["partner"]["name"],
        "ends": NOW + timedelta(days=30),
    }


@pytest.mark.parametrize(
    "facts",
    [
        {"generation": 1},
        {"link_expires_at": NOW},
        {"link_expires_at": None},
        {"link_revoked_at": NOW},
        {"closed_at": NOW},
    ],
    ids=["bound", "expired", "none", "revoked", "closed"],
)
async def test_a_link_that_opens_nothing_is_not_passed_on(facts: dict[str, Any]) -> None:
    assert passing_on(await standing(Memory(), **facts)) is None


async def test_a_link_whose_signing_key_is_gone_is_not_passed_on() -> None:
    memory = Memory()
    visitor = await standing(memory)
    keys = Keys((SigningKey("k2", b"C" * 32),))
    assert passing_on(replace(visitor, ports=replace(memory.ports, keys=keys))) is None
