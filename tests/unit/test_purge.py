"""The nightly purge: what is deleted when, and who is erased with it."""

import contextlib
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from association.acceptance import ask_acceptance
from association.errors import StorageUnavailableError
from association.facts import Record
from association.links import add_link
from association.purge import purge
from association.renew import renew_link
from association.rows import Purpose
from association.sign_in import leave_for_sign_in
from functions import background
from tests.memory import DOMAIN, OTHER_TENANT, TENANT, Memory, expects, ordered, signed_in

LINK, KEPT = timedelta(days=30), timedelta(days=1095)


@pytest.fixture
def memory() -> Memory:
    return expects(Memory())


def id_of(record: Record) -> str:
    return record.facts.association_id


def cannot_be_read(memory: Memory, monkeypatch: pytest.MonkeyPatch, record: Record) -> None:
    read = memory.associations.read

    async def broken(association_id: str) -> Record | None:
        if association_id == id_of(record):
            raise StorageUnavailableError
        return await read(association_id)

    monkeypatch.setattr(memory.associations, "read", broken)


async def test_flows_and_counters_go_after_a_day_and_not_before(memory: Memory) -> None:
    record = await ordered(memory)
    await leave_for_sign_in(memory.ports, record)
    assert len(memory.flows.rows) == len(memory.limits.rows) == 1
    for hours in (1, 22):
        memory.clock.advance(hours=hours)
        await purge(memory.ports)
        assert len(memory.flows.rows) == len(memory.limits.rows) == 1
    memory.clock.advance(days=2)
    await purge(memory.ports)
    assert memory.flows.rows == {}
    assert memory.limits.rows == {}


