"""Links: found by their token alone, for their own purpose, while they live."""

from dataclasses import replace
from datetime import timedelta

import pytest

from association.errors import LinkExpiredError, LinkRevokedError, LinkUnknownError
from association.keys import Keys, token_hash
from association.links import add_link, find_link, mailed_token
from association.rows import Purpose
from association.settings import SigningKey
from tests.memory import NOW, Memory, ordered


@pytest.fixture
def memory() -> Memory:
    return Memory()


async def test_the_mailed_token_opens_the_link(memory: Memory) -> None:
    record = await ordered(memory)
    token = mailed_token(memory.ports.keys, record.facts)
    link = await find_link(memory.ports, token, Purpose.ASSOCIATION)
    assert link.link_id == f"{record.facts.association_id}.association.1"
    assert link.expires_at == record.facts.link_expires_at == NOW + timedelta(days=30)


async def test_a_token_is_stored_nowhere(memory: Memory) -> None:
    record = await ordered(memory)
    token = mailed_token(memory.ports.keys, record.facts)
    assert token not in repr((memory.associations, memory.links, memory.tasks, memory.claims))
    assert token_hash(token) in memory.links.rows


async def test_a_token_opens_nothing_of_another_purpose(memory: Memory) -> None:
    record = await ordered(memory)
    with pytest.raises(LinkUnknownError):
        await find_link(memory.ports, mailed_token(memory.ports.keys, record.facts), Purpose.SHARE)


@pytest.mark.parametrize("token", ["", "a", "A" * 42, "A" * 43, "A" * 44, "é" * 43])
async def test_any_other_text_opens_nothing(memory: Memory, token: str) -> None:
    await ordered(memory)
    with pytest.raises(LinkUnknownError):
        await find_link(memory.ports, token, Purpose.ASSOCIATION)


async def test_a_link_ends_at_its_very_moment(memory: Memory) -> None:
    token = mailed_token(memory.ports.keys, (await ordered(memory)).facts)
    memory.clock.advance(days=30, microseconds=-1)
    await find_link(memory.ports, token, Purpose.ASSOCIATION)
    memory.clock.advance(microseconds=1)
    with pytest.raises(LinkExpiredError):
        await find_link(memory.ports, token, Purpose.ASSOCIATION)


async def test_a_revoked_link_opens_nothing(memory: Memory) -> None:
    token = mailed_token(memory.ports.keys, (await ordered(memory)).facts)
    await memory.links.revoke(token_hash(token), NOW)
    with pytest.raises(LinkRevokedError):
        await find_link(memory.ports, token, Purpose.ASSOCIATION)


async def test_a_repeated_issue_meets_itself_and_ends_with_the_later_of_both(memory: Memory) -> None:
    await add_link(memory.ports, "a" * 32, Purpose.SHARE, 1, 10)
    memory.clock.advance(days=1)
    later = await add_link(memory.ports, "a" * 32, Purpose.SHARE, 1, 10)
    await add_link(memory.ports, "a" * 32, Purpose.SHARE, 1, 5)
    assert list(memory.links.rows.values()) == [later]


async def test_a_key_that_is_removed_takes_its_links_with_it(memory: Memory) -> None:
    record = await ordered(memory)
    token = mailed_token(memory.ports.keys, record.facts)
    added = SigningKey("k2", b"n" * 32)
    both = replace(memory.ports, keys=Keys((added, *memory.ports.settings.signing_keys)))
    assert await find_link(both, token, Purpose.ASSOCIATION)
    with pytest.raises(LinkRevokedError):
        await find_link(replace(memory.ports, keys=Keys((added,))), token, Purpose.ASSOCIATION)
