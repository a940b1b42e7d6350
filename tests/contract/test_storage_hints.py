"""Links, look-ups and limits on Azurite."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from adapters.storage.entities import Row
from adapters.storage.limits import Limits
from adapters.storage.links import Links
from adapters.storage.lookups import Lookups
from adapters.storage.tables import Tables
from association.rows import Link, Purpose
from tests.storage_values import NOW, texts

pytest_plugins = ["tests.azurite"]

LATER = NOW + timedelta(days=30)
LINK = Link(link_id="l1", purpose=Purpose.ASSOCIATION, association_id="a", expires_at=LATER)
ON_AZURITE = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
async def links(tables: Tables) -> Links:
    return Links(tables)


@pytest.fixture
async def lookups(tables: Tables) -> Lookups:
    return Lookups(tables)


@pytest.fixture
async def limits(tables: Tables) -> Limits:
    return Limits(tables)


async def test_an_unknown_link_is_none(links: Links, unique: str) -> None:
    assert await links.find(unique) is None
    await links.revoke(unique, NOW)
    assert await links.find(unique) is None


async def test_a_link_is_found_as_it_was_added(links: Links, unique: str) -> None:
    await links.add(unique, LINK)
    assert await links.find(unique) == LINK


async def test_a_revoked_link_stays_revoked_when_it_is_added_again(links: Links, unique: str) -> None:
    await links.add(unique, LINK)
    await links.revoke(unique, NOW)
    await links.add(unique, LINK)
    assert await links.find(unique) == replace(LINK, revoked_at=NOW)


async def test_a_link_added_again_ends_with_the_later_of_both(links: Links, unique: str) -> None:
    longer, shorter = replace(LINK, expires_at=LATER + timedelta(days=1)), replace(LINK, expires_at=NOW)
    for added, expected in ((LINK, LINK), (longer, longer), (shorter, longer)):
        await links.add(unique, added)
        assert await links.find(unique) == expected


async def test_a_revoked_link_that_is_added_again_for_longer_stays_revoked(links: Links, unique: str) -> None:
    await links.add(unique, LINK)
    await links.revoke(unique, NOW)
    longer = replace(LINK, expires_at=LATER + timedelta(days=1))
    await links.add(unique, longer)
    assert await links.find(unique) == replace(longer, revoked_at=NOW)


async def test_of_racing_additions_the_latest_end_stands(links: Links, unique: str) -> None:
    ends = [LATER + timedelta(seconds=number) for number in range(8)]
    await asyncio.gather(*(links.add(unique, replace(LINK, expires_at=end)) for end in ends))
    assert await links.find(unique) == replace(LINK, expires_at=ends[-1])


async def test_a_link_revoked_while_it_is_added_again_stays_revoked(tables: Tables, unique: str) -> None:
    links = Links(tables)
    await links.add(unique, LINK)
    longer = replace(LINK, expires_at=LATER + timedelta(days=1))
    await Links(RevokingTables(tables, links, unique)).add(unique, longer)
    assert await links.find(unique) == replace(longer, revoked_at=NOW)


async def test_a_link_keeps_the_time_of_its_first_revocation(links: Links, unique: str) -> None:
    await links.add(unique, LINK)
    await links.revoke(unique, NOW)
    await links.revoke(unique, LATER)
    assert await links.find(unique) == replace(LINK, revoked_at=NOW)


async def test_racing_revocations_all_succeed(links: Links, unique: str) -> None:
    await links.add(unique, LINK)
    await asyncio.gather(*(links.revoke(unique, NOW) for _ in range(10)))
    assert await links.find(unique) == replace(LINK, revoked_at=NOW)


async def test_one_key_leads_to_several_associations(lookups: Lookups, unique: str) -> None:
    for association_id in ("b", "a", "b"):
        await lookups.add("domain", unique, association_id)
    assert await lookups.find("domain", unique) == ("a", "b")
    assert await lookups.find("domain", unique, limit=1) == ("a",)


async def test_a_look_up_of_another_kind_or_key_finds_nothing(lookups: Lookups, unique: str) -> None:
    await lookups.add("domain", unique, "a")
    assert await lookups.find("email", unique) == ()
    assert await lookups.find("domain", f"{unique}x") == ()


async def test_a_removed_look_up_is_gone_and_the_others_stay(lookups: Lookups, unique: str) -> None:
    for association_id in ("a", "b"):
        await lookups.add("domain", unique, association_id)
    for _ in range(2):
        await lookups.remove("domain", unique, "a")
    assert await lookups.find("domain", unique) == ("b",)


@ON_AZURITE
@given(hostile=texts())
async def test_any_text_can_be_looked_up(lookups: Lookups, unique: str, hostile: str) -> None:
    await lookups.add("company", hostile, unique)
    assert unique in await lookups.find("company", hostile)
    assert unique not in await lookups.find("company", f"{hostile}{unique}")


async def test_what_is_looked_up_or_counted_is_not_readable_in_storage(
    tables: Tables, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[Row] = []

    async def watch(table: str, row: Row) -> str:
        rows.append(row)
        return ""

    monkeypatch.setattr(tables, "upsert", watch)
    monkeypatch.setattr(tables, "insert", watch)
    await Lookups(tables).add("domain", "contoso.example", unique)
    await Limits(tables).count("someone@contoso.example", unique)
    assert len(rows) == 2
    assert "contoso" not in str(rows)


async def test_a_count_starts_at_zero_and_counts_up(limits: Limits, unique: str) -> None:
    assert await limits.current(unique, "2026-11-20T10") == 0
    assert [await limits.count(unique, "2026-11-20T10") for _ in range(3)] == [1, 2, 3]
    assert await limits.current(unique, "2026-11-20T10") == 3


async def test_each_subject_and_window_is_counted_apart(limits: Limits, unique: str) -> None:
    await limits.count(unique, "2026-11-20T10:00+01:00")
    assert await limits.current(unique, "2026-11-20T11:00+01:00") == 0
    assert await limits.current(f"{unique}/", "2026-11-20T10:00+01:00") == 0


async def test_of_many_racing_counts_none_is_lost_or_given_twice(limits: Limits, unique: str) -> None:
    counts = await asyncio.gather(*(limits.count(unique, "hour") for _ in range(30)))
    assert sorted(counts) == list(range(1, 31))


@ON_AZURITE
@given(hostile=texts())
async def test_any_text_can_be_counted(limits: Limits, unique: str, hostile: str) -> None:
    before = await limits.current(hostile, unique)
    assert await limits.count(hostile, unique) == before + 1


class RevokingTables(Tables):
    """The same tables, where somebody revokes the link just before it is replaced."""

    def __init__(self, tables: Tables, others: Links, token_hash: str) -> None:
        self.__dict__.update(tables.__dict__)
        self.others, self.token_hash = others, token_hash

    async def replace(self, table: str, row: Row) -> str:
        await self.others.revoke(self.token_hash, NOW)
        return await super().replace(table, row)
