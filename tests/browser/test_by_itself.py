"""What pages do by themselves, with JavaScript and without."""

from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser.conftest import APPLICATIONS
from tests.browser.context import opened, profile, reads
from tests.browser.places import arrive
from tests.browser.somebody import Mouse, is_headed
from tests.browser.test_journey import walks_to_the_end
from tests.browser.way import SPREADING_SECONDS, Way
from tests.walks.browser import CATALOGUES
from tests.walks.world import World, running_world

REFRESH_MILLISECONDS = 5_000
REFRESHED_MILLISECONDS = 20_000


def test_the_waiting_page_goes_on_by_itself_with_and_without_javascript(
    world: World, chromium: Browser
) -> None:
    waiting = replace(arrive(world, "verifying", "fr"), scripted=True)
    with (
        opened(chromium, waiting, "fr") as scripted,
        opened(chromium, waiting, "fr", javascript=False) as plain,
    ):
        for page in (scripted, plain):
            is_headed(page, "verifying.title")
        world.advance_microsoft(SPREADING_SECONDS)
        for page in (scripted, plain):
            is_headed(page, "prerequisites.ready", milliseconds=REFRESHED_MILLISECONDS)


def test_a_fault_of_storage_on_the_waiting_page_ends_by_itself_on_it(
    chromium: Browser, tmp_path: Path
) -> None:
    further = APPLICATIONS.read_text(encoding="utf-8")
    with running_world(tmp_path, storage_faults=True, FURTHER_APPLICATIONS=further) as failing:
        way = Way(failing, failing.customer("mont-blanc-outdoor", language="fr"), "fr")
        waiting = way.at(way.checked())
        with (
            opened(chromium, waiting, "fr") as scripted,
            opened(chromium, waiting, "fr", javascript=False) as plain,
        ):
            for page in (scripted, plain):
                is_headed(page, "verifying.title")
            failing.fault("storage", "server_busy", times=1000, path=way.order["association_id"])
            for page in (scripted, plain):
                is_headed(page, "error.storage_unavailable.title", milliseconds=REFRESHED_MILLISECONDS)
            failing.no_faults()
            for page in (scripted, plain):
                is_headed(page, "verifying.title", milliseconds=REFRESHED_MILLISECONDS)


def test_what_somebody_reads_is_not_shut_by_the_waiting_page(world: World, chromium: Browser) -> None:
    waiting = replace(arrive(world, "applications-awaited", "fr"), scripted=True)
    with opened(chromium, waiting, "fr") as page:
        page.evaluate("window.stays = true")
        page.locator("main details > summary").last.click()
        page.wait_for_timeout(REFRESH_MILLISECONDS + 1000)
        assert page.evaluate("window.stays")
        with page.expect_event("load", timeout=REFRESHED_MILLISECONDS):
            page.locator("main details > summary").last.click()


def test_a_reference_is_copied_and_said_to_be(world: World, chromium: Browser) -> None:
    with opened(chromium, arrive(world, "progress", "fr"), "fr") as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        reference = page.locator("footer code").inner_text()
        page.locator("footer").get_by_role("button", name=CATALOGUES["fr"]["copy"]).click()
        expect(page.get_by_role("status")).to_have_text(CATALOGUES["fr"]["copy.done"])
        assert page.evaluate("navigator.clipboard.readText()") == reference


def test_the_other_language_is_one_press_away_and_stays(world: World, chromium: Browser) -> None:
    with opened(chromium, arrive(world, "consent", "fr"), "fr") as page:
        address = page.url
        Mouse(page).press("English", "link")
        assert (reads(page), page.url) == ("en", address)
        is_headed(page, "consent.title", "en")
        page.reload()
        assert reads(page) == "en"
        Mouse(page).press("Français", "link")
        assert reads(page) == "fr"


def test_a_consent_that_the_portal_forwards_comes_back_with_its_cookies(
    chromium: Browser, tmp_path: Path
) -> None:
    with running_world(
        tmp_path, CONSENT_REDIRECT_URI=lambda parts: f"{parts['portal']}consent/forward"
    ) as forwarding:
        customer = forwarding.customer("menuiserie-lambert")
        with profile(chromium) as context:
            passed: list[str] = []
            context.on("request", lambda request: passed.append(request.url.partition("?")[0]))
            page = context.new_page()
            page.goto(forwarding.invites(customer))
            walks_to_the_end(Mouse(page), customer, further=())
            assert f"{forwarding.parts['portal']}consent/forward" in passed
