"""Azurite for tests that make real storage calls: one server per test process, started when first asked for.

A test module says `pytest_plugins = ["tests.azurite"]`. All tests of a process share the account; they keep
apart by using ids of their own.
"""

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from adapters.storage.tables import Tables
from sandbox.storage import running_storage

TIMEOUT = 10.0


@pytest.fixture(scope="session")
def storage_connection_string() -> Iterator[str]:
    """The connection string of a running Azurite."""
    with running_storage() as storage:
        yield storage.connection_string


@pytest.fixture
async def tables(storage_connection_string: str) -> AsyncIterator[Tables]:
    """The tables in Azurite."""
    opened = Tables(storage_connection_string, timeout=TIMEOUT)
    yield opened
    await opened.close()


@pytest.fixture
def unique() -> str:
    """32 hex digits nobody else uses: an association id, a hash, part of a table's name."""
    return uuid.uuid4().hex
