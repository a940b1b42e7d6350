"""Two tabs, the back button, a reload: whatever a browser does, the right page comes and nothing twice."""

import re
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Request, expect

from tests.browser.context import profile
from tests.browser.somebody import Mouse, Name, is_headed, words
from tests.browser.test_journey import FURTHER, authorises, signs_in, walks_to_the_end
from tests.walks.world import Customer, World

FIRST, SECOND = (words("button.authorise_application", name=name) for name in FURTHER)


class Trail:
    """The addresses of a profile's requests whose path ends in `ending`, as they are made."""

    def __init__(self, context: BrowserContext, ending: str) -> None:
        self._ending, self._seen = ending, list[str]()
        context.on("request", self._note)

    def _note(self, request: Request) -> None:
        if request.url.partition("?")[0].endswith(self._ending) and request.method == "GET":
            self._seen.append(request.url)

    def new(self) -> list[str]:
        """What has come since this was asked for the last time."""
        new, self._seen = self._seen, []
        return new


def arrives(context: BrowserContext, link: str) -> Mouse:
    """Open the mailed link in a tab of its own."""
    page = context.new_page()
    page.goto(link)
    return Mouse(page)


def associated_once(world: World, customer: Customer) -> bool:
    """Whether there is one binding, and one mail about it."""
    found: dict[str, Any] = world.support(order_number=customer.order["order_number"])
    address = customer.order["administrator_email"]
    world.mail(address, "associé")
    happened = [event["what"] for event in found["events"]]
    return (found["generation"], happened.count("bound"), len(world.mails(address, "associé"))) == (1, 1, 1)


def test_a_callback_that_is_loaded_again_ends_on_the_same_page(world: World, chromium: Browser) -> None:
    customer = world.customer("menuiserie-lambert")
    with profile(chromium) as context:
        trail = Trail(context, "/callback")
        hand = arrives(context, world.invites(customer))
        page = hand.page

        def comes_again(callbacks: int, heading: str) -> None:
            is_headed(page, heading)
            again = trail.new()
            assert len(again) == callbacks
            for address in again:
                page.goto(address)
                page.reload()
            is_headed(page, heading)
            trail.new()

        signs_in(hand, customer)
        comes_again(1, "consent.title")
        authorises(hand, customer, words("button.authorise"))
        comes_again(2, "applications.some")
        authorises(hand, customer, FIRST)
        comes_again(1, "applications.one")
        authorises(hand, customer, SECOND)
        comes_again(2, "done.title")
        assert associated_once(world, customer)


def test_back_at_microsofts_the_same_answer_once_more_goes_on(world: World, chromium: Browser) -> None:
    customer = world.customer("menuiserie-lambert")
    with profile(chromium) as context:
        trail = Trail(context, "/adminconsent")
        hand = arrives(context, world.invites(customer))
        signs_in(hand, customer)
        hand.page.go_back()
        expect(hand.page).to_have_title(re.compile("Microsoft"))
        hand.press(re.compile(re.escape(customer.account)))
        is_headed(hand.page, "consent.title")

        authorises(hand, customer, words("button.authorise"))
        is_headed(hand.page, "applications.some")
        (asked, *_) = trail.new()
        hand.page.goto(asked)
        hand.press(re.compile(re.escape(customer.account)))
        hand.press("Accepter")
        is_headed(hand.page, "applications.some")


def test_back_after_the_end_shows_what_is_true_now(world: World, chromium: Browser) -> None:
    customer = world.customer("menuiserie-lambert")
    with profile(chromium) as context:
        trail = Trail(context, "/adminconsent")
        hand = arrives(context, world.invites(customer))
        walks_to_the_end(hand, customer)
        with hand.page.expect_navigation():
            hand.page.evaluate("history.go(-3)")  # past Microsoft's question and its choice of accounts
        is_headed(hand.page, "applications.granted")
        hand.press(words("button.continue"), "link")
        is_headed(hand.page, "done.title")

        for asked in trail.new()[-1:]:
            hand.page.goto(asked)
            hand.press(re.compile(re.escape(customer.account)))
            hand.press("Accepter")
        is_headed(hand.page, "applications.granted")
        assert associated_once(world, customer)


def finds_its_page_outdated(hand: Mouse, name: Name) -> None:
    """Press a button of a page made before the other tab signed in: one more press goes on."""
    hand.press(name)
    is_headed(hand.page, "error.form_forged.title")
    hand.press(words("button.restart"), "link")


def test_in_two_tabs_each_goes_on_and_the_tenant_is_bound_once(world: World, chromium: Browser) -> None:
    customer = world.customer("menuiserie-lambert")
    link = world.invites(customer)
    with profile(chromium) as context:
        first, second = arrives(context, link), arrives(context, link)
        signs_in(first, customer)
        finds_its_page_outdated(second, words("button.sign_in"))
        is_headed(second.page, "consent.title")
        authorises(second, customer, words("button.authorise"))
        is_headed(second.page, "applications.some")
        finds_its_page_outdated(first, words("button.authorise"))
        is_headed(first.page, "applications.some")

        authorises(second, customer, FIRST)
        authorises(second, customer, SECOND)
        is_headed(second.page, "done.title")
        first.page.reload()
        is_headed(first.page, "done.title")
        assert associated_once(world, customer)
