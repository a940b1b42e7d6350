"""The mailed link and the page behind it: harmless, and clear about what stops it."""

import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from lxml import html as markup

from tests.walks.browser import Browser, Page
from tests.walks.people import Person
from tests.walks.world import World, until

STEPS = ("identification", "authorisation", "prerequisites", "applications", "done")


def failure(page: Page, status: int, code: str) -> Page:
    """The page of a failure: title, cause, remedy, who acts, and a reference of its own."""
    assert page.status == status, page.words[:200]
    assert page.is_headed(f"error.{code}.title")
    # what Microsoft's answer means says itself what to do and who can
    told = page.document.xpath("//dl[@class='told']//dd")
    for part in ("cause",) if told else ("cause", "remedy", "who"):
        assert page.says(f"error.{code}.{part}")
    assert len(told) in (0, 3)
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", page.failure_reference)
    return page


def sent(world: World, order: dict[str, Any]) -> dict[str, Any] | None:
    """What support sees of the order's association, once all its mails are noted as sent."""
    found = world.support(order_number=order["order_number"])
    return found if {mail["status"] for mail in found["mails"]} == {"sent"} else None


def test_the_link_leads_to_the_page_and_its_token_leaves_the_address(world: World) -> None:
    order = world.orders(world.customer("menuiserie-lambert"))
    link = world.link(order)
    browser = Browser()
    answer = browser.hold(link)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/a/{order['reference']}")
    assert answer.content == b""
    page = browser.open(link)
    token = urlsplit(link).query.removeprefix("k=")
    assert page.url == f"{world.host}/a/{order['reference']}"
    # the text to pass on is the one place of the page that holds it
    document = page.document
    (passed_on,) = document.xpath("//details[contains(@class, 'pass-on')]")
    passed_on.drop_tree()
    assert token not in markup.tostring(document, encoding="unicode")


def test_the_page_shows_the_company_the_partner_the_steps_and_what_is_needed(world: World) -> None:
    order = world.orders(world.customer("menuiserie-lambert"))
    page = Browser().open(world.link(order))
    assert (page.status, page.heading) == (
        200,
        f"Associez le Microsoft 365 de {order['company_name']} à Sage",
    )
    assert order["partner"]["name"] in page.words
    assert order["reference"] in page.words
    for step in STEPS:
        assert page.says(f"step.{step}")
    for need in ("administrator", "premium", "subscription"):
        assert page.says(f"progress.needed.{need}")
    assert page.offers("button.sign_in")
    assert page.document.get("lang") == "fr"


