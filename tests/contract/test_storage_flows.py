"""Flows on Azurite: each is consumed once, whoever races for it."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.storage.flows import Flows
from adapters.storage.tables import Tables
from association.errors import FlowBusyError, StorageUnavailableError
from association.rows import Flow, FlowStatus
from tests.storage_values import NOW, flow

pytest_plugins = ["tests.azurite"]


@pytest.fixture
async def flows(tables: Tables) -> Flows:
    return Flows(tables)


async def begun(flows: Flows, state_hash: str) -> Flow:
    await flows.begin(flow(state_hash))
    found = await flows.find(state_hash)
    assert found
    return found


async def test_an_unknown_state_finds_nothing(flows: Flows, unique: str) -> None:
    assert await flows.find(unique) is None


async def test_a_flow_is_found_as_it_was_begun(flows: Flows, unique: str) -> None:
    found = await begun(flows, unique)
    assert found.etag
    assert replace(found, etag="") == flow(unique)


async def test_a_state_is_used_once(flows: Flows, unique: str) -> None:
    await begun(flows, unique)
    with pytest.raises(FlowBusyError):
        await flows.begin(replace(flow(unique), browser="c" * 64))
    found = await flows.find(unique)
    assert found and found.browser == flow(unique).browser


async def test_a_flow_that_no_purge_would_find_is_not_left_behind(
    flows: Flows, tables: Tables, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> str:
        await asyncio.sleep(0.2)  # the flow itself is stored by then
        raise StorageUnavailableError("reason=test")

    monkeypatch.setattr(tables, "upsert", fails)
    with pytest.raises(StorageUnavailableError):
        await flows.begin(flow(unique))
    assert await flows.find(unique) is None


async def test_of_fifty_callers_one_consumes_the_flow(flows: Flows, unique: str) -> None:
    found = await begun(flows, unique)
    results = await asyncio.gather(*(flows.consume(found, NOW) for _ in range(50)), return_exceptions=True)
    assert len([result for result in results if isinstance(result, Flow)]) == 1
    assert len([result for result in results if isinstance(result, FlowBusyError)]) == 49


async def test_a_consumed_flow_stays_consumed(flows: Flows, unique: str) -> None:
    consumed = await flows.consume(await begun(flows, unique), NOW)
    assert (consumed.status, consumed.consuming_since) == (FlowStatus.CONSUMING, NOW)
    assert consumed.msal == flow(unique).msal
    found = await flows.find(unique)
    assert found == consumed
    with pytest.raises(FlowBusyError):
        await flows.consume(found, NOW)


async def test_a_finished_flow_shows_its_outcome_and_has_lost_its_secrets(flows: Flows, unique: str) -> None:
    consumed = await flows.consume(await begun(flows, unique), NOW)
    await flows.finish(consumed, {"page": "steps", "step": 2})
    found = await flows.find(unique)
    assert found and found.status is FlowStatus.DONE
    assert (found.outcome, found.msal) == ({"page": "steps", "step": 2}, {})
    with pytest.raises(FlowBusyError):
        await flows.consume(found, NOW)


async def test_a_flow_is_finished_by_its_consumer_only(flows: Flows, unique: str) -> None:
    found = await begun(flows, unique)
    with pytest.raises(FlowBusyError):
        await flows.finish(found, {})
    consumed = await flows.consume(found, NOW)
    await flows.finish(consumed, {"page": "first"})
    with pytest.raises(FlowBusyError):
        await flows.finish(consumed, {"page": "second"})
    done = await flows.find(unique)
    assert done and done.outcome == {"page": "first"}


def day_of(unique: str) -> timedelta:
    """A span that takes this test to days on which no other test's flows expire."""
    return timedelta(days=100 + int(hashlib.sha256(unique.encode()).hexdigest(), 16) % 500_000)


async def test_flows_of_past_days_are_purged_up_to_the_limit(
    flows: Flows, tables: Tables, unique: str
) -> None:
    now = NOW + day_of(unique)
    ages = {"today": 0, "yesterday": 1, "last-week": 7, "last-month": 31}
    for name, days in ages.items():
        await flows.begin(replace(flow(f"{unique}-{name}"), expires_at=now - timedelta(days=days)))

    async def left() -> set[str]:
        return {name for name in ages if await flows.find(f"{unique}-{name}")}

    assert await flows.purge(now, limit=1) == 1
    assert await left() == {"today", "yesterday", "last-week"}
    assert await flows.purge(now, limit=100) == 2
    assert await left() == {"today"}
    assert await flows.purge(now, limit=100) == 0
    day = f"expires-{now - timedelta(days=7):%Y%m%d}"
    assert [row async for row in tables.query("flows", day)] == []


async def test_many_flows_of_a_day_are_purged(flows: Flows, unique: str) -> None:
    expired = NOW + day_of(f"many-{unique}")
    names = [f"{unique}-{number}" for number in range(45)]
    await asyncio.gather(*(flows.begin(replace(flow(name), expires_at=expired)) for name in names))
    assert await flows.purge(expired + timedelta(days=1), limit=30) == 30
    assert await flows.purge(expired + timedelta(days=1), limit=100) == 15
    assert [name for name in names if await flows.find(name)] == []
