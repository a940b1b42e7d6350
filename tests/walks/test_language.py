"""The language switch: on every page, without script, and never away from where somebody is."""

from datetime import datetime
from urllib.parse import urljoin, urlsplit
from zoneinfo import ZoneInfo

import pytest
import requests

from tests.walks.browser import CATALOGUES, Browser, Page
from tests.walks.people import Person
from tests.walks.test_attack_consent import typed
from tests.walks.test_link import failure
from tests.walks.world import World, query_of


def switches(browser: Browser, page: Page) -> Page:
    """Follow the switch in the page's header."""
    (link,) = page.document.xpath("//header//a[@hreflang]")
    shown = str(page.document.get("lang"))
    assert link.text_content() == {"fr": "English", "en": "Français"}[shown]
    assert link.get("lang") == link.get("hreflang") == {"fr": "en", "en": "fr"}[shown]
    switched = browser.open(urljoin(page.url, link.get("href")))
    assert switched.document.get("lang") == link.get("lang")
    assert "language=" not in switched.url
    return switched


def test_every_page_of_the_journey_is_switched_where_it_stands_and_stays_switched(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    person = Person(world, customer.account)
    page = person.opens(world.invites(customer))
    for heading in ("progress.title", "consent.title", "done.title"):
        assert page.is_headed(heading, "fr")
        english = switches(person.browser, page)
        assert (english.url, english.status) == (page.url, 200)
        assert english.is_headed(heading, "en")
        assert person.browser.open(page.url).is_headed(heading, "en")
        page = switches(person.browser, english)
        if heading == "progress.title":
            page = person.signs_in(page)
        elif heading == "consent.title":
            page = person.consents(page)


def test_dates_follow_the_switch(world: World) -> None:
    order = world.orders(world.customer("menuiserie-lambert"))
    browser = Browser()
    page = browser.open(world.link(order))
    found = world.support(order_number=order["order_number"])
    ends = datetime.fromisoformat(found["link"]["expires_at"]).astimezone(ZoneInfo("Europe/Paris"))
    for language in ("fr", "en"):
        month = CATALOGUES[language][f"month.{ends.month}"]
        assert f"{month} {ends.year}" in page.words
        page = switches(browser, page)


@pytest.mark.parametrize(("order", "browser", "shown"), [("en", "fr-FR", "en"), ("fr", "en-GB", "fr")])
def test_the_order_goes_before_the_browser_on_pages_and_on_failures(
    world: World, order: str, browser: str, shown: str
) -> None:
    customer = world.customer("menuiserie-lambert", language=order)
    person = Person(world, customer.account, Browser(language=browser))
    page = person.opens(world.invites(customer))
    assert page.is_headed("progress.title", shown)
    fields = page.form("/sign-in")
    check = fields.pop("").replace("/sign-in", "/check")
    denied = person.browser.post(check, fields, Origin=world.host)
    assert denied.document.get("lang") == shown
    assert denied.is_headed("error.session_missing.title", shown)
    callback = urlsplit(person.passes(person.leaves(page, "/sign-in")))
    refusal = f"{callback.path}?state={query_of(callback.geturl())['state']}&error=access_denied"
    refused = person.browser.open(f"{world.host}{refusal}")
    assert refused.is_headed("error.sign_in_refused.title", shown)
    # of an association nobody knows, the browser's is all there is
    unknown = person.browser.open(f"{world.host}/nothing")
    assert unknown.is_headed("error.page_unknown.title", browser[:2])


def test_mails_stay_in_the_orders_language(world: World) -> None:
    customer = world.customer("menuiserie-lambert", language="en")
    order = world.orders(customer)
    person = Person(world, customer.account)
    page = switches(person.browser, person.opens(world.link(order)))
    person.consents(person.signs_in(page))
    mail = world.mail(order["administrator_email"], "ssociated")
    assert "Microsoft 365" in mail["subject"]


def test_a_failure_that_answered_a_post_is_switched_on_a_page_that_exists(world: World) -> None:
    browser = Browser()
    page = browser.open(world.invites(world.customer("menuiserie-lambert")))
    denied = failure(browser.submit(page, "/sign-in", form_token="x"), 403, "form_forged")
    assert switches(browser, denied).url == page.url
    form = browser.open(f"{world.host}/new-link")
    wrong = browser.submit(form, "/new-link", asked="?")
    assert wrong.status == 400
    assert switches(browser, wrong).is_headed("new_link.title", "fr")
    lost = Browser().post(f"{world.host}/a/0000-0000/sign-in", {})
    assert switches(Browser(), lost).status == 200


def test_a_wrong_code_is_switched_on_the_page_of_the_code(world: World) -> None:
    customer = world.customer("imprimerie-roussel")
    person = Person(world, customer.account)
    page = person.signs_in(person.opens(world.invites(customer)))
    assert page.is_headed("unexpected_tenant.title")
    if not page.document.xpath("//input[@name='code']"):
        page = person.browser.submit(page, "/code/new")
    wrong = typed(person, page, "000000")
    assert wrong.status == 403
    english = switches(person.browser, wrong)
    assert english.is_headed("unexpected_tenant.title", "en")


def test_the_failure_of_a_callback_is_reloaded_and_switched_without_its_code(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    person = Person(world, customer.account)
    page = person.opens(world.invites(customer))
    callback = person.passes(person.leaves(page, "/sign-in"))
    other = Browser()
    for _ in range(2):
        shown = failure(other.open(callback), 400, "browser_unknown")
    assert query_of(callback)["code"] not in shown.text
    assert query_of(callback)["state"] not in shown.text
    assert switches(other, shown).is_headed("new_link.title", "en")
    assert failure_in_english(other.open(callback), "browser_unknown")
    # and the browser where it began goes on
    assert person.browser.open(callback).is_headed("consent.title")


def failure_in_english(page: Page, code: str) -> bool:
    return page.is_headed(f"error.{code}.title", "en") and page.says(f"error.{code}.who", "en")


@pytest.mark.parametrize("path", ["/nothing", "/a?k=x", "/new-link", "/new-link?sent=1", "/privacy"])
def test_pages_for_anybody_are_switched_where_they_stand(world: World, path: str) -> None:
    browser = Browser()
    page = browser.open(f"{world.host}{path}")
    english = switches(browser, page)
    assert (english.url, english.status) == (page.url, page.status)
    assert switches(browser, english).body == browser.open(page.url).body or page.status >= 400


def test_the_guide_is_in_the_users_language_unless_switched(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    order = world.orders(customer)
    Person(world, customer.account).walks_to_the_end(world.link(order))
    mail = world.mail(order["administrator_email"], "associé")
    share = next(address for address in mail["links"] if "/addin?k=" in address)
    user = Browser(language="en-GB")
    guide = user.open(share)
    assert guide.document.get("lang") == "en"
    assert switches(user, guide).url == guide.url
    assert user.open(guide.url).document.get("lang") == "fr"


@pytest.mark.parametrize(
    "path", ["//evil.example", "//evil.example/%2f..", "/%5cevil.example", "/\\evil.example"]
)
def test_the_switch_leads_to_no_other_site(world: World, path: str) -> None:
    # requests would tidy the address up
    session = requests.Session()
    prepared = requests.Request("GET", world.host).prepare()
    prepared.url = f"{world.host}{path}?language=en"
    answer = session.send(prepared, allow_redirects=False, timeout=10)
    assert answer.status_code == 303
    target = urlsplit(urljoin(f"{world.host}/", answer.headers["Location"].replace("\\", "/")))
    assert f"{target.scheme}://{target.netloc}" == world.host


def test_head_is_switched_like_get(world: World) -> None:
    answer = requests.head(f"{world.host}/privacy?language=en", allow_redirects=False, timeout=10)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/privacy")
    assert answer.headers["Set-Cookie"].lower().startswith("language=en;")
