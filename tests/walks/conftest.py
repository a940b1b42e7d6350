"""The world of the walks."""

from collections.abc import Iterator

import pytest

from tests.walks.world import World, running_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """All parts and the host, once per test process; every walk brings a customer of its own."""
    with running_world(tmp_path_factory.mktemp("world")) as started:
        yield started
