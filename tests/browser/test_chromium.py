"""On a machine without any browser, the one from npm does it."""

import platform
import sys

import pytest
from playwright.sync_api import Playwright

from tests.browser import chromium


@pytest.mark.skipif(
    not chromium.runs_the_packed(sys.platform, platform.machine()),
    reason="npm's Chromium is for Linux on x64; elsewhere one has to be installed",
)
def test_where_no_browser_is_installed_npms_starts(
    playwright: Playwright, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chromium, "installed", lambda *_: [])
    candidates = list(chromium.all_candidates(playwright))
    browser = chromium.launch(playwright, iter(candidates[-1:]))
    page = browser.new_page()
    page.set_content("<h1>é</h1>")
    assert page.locator("h1").inner_text() == "é"
    assert chromium.CACHE in candidates[-1].program.parents
    browser.close()
