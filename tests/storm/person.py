"""An order, and the administrator who carries it to the end by pressing what the page offers."""

import asyncio
import json
import uuid
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import urljoin

import aiohttp

from tests.storm.browser import StormBrowser
from tests.storm.found import Wanted
from tests.storm.postman import Postman
from tests.walks.browser import Page

MOST_TRIES = 200
LAST_SEEN = 12
PAUSE_SECONDS = 1.0
CUSTOMER_PAUSE_SECONDS = 2.0
SLOW_CONSENT_SECONDS = 3


class StuckError(Exception):
    """A person has tried everything there is to press, for long."""


@dataclass(frozen=True, slots=True)
class Customer:
    """Who orders: the body of the order, and the tenant with one account, its global administrator."""

    order: dict[str, Any]
    tenant: dict[str, Any]
    account: str

    def wanted(self, tenant_id: str = "", applications: tuple[str, ...] = ()) -> Wanted:
        """What the order has to come to; with a tenant, that it is bound."""
        return Wanted(
            order_number=self.order["order_number"],
            customer_number=self.order["customer_number"],
            administrator=self.order["administrator_email"],
            partner=self.order["partner"]["email"],
            tenant_id=tenant_id,
            applications=applications,
        )


def customer(mark: str, random: Random) -> Customer:
    """A customer of its own; `mark` tells it from all others."""
    domain = f"{mark}.storm.example"
    account = f"admin@{domain}"
    tenant = {
        "tenant_id": str(uuid.UUID(int=random.getrandbits(128), version=4)),
        "display_name": f"Société {mark}",
        "domains": [domain, f"{mark}storm.onmicrosoft.example"],
        "subscriptions": [{"product": "SPB", "units": 5}],
        "users": [
            {
                "upn": account,
                "name": f"Dominique {mark}",
                "roles": ["Global Administrator"],
                "licences": ["SPB"],
            }
        ],
        # every fifth tenant's consent takes its time to spread
        "consent_propagation_seconds": random.choice((0, 0, 0, 0, SLOW_CONSENT_SECONDS)),
    }
    order = {
        "order_number": f"CMD-{mark}",
        "customer_number": f"C-{mark}",
        "company_name": f"Société {mark}",
        "administrator_email": account,
        "mpn_id": "4873239",
        "partner": {"number": "P-104217", "name": "Alpes Gestion Conseil", "email": "p@partner.example"},
        "model": "DUA",
        "office365_users": 12,
        "azure_ad_users": 12,
        "subscription": "sage",
        "language": random.choice(("fr", "fr", "en")),
    }
    return Customer(order, tenant, account)


@dataclass(slots=True)
class Everybody:
    """What the `total` people of a storm share. `begun` is set when everybody's order has been taken."""

    client: aiohttp.ClientSession
    origin: str
    control: str
    key: dict[str, str]
    postman: Postman
    total: int
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: int = 0
    waiting_for_mail: int = 0
    done: int = 0
    stuck: list[str] = field(default_factory=list)
    retries: Counter[str] = field(default_factory=Counter)

    @property
    def has_time(self) -> bool:
        """Whether nobody has anything to do but wait for a mail."""
        return self.waiting_for_mail + self.done + len(self.stuck) == self.total

    def arrive(self) -> None:
        """One more person has begun, or never will."""
        self.arrived += 1
        if self.arrived == self.total:
            self.begun.set()


