"""The whole journey in a real browser: by mouse, and by keyboard without JavaScript."""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, Page

from tests.browser.context import profile
from tests.browser.somebody import Keyboard, Mouse, Name, is_headed, words
from tests.walks.world import Customer, World

Hand = Mouse | Keyboard
FURTHER = ("Sage Contact", "Sage 100 pour Power Automate et Power Apps")


def signs_in(hand: Hand, customer: Customer) -> None:
    hand.press(words("button.sign_in"))
    hand.press(re.compile(re.escape(customer.account)))
    is_headed(hand.page, "consent.title")


def authorises(hand: Hand, customer: Customer, name: Name) -> None:
    """Press a button that leads to Microsoft's question, and accept there."""
    hand.press(name)
    hand.press(re.compile(re.escape(customer.account)))
    hand.press("Accepter")


def walks_to_the_end(hand: Hand, customer: Customer, further: Sequence[str] = FURTHER) -> None:
    """From the progress page to the last one, by way of the `further` applications."""
    is_headed(hand.page, "progress.title")
    signs_in(hand, customer)
    authorises(hand, customer, words("button.authorise"))
    for name in further:
        authorises(hand, customer, words("button.authorise_application", name=name))
    is_headed(hand.page, "done.title")


def opens_the_mail(page: Page, world: World, address: str) -> Page:
    """Open the newest mail to `address` in the mailbox and press its button: the page behind it."""
    world.mail(address)
    page.goto(world.parts["mailbox"])
    page.get_by_role("link", name=address).first.click()
    with page.expect_popup() as opened:
        page.frame_locator("iframe").get_by_role("link", name=words("mail.invitation.button")).click()
    return opened.value


def downloads(page: Page, hand: Hand, folder: Path) -> bytes:
    """Press « Télécharger »: the file that the browser keeps."""
    with page.expect_download() as downloading:
        hand.takes(words("button.download"), "link")
    assert downloading.value.suggested_filename.endswith(".xml")
    file = folder / "downloaded.xml"
    downloading.value.save_as(file)
    return file.read_bytes()


def test_an_administrator_walks_by_mouse_from_the_mail_to_the_portal(
    world: World, chromium: Browser, tmp_path: Path
) -> None:
    customer = world.customer("menuiserie-lambert")
    order = world.orders(customer)
    with profile(chromium) as context:
        page = opens_the_mail(context.new_page(), world, order["administrator_email"])
        hand = Mouse(page)
        walks_to_the_end(hand, customer)
        manifest = downloads(page, hand, tmp_path)
        tenant_id = world.tenant(customer.tenant)["tenant_id"]
        assert manifest.startswith(b"<?xml") and b"<OfficeApp" in manifest and tenant_id.encode() in manifest
        share = page.locator("#share code").first.inner_text()
        hand.press(words("button.open_portal"))
        page.wait_for_url(world.parts["portal"])
        assert tenant_id in page.locator("main").inner_text()

    with profile(chromium) as users:
        page = users.new_page()
        page.goto(share)
        is_headed(page, "guide.title")
        assert not parse_qs(urlsplit(page.url).query).keys() & {"k"}
        assert downloads(page, Mouse(page), tmp_path) == manifest


def test_an_administrator_walks_by_keyboard_without_javascript(
    world: World, chromium: Browser, tmp_path: Path
) -> None:
    customer = world.customer("menuiserie-lambert")
    with profile(chromium, javascript=False) as context:
        page = context.new_page()
        page.goto(world.invites(customer))
        hand = Keyboard(page)
        walks_to_the_end(hand, customer)
        assert b"<OfficeApp" in downloads(page, hand, tmp_path)
        hand.press(words("button.open_portal"))
        is_headed(page, "handover.title")
        hand.press(words("button.continue_to_portal"))
        page.wait_for_url(world.parts["portal"])


def test_the_focus_goes_down_the_page_and_the_first_stop_skips_to_what_matters(
    world: World, chromium: Browser
) -> None:
    with profile(chromium, javascript=False) as context:
        page = context.new_page()
        page.goto(world.invites(world.customer("menuiserie-lambert")))
        stops = Keyboard(page).stops()
        below = [later["bottom"] > stop["top"] for stop, later in pairwise(stops)]
        assert all(below), stops
        assert re.search(words("app.skip"), stops[0]["name"])
        assert {words("button.sign_in").search(stop["name"]) is not None for stop in stops} == {True, False}

        page.reload()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        first = Keyboard(page).next()
        assert first["inMain"] and words("button.sign_in").search(first["name"])