async def test_the_nightly_timer_is_what_purges(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    await ordered(memory)
    memory.clock.at += LINK + KEPT + timedelta(days=1)
    monkeypatch.setattr(background, "services", lambda: SimpleNamespace(ports=memory.ports))
    await background.purge_expired(None)
    assert memory.links.rows == {}


async def test_a_link_goes_when_its_retention_is_over_and_not_before(memory: Memory) -> None:
    await ordered(memory)
    memory.clock.at += LINK + KEPT
    await purge(memory.ports)
    assert len(memory.links.rows) == 1
    memory.clock.advance(days=1)
    await purge(memory.ports)
    assert memory.links.rows == {}


async def test_retention_is_a_setting() -> None:
    memory = expects(Memory(RETENTION_DAYS="2"))
    await ordered(memory)
    memory.clock.at += LINK + timedelta(days=3)
    await purge(memory.ports)
    assert memory.links.rows == {}


async def test_with_its_last_link_an_association_that_came_to_nothing_loses_its_people(
    memory: Memory,
) -> None:
    record, _ = await signed_in(memory, await ordered(memory))
    memory.clock.at += LINK + KEPT + timedelta(days=1)
    await purge(memory.ports)
    after = memory.record(id_of(record))
    for gone in (DOMAIN, "Marie", "partenaire.example"):
        assert gone not in repr((after.people, memory.lookups.rows))
    assert sum(map(len, memory.lookups.rows.values())) == 0
    assert (after.events[-1].what, after.events[-1].by) == ("people_erased", "retention")
    assert set(after.people) == set(record.people)


async def test_whoever_is_bound_or_has_a_newer_link_stays(memory: Memory) -> None:
    bound = await ordered(memory)
    memory.put(bound, generation=1, bound_tenant_id=TENANT)
    renewed = await ordered(memory, order_number="CMD-2", customer_number="C-2")
    memory.clock.at += KEPT
    await renew_link(memory.ports, id_of(renewed), "reason")
    memory.clock.at += LINK + timedelta(days=1)
    await purge(memory.ports)
    assert len(memory.links.rows) == 1
    for record in (bound, renewed):
        assert memory.record(id_of(record)).people == record.people


async def test_a_share_links_end_erases_nobody(memory: Memory) -> None:
    record = await ordered(memory)
    memory.links.rows.clear()
    await add_link(memory.ports, id_of(record), Purpose.SHARE, 1, 90)
    memory.clock.at += timedelta(days=91) + KEPT
    await purge(memory.ports)
    assert memory.links.rows == {}
    assert memory.record(id_of(record)) == record


async def test_the_count_of_a_links_codes_goes_with_the_link(memory: Memory) -> None:
    record, session = await signed_in(memory, await ordered(memory), tenant_id=OTHER_TENANT)
    await ask_acceptance(memory.ports, record, session)
    codes = [key for key in memory.limits.rows if key[1] == "link-1"]
    assert codes
    memory.clock.at += LINK + timedelta(days=2)
    await purge(memory.ports)
    assert [key for key in memory.limits.rows if key[1] == "link-1"] == codes
    memory.clock.at += KEPT
    await purge(memory.ports)
    assert memory.limits.rows == {}


async def test_a_purge_that_is_interrupted_goes_on_the_next_night(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = await ordered(memory)
    memory.clock.at += LINK + KEPT + timedelta(days=1)
    remove = memory.lookups.remove

    async def died(kind: str, key: str, association_id: str) -> None:
        raise RuntimeError

    monkeypatch.setattr(memory.lookups, "remove", died)
    with pytest.raises(RuntimeError):
        await purge(memory.ports)
    assert len(memory.links.rows) == 1
    monkeypatch.setattr(memory.lookups, "remove", remove)
    memory.clock.advance(days=1)
    await purge(memory.ports)
    assert memory.links.rows == {}
    assert DOMAIN not in repr(memory.record(id_of(record)).people)


async def test_an_association_that_is_gone_keeps_no_link(memory: Memory) -> None:
    record = await ordered(memory)
    del memory.associations.records[id_of(record)]
    memory.clock.at += LINK + KEPT + timedelta(days=1)
    await purge(memory.ports)
    assert memory.links.rows == {}


async def test_people_erased_before_are_not_erased_again(memory: Memory) -> None:
    record = await ordered(memory)
    people = {number: replace(person, name="", email="") for number, person in record.people.items()}
    record = memory.put(replace(record, people=people))
    memory.clock.at += LINK + KEPT + timedelta(days=1)
    await purge(memory.ports)
    assert memory.record(id_of(record)) == record


async def test_a_link_that_cannot_be_purged_stops_none_of_the_others(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await ordered(memory)
    await ordered(memory, order_number="CMD-2", customer_number="C-2")
    memory.clock.at += LINK + KEPT + timedelta(days=1)
    cannot_be_read(memory, monkeypatch, first)
    with pytest.raises(StorageUnavailableError):
        await purge(memory.ports)
    (left,) = memory.links.rows.values()
    assert left.association_id == id_of(first)


async def test_whoever_is_sent_a_new_link_meanwhile_is_not_erased(memory: Memory) -> None:
    record = await ordered(memory)
    memory.clock.at += LINK + KEPT + timedelta(days=1)

    async def renews() -> object:
        memory.associations.interference = None
        return await renew_link(memory.ports, id_of(record), "Demandé au téléphone")

    memory.associations.interference = renews
    await purge(memory.ports)
    assert DOMAIN in repr(memory.record(id_of(record)).people)


async def test_links_that_are_kept_or_fail_every_night_leave_the_others_their_turn(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("association.purge.AT_ONCE", 2)
    numbers = ("C-1", "C-2", "C-3")
    kept, failing, ending = [await ordered(memory, order_number=one, customer_number=one) for one in numbers]
    memory.clock.at += KEPT
    await ordered(memory, order_number="C-4", customer_number="C-1", mpn_id="")
    memory.clock.at += LINK + timedelta(days=1)
    cannot_be_read(memory, monkeypatch, failing)
    for _ in range(2):
        with contextlib.suppress(StorageUnavailableError):
            await purge(memory.ports)
        memory.clock.advance(days=1)
    assert {link.association_id for link in memory.links.rows.values()} == {id_of(kept), id_of(failing)}
    assert DOMAIN not in repr(memory.record(id_of(ending)).people)
