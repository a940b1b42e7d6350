"""The share link's verbs: replaced and revoked once, whatever is repeated, raced or interrupted."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from association.errors import NotBoundError, ShareEndedError, StorageUnavailableError
from association.facts import Record
from association.keys import Keys
from association.links import add_link, find_share, link_end, share_token
from association.partition import Binding
from association.ports import Ports
from association.renew import renew_share
from association.rows import Purpose
from association.session import Session
from association.settings import SigningKey
from association.share import ShareState, renew_own_share, revoke_share, share_state
from tests.memory import NOW, PERSON, TENANT, Memory, ordered

Verb = Callable[[Ports, Record, Session, int], Awaitable[Record]]


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
async def shared(memory: Memory) -> Record:
    """A bound association with its share link."""
    record = await ordered(memory)
    days = memory.ports.settings.share_days
    await add_link(memory.ports, record.facts.association_id, Purpose.SHARE, 1, days)
    facts = {"generation": 1, "bound_tenant_id": TENANT, "share_number": 1, "share_kid": "k1"}
    binding = Binding(generation=1, tenant_id=TENANT, object_id=PERSON, person=7, at=NOW)
    return memory.put(replace(record, bindings={1: binding}), **facts, share_expires_at=link_end(NOW, days))


def session(record: Record) -> Session:
    return Session(
        session_id="s",
        association_id=record.facts.association_id,
        tenant_id=TENANT,
        object_id=PERSON,
        account=7,
        generation=1,
        link_number=record.facts.link_number,
        started_at=NOW,
        seen_at=NOW,
    )


def state(memory: Memory, record: Record) -> ShareState:
    return share_state(record.facts, memory.ports.keys, memory.clock())


def token(memory: Memory, record: Record) -> str:
    return share_token(memory.ports.keys, record.facts)


async def is_open(memory: Memory, record: Record) -> bool:
    """Whether the link of `record` opens something: its row is live, and the present facts name it."""
    now = memory.record(record.facts.association_id)
    try:
        link = await find_share(memory.ports, token(memory, record))
    except ShareEndedError:
        return False
    return state(memory, now) is ShareState.OPEN and link.link_id.endswith(f".{now.facts.share_number}")


async def refuse(*_: object) -> None:
    raise StorageUnavailableError


async def test_the_administrator_replaces_the_link_and_nobody_is_mailed(
    memory: Memory, shared: Record
) -> None:
    memory.clock.advance(days=10)
    mails = set(shared.outbox)
    renewed = await renew_own_share(memory.ports, shared, session(shared), 1)
    assert renewed.facts.share_number == 2
    assert renewed.facts.share_expires_at == link_end(memory.clock(), 90)
    event = renewed.events[-1]
    assert (event.what, event.actor, event.by, event.old) == ("share_renewed", 7, "", "1")
    assert set(renewed.outbox) == mails
    assert await is_open(memory, renewed)
    assert not await is_open(memory, shared)


async def test_the_administrator_revokes_the_link(memory: Memory, shared: Record) -> None:
    revoked = await revoke_share(memory.ports, shared, session(shared), 1)
    assert (revoked.facts.share_number, revoked.facts.share_revoked_at) == (1, memory.clock())
    event = revoked.events[-1]
    assert (event.what, event.actor, event.old) == ("share_revoked", 7, "1")
    assert state(memory, revoked) is ShareState.REVOKED
    with pytest.raises(ShareEndedError):
        await find_share(memory.ports, token(memory, shared))


@pytest.mark.parametrize("verb", [renew_own_share, revoke_share])
async def test_a_repeat_changes_nothing(memory: Memory, shared: Record, verb: Verb) -> None:
    once = await verb(memory.ports, shared, session(shared), 1)
    memory.clock.advance(minutes=1)
    for read in (shared, once):
        assert await verb(memory.ports, read, session(shared), 1) == once


@pytest.mark.parametrize("verb", [renew_own_share, revoke_share])
async def test_a_wish_about_another_link_changes_nothing(memory: Memory, shared: Record, verb: Verb) -> None:
    for number in (0, 2, 10**40):
        assert await verb(memory.ports, shared, session(shared), number) == shared
    assert await is_open(memory, shared)


async def test_of_two_replacements_at_once_one_is_made(memory: Memory, shared: Record) -> None:
    async def first() -> None:
        await renew_own_share(memory.ports, shared, session(shared), 1)

    memory.associations.interference = first
    renewed = await renew_own_share(memory.ports, shared, session(shared), 1)
    assert renewed.facts.share_number == 2
    assert [event.what for event in renewed.events].count("share_renewed") == 1
    assert await is_open(memory, renewed)


async def test_a_revocation_that_meets_a_replacement_leaves_the_new_link(
    memory: Memory, shared: Record
) -> None:
    async def replaced() -> None:
        await renew_share(memory.ports, shared.facts.association_id, "reason")

    memory.associations.interference = replaced
    left = await revoke_share(memory.ports, shared, session(shared), 1)
    assert (left.facts.share_number, left.facts.share_revoked_at) == (2, None)
    assert await is_open(memory, left)


async def test_a_replacement_that_stops_before_the_facts_is_made_by_its_repeat(
    memory: Memory, shared: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(memory.associations, "commit", refuse)
        with pytest.raises(StorageUnavailableError):
            await renew_own_share(memory.ports, shared, session(shared), 1)
    assert await is_open(memory, shared)
    renewed = await renew_own_share(memory.ports, shared, session(shared), 1)
    assert await is_open(memory, renewed)
    assert len(memory.links.rows) == 3  # the association link's and two of the share


@pytest.mark.parametrize("verb", [renew_own_share, revoke_share])
async def test_what_stops_after_the_facts_has_ended_the_link(
    memory: Memory, shared: Record, monkeypatch: pytest.MonkeyPatch, verb: Verb
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(memory.links, "revoke", refuse)
        with pytest.raises(StorageUnavailableError):
            await verb(memory.ports, shared, session(shared), 1)
    assert await find_share(memory.ports, token(memory, shared))
    assert not await is_open(memory, shared)


async def test_a_repeated_revocation_ends_the_row_that_was_left(
    memory: Memory, shared: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(memory.links, "revoke", refuse)
        with pytest.raises(StorageUnavailableError):
            await revoke_share(memory.ports, shared, session(shared), 1)
    await revoke_share(memory.ports, memory.record(shared.facts.association_id), session(shared), 1)
    with pytest.raises(ShareEndedError):
        await find_share(memory.ports, token(memory, shared))


@pytest.mark.parametrize("who", ["administrator", "support"])
async def test_after_a_revocation_a_new_link_opens(memory: Memory, shared: Record, who: str) -> None:
    revoked = await revoke_share(memory.ports, shared, session(shared), 1)
    if who == "support":
        anew = await renew_share(memory.ports, shared.facts.association_id, "reason")
    else:
        anew = await renew_own_share(memory.ports, revoked, session(shared), 1)
    assert anew.facts.share_revoked_at is None
    assert await is_open(memory, anew)
    assert not await is_open(memory, shared)


async def test_without_a_binding_there_is_no_link_to_make(memory: Memory, shared: Record) -> None:
    unbound, rows = memory.put(shared, generation=0), dict(memory.links.rows)
    with pytest.raises(NotBoundError):
        await renew_own_share(memory.ports, unbound, session(shared), 1)
    assert memory.links.rows == rows


def test_a_link_has_ended_by_its_date_its_key_or_without_a_binding(shared: Record) -> None:
    facts, keys = shared.facts, Keys((SigningKey("k1", b"b" * 32),))
    end = facts.share_expires_at
    assert end
    assert share_state(facts, keys, NOW) is ShareState.OPEN
    assert share_state(facts, keys, end) is ShareState.ENDED
    assert share_state(facts, Keys((SigningKey("k2", b"b" * 32),)), NOW) is ShareState.ENDED
    assert share_state(replace(facts, generation=0), keys, NOW) is ShareState.ENDED
    assert share_state(replace(facts, share_expires_at=None), keys, NOW) is ShareState.ENDED
    assert share_state(replace(facts, share_revoked_at=NOW), keys, end) is ShareState.REVOKED