@dataclass(slots=True)
class Administrator:
    """One journey, from the order to the add-in file."""

    everybody: Everybody
    customer: Customer
    browser: StormBrowser
    link: str = ""
    tries: int = 0
    seen: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_SEEN))

    async def live(self) -> None:
        """Everything, in order. Nobody reads mail before everybody has begun."""
        everybody = self.everybody
        try:
            await self._begin()
            await everybody.begun.wait()
            everybody.waiting_for_mail += 1
            self.link = await everybody.postman.link(self.customer.account)
            everybody.waiting_for_mail -= 1
            await self._walk()
        except StuckError as error:
            everybody.stuck.append(str(error))
        else:
            everybody.done += 1

    async def _begin(self) -> None:
        try:
            await self._found_tenant()
            await self._order()
        finally:
            self.everybody.arrive()

    async def _found_tenant(self) -> None:
        address = f"{self.everybody.control}tenants/{self.customer.order['order_number']}"
        async with self.everybody.client.put(address, json=self.customer.tenant) as answer:
            assert answer.status == 201, await answer.text()

    async def _order(self) -> None:
        """OCTAVE repeats an order until it is told that it was taken."""
        while True:
            self._count("order")
            async with self.everybody.client.post(
                f"{self.everybody.origin}/orders", json=self.customer.order, headers=self.everybody.key
            ) as answer:
                text = await answer.text()
                if answer.status == 201:
                    return
                self._look_at_problem(answer, text)
            await asyncio.sleep(PAUSE_SECONDS)

    def _look_at_problem(self, answer: aiohttp.ClientResponse, text: str) -> None:
        seen = self.browser.seen
        seen.statuses[answer.status] += 1
        if "X-Balancer" in answer.headers:
            seen.balancer[answer.status] += 1
            return
        try:
            problem = json.loads(text)
            seen.errors[f"{answer.status} {problem['code']} (order)"] += 1
            is_told = bool(problem["reference"])
        except (ValueError, LookupError):
            is_told = False
        if not is_told:
            seen.bare.append(f"{answer.status} /orders {text[:300]}")

    async def _walk(self) -> None:
        page = await self.browser.open(self.link)
        while not self._has_file(page):
            self._count("page")
            self.seen.append(f"{datetime.now(UTC):%H:%M:%S} {page.status} {_headed(page)}")
            page = await self._act(page)

    def _has_file(self, page: Page) -> bool:
        return page.status == 200 and b"<OfficeApp" in page.body

    async def _act(self, page: Page) -> Page:
        if not page.url.startswith(self.everybody.origin):
            return await self._act_at_microsoft(page)
        if page.status >= 400:
            self.everybody.retries["error page"] += 1
            await asyncio.sleep(PAUSE_SECONDS)
        if "data-refresh" in page.text:
            await asyncio.sleep(CUSTOMER_PAUSE_SECONDS)
        return await self._press(page)

    async def _press(self, page: Page) -> Page:
        """The page's one primary button; the mail's link again where there is none that leads on."""
        document = page.document
        for form in document.xpath("//main//form[contains(@class, 'leading')]"):
            return await self.browser.submit(page, form.get("action"))
        for link in document.xpath("//main//a[contains(@class, 'primary')]/@href"):
            address = urljoin(page.url, link)
            if address.startswith(self.everybody.origin) and "/new-link" not in address:
                return await self.browser.open(address)
        self.everybody.retries["link opened again"] += 1
        return await self.browser.open(self.link)

    async def _act_at_microsoft(self, page: Page) -> Page:
        place = page.document.body.get("data-page") if page.body else ""
        action = page.url.partition("?")[0].rpartition("/")[2]
        if place == "accounts":
            return await self.browser.submit(page, action, account=self.customer.account)
        if place == "consent":
            return await self.browser.submit(page, action, consent="accept")
        self.everybody.retries["left Microsoft"] += 1
        await asyncio.sleep(PAUSE_SECONDS)
        return await self.browser.open(self.link)

    def _count(self, what: str) -> None:
        self.tries += 1
        if self.tries > MOST_TRIES:
            number = self.customer.order["order_number"]
            raise StuckError(f"{number} gave up at the {what} after {MOST_TRIES} tries: {list(self.seen)}")


def _headed(page: Page) -> str:
    """The page's address and heading; the balancer's own answers have none."""
    headings = page.document.xpath("//h1") if page.body else []
    return " ".join(
        [page.url.partition("?")[0], *(" ".join(each.text_content().split()) for each in headings)]
    )
