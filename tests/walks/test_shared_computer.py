"""One browser, two people, one after the other: nothing of the first shows to the second."""

from dataclasses import dataclass

import pytest

from tests.walks.browser import Browser, Page
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
    page = second.signs_in(page)
    assert clean(page, first)
    assert customer.account in page.words


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
