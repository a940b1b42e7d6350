"""A consent that Microsoft takes twenty seconds to spread: a state of its own, not a failure."""

import pytest

from tests.walks.people import Person
from tests.walks.test_stops import cause, checks, invited, is_done
from tests.walks.world import Customer, World, until

SECONDS = 20


@pytest.fixture
def waiting(world: World) -> tuple[Customer, Person, str]:
    """A customer whose consent has been given and hasn't spread; the person; the page's address."""
    customer, person, link = invited(world, "mont-blanc-outdoor")
    page = person.walks_to_the_end(link)
    assert page.is_headed("verifying.title", "en")
    return customer, person, page.url


def test_while_microsoft_spreads_the_consent_the_page_refreshes_itself(
    world: World, waiting: tuple[Customer, Person, str]
) -> None:
    customer, person, address = waiting
    page = person.browser.open(address)
    assert page.is_headed("verifying.title", "en")
    assert page.says("verifying.close", "en")
    (refresh,) = page.document.xpath("//noscript//meta[@http-equiv='refresh']/@content")
    assert 1 <= int(refresh) <= 10
    assert page.document.xpath("//@data-refresh") == [refresh]
    assert page.offers("button.refresh", "en")
    assert cause(world, customer) == ("authorisation", "access_awaited", "microsoft")
    assert checks(world, customer) == {}


def test_the_background_sees_the_access_and_one_press_finishes(
    world: World, waiting: tuple[Customer, Person, str]
) -> None:
    customer, person, address = waiting
    world.advance_microsoft(SECONDS)
    until(lambda: cause(world, customer)[1] == "checks_to_run", "the background to see the access")
    page = person.browser.open(address)
    assert page.is_headed("prerequisites.ready", "en")
    assert page.offers("button.check", "en")
    assert is_done_in_english(person, page.url)


def is_done_in_english(person: Person, address: str) -> bool:
    page = person.checks_again(person.browser.open(address))
    return page.is_headed("done.title", "en") and not is_done(page)


def test_whoever_left_meanwhile_goes_on_from_the_link(world: World) -> None:
    customer, person, link = invited(world, "mont-blanc-outdoor")
    person.walks_to_the_end(link)
    page = Person(world, "").opens(link)
    assert page.says("cause.access_awaited", "en")
    world.advance_microsoft(SECONDS)
    until(lambda: cause(world, customer)[1] == "checks_to_run", "the background to see the access")
    other = Person(world, customer.account)
    assert is_done_in_english(other, other.signs_in(other.opens(link)).url)
