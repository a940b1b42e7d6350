"""A customer's way through the journey by the walks' browser, which is fast, until Chromium takes over."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from playwright.sync_api import Page as Shown

from association.rows import Purpose
from tests.walks.browser import Browser, Page
from tests.walks.failing import Scene
from tests.walks.people import Person
from tests.walks.world import Customer, World, until

ACCEPT_LANGUAGE = {"fr": "fr-FR,fr;q=0.9", "en": "en-GB,en;q=0.9"}
FURTHER = ("contact", "automate")
SPREADING_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Arrival:
    """The address of a page and a browser that may see it; what only a form's answer shows is pressed for.

    `scripted` is False for a page that its script would leave while somebody looks at it.
    """

    url: str
    browser: Browser
    press: Callable[[Shown], object] | None = None
    scripted: bool = True


class Way:
    """A customer's way, in their language. Each step returns the page at which it ends."""

    def __init__(self, world: World, customer: Customer, language: str) -> None:
        self.world, self.customer, self.language = world, customer, language
        self.browser = self.stranger()
        self.person = Person(world, customer.account, self.browser)

    @cached_property
    def order(self) -> dict[str, Any]:
        return self.world.orders(self.customer)

    @cached_property
    def link(self) -> str:
        return self._link("a", Purpose.ASSOCIATION)

    @cached_property
    def share_link(self) -> str:
        return self._link("addin", Purpose.SHARE)

    def _link(self, path: str, purpose: Purpose) -> str:
        """The first link, without waiting for the mail that brings it."""
        return f"{self.world.host}/{path}?k={Scene(self.world).token(self.order, purpose)}"

    def stranger(self) -> Browser:
        """Another browser of somebody who reads the same language."""
        return Browser(language=ACCEPT_LANGUAGE[self.language])

    def at(
        self, page: Page, press: Callable[[Shown], object] | None = None, *, scripted: bool = True
    ) -> Arrival:
        return Arrival(page.url, self.browser, press, scripted)

    def browse(self, path: str, press: Callable[[Shown], object] | None = None) -> Arrival:
        return self.at(self.browser.open(f"{self.world.host}{path}"), press)

    def opened(self) -> Page:
        return self.person.opens(self.link)

    def signed_in(self) -> Page:
        return self.person.signs_in(self.opened())

    def refused(self) -> Page:
        return self.person.consents(self.signed_in(), "cancel")

    def checked(self) -> Page:
        """Consented to, and what Microsoft knows of the tenant read."""
        return self.person.consents(self.signed_in())

    def spread(self) -> Page:
        """The same where the consent takes its time, and that time over."""
        page = self.checked()
        self.world.advance_microsoft(SPREADING_SECONDS)

        def ready() -> bool:
            return self.browser.open(page.url).is_headed("prerequisites.ready", self.language)

        until(ready, "the access")
        return self.browser.open(page.url)

    def finished(self) -> Page:
        page = self.authorises(self.checked(), *FURTHER)
        assert page.is_headed("done.title", self.language), page.heading
        return page

    def authorises(self, page: Page, *keys: str, answer: str = "accept") -> Page:
        for key in keys:
            page = self.person.authorises(page, key, answer)
        return page

    def checks_again(self, page: Page) -> Page:
        return self.person.checks_again(page)

    def change(self, **change: str) -> None:
        """Change something in the tenant at Microsoft's."""
        self.world.change_tenant(self.customer.tenant, **change)

    def support(self, verb: str, **fields: str) -> None:
        """Have support do something; `fields` are what the action needs besides its reason."""
        path = f"/support/associations/{self.order['association_id']}/{verb}"
        answer = self.world.post(path, {"reason": "demandé au téléphone", **fields})
        assert answer.status_code == 200, answer.text

    def of_another_customer(self) -> "Way":
        """The way of a second customer with the same Microsoft 365."""
        number = uuid.uuid4().hex[:10]
        order = self.customer.order | {"order_number": f"CMD-{number}", "customer_number": f"C-{number}"}
        return Way(self.world, Customer(order, self.customer.account, self.customer.tenants), self.language)
