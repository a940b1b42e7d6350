"""One browser, two people, one after the other: nothing of the first shows to the second."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin

import pytest

from tests.walks.browser import Browser, Page
from tests.walks.failing import Scene
from tests.walks.people import Person
from tests.walks.test_stops import invited, is_done
from tests.walks.world import Customer, World


@dataclass(frozen=True, slots=True)
class First:
    """Somebody who has associated their company at this browser."""

    customer: Customer
    person: Person
    link: str
    page: Page

    @property
    def traces(self) -> tuple[str, ...]:
        """What only they may see: account, name, tenant."""
        local, _, domain = self.customer.account.partition("@")
        return (self.customer.account, local, domain)


@pytest.fixture
def first(world: World) -> First:
    customer, person, link = invited(world, "menuiserie-lambert")
    page = person.walks_to_the_end(link)
    assert is_done(page)
    return First(customer, person, link, page)


def clean(page: Page, first: First) -> bool:
    """Whether nothing of the first one stands on the page, nor is kept by the browser."""
    found = [trace for trace in first.traces if trace.casefold() in page.words.casefold()]
    return not found and "no-store" in page.headers["cache-control"]


@pytest.mark.parametrize("leaves", ["signs out", "just leaves"])
def test_the_same_link_shows_the_next_one_nothing_of_the_first(
    world: World, first: First, leaves: str
) -> None:
    browser = first.person.browser
    if leaves == "signs out":
        browser.submit(first.page, "/sign-out")
    page = browser.open(first.link)
    assert page.is_headed("progress.bound")
    assert clean(page, first)
    for address in (f"{page.url}/sage-contact.xml", f"{page.url}/guide", f"{page.url}/applications"):
        refused = browser.open(address)
        assert (refused.status, clean(refused, first)) == (403, True)
    for action in ("sign-out", "check", "consent", "portal", "renew", "code", "code/new"):
        answer = browser.post(f"{page.url}/{action}", {}, Origin=world.host)
        assert (answer.status, clean(answer, first)) == (403, True)


def test_another_companys_link_leads_to_that_company_alone(world: World, first: First) -> None:
    customer, _, link = invited(world, "mont-blanc-outdoor")
    second = Person(world, customer.account, first.person.browser)
    page = second.opens(link)
    assert clean(page, first)
    # by the back button, or from the history
    assert clean(second.browser.open(first.page.url), first)
    assert second.browser.open(f"{first.page.url}/sage-contact.xml").status == 403
    page = second.signs_in(page)
    assert clean(page, first)
    assert customer.account in page.words


def test_who_has_posted_too_often_can_still_sign_out(world: World, first: First) -> None:
    found = world.support(order_number=first.customer.order["order_number"])
    Scene(world).has_posted_enough(found["association_id"])
    browser = first.person.browser
    refused = browser.submit(first.page, "/portal")
    assert (refused.status, refused.is_headed("error.limit_reached.title")) == (429, True)
    page = browser.submit(first.page, "/sign-out")
    assert page.says("progress.notice.signed_out")
    assert clean(page, first)
    assert clean(browser.open(first.page.url), first)


def test_no_copy_of_the_firsts_session_opens_anything_after_signing_out(world: World, first: First) -> None:
    copied = Browser()
    copied.cookies.kept.update(first.person.browser.cookies.kept)
    file = f"{first.page.url}/sage-contact.xml"
    assert copied.open(file).status == 200
    first.person.browser.submit(first.page, "/sign-out")
    assert copied.open(file).status == 403


def test_the_next_one_signs_in_over_the_first(world: World, first: First) -> None:
    before = first.person.browser.cookies.kept.copy()
    second = Person(world, first.customer.account, first.person.browser)
    page = second.signs_in(second.opens(first.link))
    assert is_done(page)
    name = next(key for key in before if key[0].startswith("session-"))
    assert first.person.browser.cookies.kept[name] != before[name]


def test_two_companies_share_links_in_one_browser_do_not_mix(world: World, first: First) -> None:
    customer, person, link = invited(world, "menuiserie-lambert")
    other = person.walks_to_the_end(link)
    user = Browser()
    guides = []
    for page, owner in ((first.page, first.customer), (other, customer)):
        (share,) = page.document.xpath("//*[contains(@data-copy, '/addin?k=')]/@data-copy")
        guides.append(user.open(share))
        assert owner.order["company_name"] in guides[-1].words
    files = []
    for guide in guides:
        (address,) = {href for href in guide.document.xpath("//a[@download]/@href")}
        files.append(user.open(f"{world.host}{address}").body)
    assert files[0] == first.person.browser.open(f"{first.page.url}/sage-contact.xml").body
    assert files[1] == person.browser.open(f"{other.url}/sage-contact.xml").body
    assert files[0] != files[1]


def revoked(world: World) -> str:
    """A link of another company that a newer one has replaced."""
    order = world.orders(world.customer("mont-blanc-outdoor"))
    link = world.link(order)
    answer = world.post(
        f"/support/associations/{order['association_id']}/renew-link", {"reason": "demandé au téléphone"}
    )
    assert answer.status_code == 200, answer.text
    return link


# Failures at an address that names no association: status, and where the next one finds it.
FAILURES: dict[str, tuple[int, Callable[[World, First], str]]] = {
    "a mistyped link": (404, lambda _, first: f"{first.link[:-1]}{'x' if first.link[-1] != 'x' else 'y'}"),
    "a link that was cut": (404, lambda _, first: first.link[:-9]),
    "a revoked link": (410, lambda world, _: revoked(world)),
    "no such address": (404, lambda world, _: f"{world.host}/nowhere"),
    "below the association": (404, lambda _, first: f"{first.page.url}/nowhere"),
    "a callback without state": (400, lambda world, _: f"{world.host}/sign-in/callback"),
    "a callback of nobody": (400, lambda world, _: f"{world.host}/consent/callback?state={'x' * 43}"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_no_failure_leads_the_next_one_to_the_account_of_who_just_left(
    world: World, first: First, failure: str
) -> None:
    status, address = FAILURES[failure]
    browser = first.person.browser
    page = browser.open(address(world, first))
    assert (page.status, clean(page, first)) == (status, True)
    (button,) = page.document.xpath("//main//a[contains(@class, 'primary')]/@href")
    (switch,) = page.document.xpath("//header//a[@hreflang]/@href")
    for href in (str(button), str(switch)):
        each = browser.copy()
        behind = each.open(urljoin(page.url, href))
        assert clean(behind, first), href
        if href == button:
            # and nothing of theirs is a press further
            assert behind.status == 200
            assert clean(each.open(first.page.url), first)
            assert each.open(f"{first.page.url}/sage-contact.xml").status == 403


@pytest.mark.parametrize("failure", [name for name in FAILURES if "link" in name])
def test_a_mailed_link_that_opens_nothing_leaves_nobody_signed_in(
    world: World, first: First, failure: str
) -> None:
    browser, (_, address) = first.person.browser, FAILURES[failure]
    browser.open(address(world, first))
    assert not [name for name in browser.cookie_names() if name.startswith("session-")]
    assert clean(browser.open(first.page.url), first)


def test_who_mistyped_an_address_is_one_sign_in_from_their_association(world: World, first: First) -> None:
    browser = first.person.browser
    page = browser.open(f"{world.host}/nowhere")
    assert page.says("error.as_nobody")
    (button,) = page.document.xpath("//main//a[contains(@class, 'primary')]/@href")
    page = browser.open(urljoin(page.url, str(button)))
    assert page.says("progress.notice.signed_out")
    assert is_done(first.person.signs_in(page))
