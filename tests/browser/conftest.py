"""The world with everything in it, and one Chromium for all tests of this package."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.browser.chromium import launch
from tests.walks.world import World, running_world

APPLICATIONS = Path("sandbox/applications.json")


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """All parts and the host, with the demonstration's further applications."""
    further = APPLICATIONS.read_text(encoding="utf-8")
    with running_world(tmp_path_factory.mktemp("browser"), FURTHER_APPLICATIONS=further) as started:
        yield started


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Playwright's driver. Not for the session: its loop stands in the way of other packages' loops."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="package")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """The browser; every test opens a profile of its own in it."""
    browser = launch(playwright)
    yield browser
    browser.close()
