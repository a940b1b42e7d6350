"""Verbs over storage that fails at any of their writes: nothing is lost, nothing done twice (R1, R3)."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import partial

import pytest

from adapters.storage.associations import Associations
from adapters.storage.claims import Claims
from adapters.storage.links import Links
from adapters.storage.lookups import Lookups
from adapters.storage.tables import Tables
from association.errors import AssociationError, StorageUnavailableError
from association.facts import Record
from association.invite import receive_order
from association.order import parse_order
from association.ports import Ports
from association.revoke import revoke_association_link
from sandbox.faults.plan import Plan
from sandbox.faults.storage import faulty_storage
from sandbox.storage import Storage, running_storage
from tests.memory import ORDER, Memory

pytest_plugins = ["tests.azurite"]

TIMEOUT = 2.0


@pytest.fixture(scope="module")
def faulty() -> Iterator[tuple[Storage, Plan]]:
    plan = Plan()
    with running_storage() as straight, faulty_storage(straight, plan) as through:
        yield through, plan


@pytest.fixture
async def ports(faulty: tuple[Storage, Plan], unique: str) -> AsyncIterator[Ports]:
    """Everything in memory but the tables."""
    tables = Tables(faulty[0].connection_string, timeout=TIMEOUT)
    yield replace(
        Memory().ports,
        associations=Associations(tables),
        claims=Claims(tables),
        links=Links(tables),
        lookups=Lookups(tables),
        new_id=lambda: unique,
    )
    faulty[1].clear()
    await tables.close()


async def ordered(ports: Ports, unique: str) -> Record:
    mine = {"order_number": f"O-{unique}", "customer_number": f"C-{unique}"}
    return await receive_order(ports, parse_order({**ORDER, **mine}))


async def revoked(ports: Ports, unique: str) -> Record:
    return await revoke_association_link(ports, unique, "lost")


# Reads are asked again; of these faults the first does the work and the second does not.
@pytest.mark.parametrize("fault", ["answer_lost", "reset"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_an_order_that_is_repeated_after_a_fault_at_any_write_is_one_order(
    faulty: tuple[Storage, Plan], ports: Ports, unique: str, method: str, fault: str
) -> None:
    for skip in range(30):
        each, plan = f"{skip:02}{unique[2:]}", faulty[1]
        used = replace(ports, new_id=partial(str, each))
        plan.clear()
        plan.add("storage", fault, method=method, skip=skip)
        with contextlib.suppress(StorageUnavailableError):
            await ordered(used, each)
        struck = not plan.as_json()["queued"]
        plan.clear()
        record = await ordered(used, each)
        assert Counter(event.what for event in record.events).most_common(1)[0][1] == 1
        assert list(record.orders) == [f"O-{each}"]
        assert list(record.outbox) == ["invitation-1"]
        assert record.facts.version == len(record.events)
        if not struck:
            assert skip, "the fault has met at least one write"
            return
    raise AssertionError("more writes than anybody counted")


@pytest.mark.parametrize("fault", ["answer_lost", "truncated_body", "server_busy", "reset"])
async def test_a_change_whose_commit_fails_is_made_once_when_it_is_repeated(
    faulty: tuple[Storage, Plan], ports: Ports, unique: str, fault: str
) -> None:
    await ordered(ports, unique)
    faulty[1].add("storage", fault, path="$batch")
    with pytest.raises(StorageUnavailableError):
        await revoked(ports, unique)
    record = await revoked(ports, unique)
    assert [event.what for event in record.events].count("link_revoked") == 1
    assert record.facts.link_revoked_at


async def test_two_at_once_of_whom_one_loses_the_answer_make_one_change(
    faulty: tuple[Storage, Plan], ports: Ports, unique: str
) -> None:
    await ordered(ports, unique)
    faulty[1].add("storage", "answer_lost", path="$batch")
    ended = await asyncio.gather(*(revoked(ports, unique) for _ in range(2)), return_exceptions=True)
    assert all(isinstance(each, Record | AssociationError) for each in ended)
    record = await revoked(ports, unique)
    assert [event.what for event in record.events].count("link_revoked") == 1
