"""What is found to be deleted, on Azurite: ended links, counts of past days; and look-ups by page."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from adapters.storage.limits import Limits
from adapters.storage.links import Links
from adapters.storage.lookups import Lookups
from adapters.storage.tables import Tables
from association.rows import EndedLink, Link, Purpose
from tests.storage_values import NOW

pytest_plugins = ["tests.azurite"]

LINK = Link(link_id="l1", purpose=Purpose.ASSOCIATION, association_id="a", expires_at=NOW)


@pytest.fixture
async def links(tables: Tables) -> Links:
    return Links(tables)


@pytest.fixture
async def limits(tables: Tables) -> Limits:
    return Limits(tables)


def day_of(unique: str) -> timedelta:
    """A span that takes this test to days on which no other test's rows end."""
    return timedelta(days=1000 + int(hashlib.sha256(unique.encode()).hexdigest(), 16) % 500_000)


async def ended_of(links: Links, before: datetime, unique: str) -> tuple[EndedLink, ...]:
    """Those of `unique` among the links that ended, for other tests' links end earlier as well."""
    found = await links.ended(before, 1000)
    return tuple(each for each in found if each.token_hash.startswith(unique))


def as_ended(token_hash: str, link: Link) -> EndedLink:
    """As it is found under the day it ends."""
    return EndedLink(token_hash=token_hash, link=link, turn=f"ends-{link.expires_at:%Y%m%d}")


async def test_links_that_ended_on_past_days_are_found_up_to_the_limit(links: Links, unique: str) -> None:
    now = NOW + day_of(unique)
    for days in (0, 1, 7, 31, 32, 730):
        await links.add(f"{unique}{days}", replace(LINK, expires_at=now - timedelta(days=days)))
    assert await ended_of(links, now, unique) == tuple(
        as_ended(f"{unique}{days}", replace(LINK, expires_at=now - timedelta(days=days)))
        for days in (730, 32, 31, 7, 1)
    )
    assert len(await links.ended(now, 2)) == 2


async def test_a_forgotten_link_is_gone_with_its_mark(links: Links, tables: Tables, unique: str) -> None:
    now = NOW + day_of(unique)
    ended = replace(LINK, expires_at=now - timedelta(days=1))
    await links.add(unique, ended)
    for _ in range(2):  # a purge that was interrupted comes again
        await links.forget(as_ended(unique, ended))
    assert await links.find(unique) is None
    assert await ended_of(links, now, unique) == ()
    assert [row async for row in tables.query("links", f"ends-{ended.expires_at:%Y%m%d}")] == []


async def test_a_link_that_was_lengthened_ends_on_its_later_day(
    links: Links, tables: Tables, unique: str
) -> None:
    now = NOW + day_of(unique)
    earlier, later = (replace(LINK, expires_at=now - timedelta(days=days)) for days in (9, 2))
    await links.add(unique, earlier)
    await links.add(unique, later)
    assert await ended_of(links, now - timedelta(days=5), unique) == ()
    assert await links.find(unique) == later
    # the mark of the day that isn't true any more is gone
    assert [row async for row in tables.query("links", f"ends-{earlier.expires_at:%Y%m%d}")] == []
    assert await ended_of(links, now, unique) == (as_ended(unique, later),)


async def test_a_postponed_link_has_its_turn_after_the_others(
    links: Links, tables: Tables, unique: str
) -> None:
    now = NOW + day_of(unique)
    ended = replace(LINK, expires_at=now - timedelta(days=9))
    await links.add(unique, ended)
    await links.add(f"{unique}later", replace(ended, expires_at=now - timedelta(days=1)))
    await links.postpone(as_ended(unique, ended), ended.expires_at)  # the same day loses nothing
    assert len(await ended_of(links, now, unique)) == 2
    for _ in range(2):  # a purge that was interrupted comes again
        await links.postpone(as_ended(unique, ended), now)
    assert [each.token_hash for each in await ended_of(links, now, unique)] == [f"{unique}later"]
    for day in (1, 2):  # its mark is where it was postponed to, as often as it is
        *_, again = await ended_of(links, now + timedelta(days=day), unique)
        assert (again.token_hash, again.link) == (unique, ended)
        await links.postpone(again, now + timedelta(days=day))
        assert await links.find(unique) == ended
    *_, last = await ended_of(links, now + timedelta(days=3), unique)
    await links.forget(last)
    assert await links.find(unique) is None
    assert [row async for row in tables.query("links", last.turn)] == []


async def test_a_revoked_link_is_kept_until_its_end(links: Links, unique: str) -> None:
    now = NOW + day_of(unique)
    await links.add(unique, replace(LINK, expires_at=now))
    await links.revoke(unique, now - timedelta(days=20))
    assert await ended_of(links, now, unique) == ()
    (found,) = await ended_of(links, now + timedelta(days=1), unique)
    assert found.link.revoked_at == now - timedelta(days=20)


async def test_counts_of_past_days_are_purged_and_no_others(limits: Limits, unique: str) -> None:
    now = NOW + day_of(unique)
    hours = {days: (now - timedelta(days=days)).strftime("%Y-%m-%dT%H") for days in (0, 1, 2, 31)} | {
        "day": f"{now - timedelta(days=3):%Y-%m-%d}",
        "link": "link-1",
    }
    for window in hours.values():
        await limits.count(unique, window)

    async def left() -> set[object]:
        return {name for name, window in hours.items() if await limits.current(unique, window)}

    assert await limits.purge(now, limit=1) == 1
    assert await left() == {0, 1, 2, "day", "link"}
    assert await limits.purge(now, limit=100) == 3
    assert await left() == {0, "link"}
    assert await limits.count(unique, hours[1]) == 1


async def test_many_counts_of_a_day_are_purged(limits: Limits, unique: str) -> None:
    now = NOW + day_of(unique)
    window = f"{now:%Y-%m-%dT%H}"
    await asyncio.gather(*(limits.count(f"{unique}{number}", window) for number in range(45)))
    assert await limits.purge(now + timedelta(days=1), limit=30) == 30
    assert await limits.purge(now + timedelta(days=1), limit=100) == 15


async def test_the_hours_of_a_day_are_counted_apart(limits: Limits, unique: str) -> None:
    for hour in ("2026-11-20T10", "2026-11-20T11", "2026-11-20"):
        assert await limits.count(unique, hour) == 1


async def test_a_count_that_is_forgotten_begins_anew(limits: Limits, unique: str) -> None:
    for _ in range(2):
        await limits.forget(unique, "link-1")
    await limits.count(unique, "link-1")
    await limits.count(unique, "link-2")
    await limits.forget(unique, "link-1")
    assert await limits.current(unique, "link-1") == 0
    assert await limits.current(unique, "link-2") == 1


async def test_look_ups_go_on_where_a_page_ended(tables: Tables, unique: str) -> None:
    lookups = Lookups(tables)
    ids = [f"{number:032x}" for number in range(7)]
    await asyncio.gather(*(lookups.add("email", unique, identifier) for identifier in ids))
    assert await lookups.find("email", unique, 3) == tuple(ids[:3])
    assert await lookups.find("email", unique, 3, ids[2]) == tuple(ids[3:6])
    assert await lookups.find("email", unique, 3, ids[5]) == tuple(ids[6:])
    assert await lookups.find("email", unique, 3, ids[6]) == ()
