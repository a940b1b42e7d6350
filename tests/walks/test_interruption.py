"""The worker dies after every write of the journey to storage and queue (rule R1).

The person goes on with what their browser holds; the same end is reached, with one mail of each kind. To die
before a write, or at a read, leaves what dying after the write before it leaves. Deaths while consent
spreads, or while others are about, are the model's (tests/model).
"""

import gc
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from functions import services
from sandbox.running import running_parts
from tests.walks.browser import Browser, Page
from tests.walks.in_process import Product, aside, running_product
from tests.walks.people import Person
from tests.walks.world import Customer, World

ROOT = Path(__file__).resolve().parents[2]
LEASES_AND_SAFETY = timedelta(minutes=4)
EVERYTHING_SETTLED = timedelta(minutes=40)
MOST_TRIES = 12
# The writes are dealt out to so many tests, for as many processes.
SHARES = 3
APPLICATION = json.loads((ROOT / "sandbox/applications.json").read_text(encoding="utf-8"))[0]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with running_parts(tmp_path_factory.mktemp("parts")) as started:
        yield started


@pytest.fixture
def environment(parts: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(parts["settings"]).parent
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(next(folder.rglob("ca*.pem"))))


class Journey:
    """One customer's journey, gone on with after every death of the worker."""

    def __init__(self, world: World, product: Product, customer: Customer) -> None:
        self.world = world
        self.product = product
        self.customer = customer
        self.person = Person(world, customer.account, Browser())
        self.order: dict[str, Any] = {}
        self.link = ""

    async def run(self) -> None:
        """From the order to the file, whatever happens on the way."""
        await self._again(self._orders)
        await self._again(self._reads_mail)
        await self._again(self._finishes)
        await self.product.work(most=EVERYTHING_SETTLED)

    async def _again(self, act: Any) -> None:
        for _ in range(MOST_TRIES):
            done = await act()
            self.product.restart_if_dead()
            if done:
                return
        raise AssertionError(f"stuck at {act.__name__} after a death at {self.death()}")

    def death(self) -> str:
        storage = self.product.storage
        return storage.calls[storage.stop_at - 1] if storage.stop_at else "no call"

    async def _orders(self) -> bool:
        answer: requests.Response = await aside(self.world.post, "/orders", self.customer.order)
        if answer.status_code == 201:
            self.order = {**self.customer.order, **answer.json()}
        return answer.status_code == 201

    async def _reads_mail(self) -> bool:
        await self.product.work(most=LEASES_AND_SAFETY)
        mails = await aside(self.world.mails, self.customer.order["administrator_email"])
        links = [link for mail in mails for link in mail["links"] if "/a?k=" in link]
        self.link = links[-1] if links else ""
        return bool(links)

    async def _finishes(self) -> bool:
        """Do what the page in front says, beginning with the mail's link again."""
        page = await aside(self.person.opens, self.link)
        for _ in range(MOST_TRIES):
            if self.product.storage.dead or page.status >= 500:
                return False
            if "/sage-contact.xml" in page.text:
                file = await aside(self.person.browser.open, f"{page.url.split('?')[0]}/sage-contact.xml")
                return bool(file.status == 200 and b"<OfficeApp" in file.body)
            try:
                page = await self._presses(page)
            except AssertionError:
                if self.product.storage.dead:
                    return False
                raise
        return False

    async def _presses(self, page: Page) -> Page:
        if "data-refresh" in page.text:
            return await self._waits()
        forms = [form.get("action") or "" for form in page.document.forms]
        if any("/applications/" in form for form in forms):
            return await aside(self.person.authorises, page, APPLICATION["key"])  # type: ignore[no-any-return]
        for ending, act in (
            ("/check", self.person.checks_again),
            ("/consent", self.person.consents),
            ("/sign-in", self.person.signs_in),
        ):
            if any(form.endswith(ending) for form in forms):
                return await aside(act, page)  # type: ignore[no-any-return]
        return await self._waits()

    async def _waits(self) -> Page:
        """Let Microsoft spread the consent, let the background look, and open the link again."""
        await aside(self.world.advance_microsoft, 20)
        await self.product.work(most=timedelta(seconds=90))
        return await aside(self.person.opens, self.link)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def nothing_left() -> Iterator[None]:
    """What dead workers had open goes here, after their loop, and not in the middle of another test."""
    yield
    gc.collect()


@asynccontextmanager
async def _journeys(parts: dict[str, str]) -> AsyncIterator[tuple[World, Product]]:
    settings = Path(parts["settings"])
    listed = json.dumps([APPLICATION])
    async with running_product(settings, ROOT, FURTHER_APPLICATIONS=listed) as product:
        text = await aside(settings.read_text, encoding="utf-8")
        world = World(parts, product.address, json.loads(text), settings)
        yield world, product


async def _one_journey(world: World, product: Product, stop_at: int) -> Journey:
    journey = Journey(world, product, await aside(world.customer, "menuiserie-lambert"))
    product.storage.calls.clear()
    product.queue.clear()
    product.moved = timedelta(0)
    product.storage.stop_at = stop_at
    await journey.run()
    product.storage.stop_at = 0
    return journey


async def _assert_same_end(journey: Journey) -> None:
    found = await aside(journey.world.support, order_number=journey.customer.order["order_number"])
    assert (found["step"], found["cause"]) == ("done", "")
    assert [event["what"] for event in found["events"]].count("bound") == 1
    assert {mail["key"]: mail["status"] for mail in found["mails"]} == {
        "invitation-1": "sent",
        "associated-1": "sent",
    }
    mails = await aside(journey.world.mails, journey.customer.order["administrator_email"])
    by_id = {mail["message_id"]: mail["subject"] for mail in mails}
    assert len(by_id) == 2, by_id
    # A death between the server's acceptance and our note may repeat one mail, under the same Message-ID.
    assert len(mails) <= 3
    claim = await services.services().ports.claims.owner("tenant", found["tenant_id"])
    assert claim is not None
    assert claim.association_id == found["association_id"]


# A dead worker closes nothing; what it had open goes when its objects do.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("nothing_left", "environment")
@pytest.mark.parametrize("first", range(SHARES))
async def test_a_worker_may_die_after_every_write_and_nothing_is_lost_or_doubled(
    parts: dict[str, str], first: int
) -> None:
    async with _journeys(parts) as (world, product):
        journey = await _one_journey(world, product, 0)
        usual = list(product.storage.calls)
        await _assert_same_end(journey)
        writes = [number for number, call in enumerate(usual, 1) if not call.startswith("GET ")]
        assert len(writes) > 40
        for stop_at in writes[first::SHARES]:
            try:
                await _assert_same_end(await _one_journey(world, product, stop_at))
            except AssertionError as error:
                raise AssertionError(f"after a death at call {stop_at} of {len(usual)}") from error