def test_the_page_behind_the_link_shows_no_address_and_no_tenant(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    order = world.orders(customer)
    link = world.link(order)
    Person(world, customer.account).walks_to_the_end(link)
    page = Browser().open(link)
    assert page.is_headed("progress.bound")
    shown = page.text.replace(world.settings["Values"]["SUPPORT_EMAIL"], "")
    assert "@" not in shown
    assert customer.account.rpartition("@")[2] not in shown
    assert world.tenant(customer.tenant)["tenant_id"] not in shown
    assert "sage-contact.xml" not in shown


def test_an_english_customer_reads_the_page_in_english(world: World) -> None:
    page = Browser().open(world.invites(world.customer("mont-blanc-outdoor")))
    assert page.is_headed("progress.title", "en")
    assert page.document.get("lang") == "en"


def test_head_answers_like_get_without_a_body(world: World) -> None:
    order = world.orders(world.customer("menuiserie-lambert"))
    link = world.link(order)
    browser = Browser()
    answer = browser.hold(link, "HEAD")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/a/{order['reference']}")
    page = f"{world.host}/a/{order['reference']}"
    head, full = browser.hold(page, "HEAD"), browser.hold(page)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Type"] == full.headers["Content-Type"]
    assert head.headers["Content-Security-Policy"] == full.headers["Content-Security-Policy"]


def test_opening_the_link_spends_and_creates_nothing(world: World) -> None:
    order = world.orders(world.customer("menuiserie-lambert"))
    link = world.link(order)
    before = until(lambda: sent(world, order), "the invitation noted as sent")
    for _ in range(3):
        browser = Browser()
        browser.hold(link, "HEAD")
        assert browser.open(link).status == 200
        assert browser.open(f"{world.host}/a/{order['reference']}").status == 200
    assert world.support(order_number=order["order_number"]) == before


def test_a_reference_may_be_typed_in_lower_case(world: World) -> None:
    order = world.orders(world.customer("menuiserie-lambert"))
    browser = Browser()
    browser.open(world.link(order))
    page = browser.open(f"{world.host}/a/{order['reference'].lower()}")
    assert page.is_headed("progress.title")


@pytest.mark.parametrize(
    "token", ["", "x", "A" * 43, "é" * 43, "A" * 5000], ids=["none", "short", "unknown", "not ascii", "long"]
)
def test_a_link_that_is_not_ours_is_told_so(world: World, token: str) -> None:
    failure(Browser().open(f"{world.host}/a?k={token}"), 404, "link_unknown")


def test_a_link_cut_or_changed_in_one_character_is_not_recognised(world: World) -> None:
    link = world.invites(world.customer("menuiserie-lambert"))
    other = "A" if link[-10] != "A" else "B"
    failure(Browser().open(link[:-1]), 404, "link_unknown")
    failure(Browser().open(f"{link[:-10]}{other}{link[-9:]}"), 404, "link_unknown")


def test_a_renewed_link_replaces_the_one_before_and_its_visit(world: World) -> None:
    order = world.orders(world.customer("menuiserie-lambert"))
    old = world.link(order)
    browser = Browser()
    browser.open(old)
    answer = world.post(f"/support/associations/{order['association_id']}/renew-link", {"reason": "perdu"})
    assert answer.status_code == 200, answer.text

    failure(Browser().open(old), 410, "link_revoked")
    failure(browser.open(f"{world.host}/a/{order['reference']}"), 410, "link_revoked")

    new = world.link_after(order, old)
    assert browser.open(new).is_headed("progress.title")


def test_a_browser_that_opened_no_link_is_told_to_open_it(world: World) -> None:
    order = world.orders(world.customer("menuiserie-lambert"))
    page = failure(Browser().open(f"{world.host}/a/{order['reference']}"), 403, "visit_missing")
    assert order["company_name"] not in page.text


def test_a_reference_that_does_not_exist_answers_like_one_that_does(world: World) -> None:
    order = world.orders(world.customer("menuiserie-lambert"))
    failure(Browser().open(f"{world.host}/a/{order['reference']}"), 403, "visit_missing")
    failure(Browser().open(f"{world.host}/a/0000-0000"), 403, "visit_missing")


def test_the_visit_of_one_association_opens_no_other(world: World) -> None:
    mine, other = (world.orders(world.customer("menuiserie-lambert")) for _ in range(2))
    browser = Browser()
    browser.open(world.link(mine))
    value = browser.cookies.kept[(f"visit-{mine['reference']}", "/")]
    browser.cookies.kept[(f"visit-{other['reference']}", "/")] = value
    failure(browser.open(f"{world.host}/a/{other['reference']}"), 403, "visit_missing")
    assert browser.open(f"{world.host}/a/{mine['reference']}").status == 200


def test_two_associations_are_open_in_one_browser_side_by_side(world: World) -> None:
    orders = [world.orders(world.customer(name)) for name in ("menuiserie-lambert", "vignobles-chastel")]
    browser = Browser()
    for order in orders:
        browser.open(world.link(order))
    for order in orders:
        assert order["company_name"] in browser.open(f"{world.host}/a/{order['reference']}").words


@pytest.mark.parametrize("lost", ["cookie", "state", "cookie of two"])
def test_a_trip_that_was_lost_starts_again_with_one_click_and_one_sign_in(world: World, lost: str) -> None:
    customer = world.customer("menuiserie-lambert")
    order = world.orders(customer)
    person = Person(world, customer.account)
    if lost == "cookie of two":
        person.opens(world.invites(world.customer("vignobles-chastel")))
    page = person.signs_in(person.opens(world.link(order)))
    callback = person.passes(person.leaves(page, "/consent"))
    for place in [place for place in person.browser.cookies.kept if place[0].startswith("flow-")]:
        del person.browser.cookies.kept[place]
    code = "state_unknown" if lost == "state" else "browser_unknown"
    stopped = failure(
        person.browser.open(callback.replace("state=", "state=x") if lost == "state" else callback), 400, code
    )
    (button,) = stopped.document.xpath("//main//a[contains(@class, 'primary')]")
    again = person.browser.open(f"{world.host}{button.get('href')}")
    # nobody can tell any more whose browser this is, so not signed in; but nothing of what was done is lost
    assert again.url == f"{page.url}?signed-out=1"
    assert customer.account not in again.text
    back = person.signs_in(again)
    assert (back.url, back.is_headed("consent.title")) == (page.url, True)
    assert person.consents(back).is_headed("done.title")


def test_somebody_held_at_microsofts_finds_when_they_left_and_goes_on(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    order = world.orders(customer)
    link = world.link(order)
    person = Person(world, customer.account)
    person.browser.submit(person.opens(link), "/sign-in")

    page = person.opens(link)
    found = world.support(order_number=order["order_number"])
    assert (found["cause"], found["state"], found["who"]) == (
        "left_for_microsoft",
        "waiting",
        "administrator",
    )
    left = datetime.fromisoformat(found["since"]).astimezone(ZoneInfo("Europe/Paris"))
    assert page.says("progress.left")
    assert f"{left:%H:%M}" in page.words
    for advice in ("mfa", "approval", "account"):
        assert page.says(f"progress.left.{advice}")

    assert person.signs_in(page).is_headed("consent.title")
    assert world.support(order_number=order["order_number"])["cause"] == "consent_to_give"
