"""How often a page waits for storage (rule P3)."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.running import running_parts
from tests.walks.browser import Browser
from tests.walks.in_process import Product, aside, running_product
from tests.walks.people import Person
from tests.walks.world import World

ROOT = Path(__file__).resolve().parents[2]
APPLICATION = json.loads((ROOT / "sandbox/applications.json").read_text(encoding="utf-8"))[0]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with running_parts(tmp_path_factory.mktemp("parts")) as started:
        yield started


@pytest.fixture
async def product(parts: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Product]:
    settings = Path(parts["settings"])
    for name, value in _values(settings).items():
        if name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.setenv(name, value)
    listed = json.dumps([APPLICATION])
    async with running_product(settings, ROOT, FURTHER_APPLICATIONS=listed) as started:
        yield started


def _settings(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text(encoding="utf-8")))


def _values(file: Path) -> dict[str, str]:
    return dict(_settings(file)["Values"])


class Measured(Browser):
    """A browser that notes the storage round trips of each answer by its path."""

    def __init__(self, product: Product) -> None:
        super().__init__()
        self.product = product
        self.trips: dict[str, int] = {}

    def hold(self, url: str, *arguments: Any, **named: Any) -> requests.Response:
        self.product.storage.pause = 0.4 if "/callback?" in url else 0.0
        self.product.storage.spans.clear()
        response = super().hold(url, *arguments, **named)
        path = url.partition("?")[0].removeprefix(self.product.address)
        self.trips[path] = max(self.trips.get(path, 0), self.product.storage.round_trips())
        return response


async def test_a_page_waits_for_storage_twice_at_most_and_the_consent_callback_five_times(
    parts: dict[str, str], product: Product
) -> None:
    settings = Path(parts["settings"])
    world = World(parts, product.address, _settings(settings), settings)
    customer = await aside(world.customer, "menuiserie-lambert")
    order = await aside(world.orders, customer)
    await product.work()
    browser = Measured(product)
    link = await aside(world.link, order)
    person = Person(world, customer.account, browser)
    page = await aside(person.walks_to_the_end, link)
    page = await aside(person.authorises, page, APPLICATION["key"])
    assert page.is_headed("done.title")
    await aside(browser.open, f"{page.url}/sage-contact.xml")

    assert browser.trips["/a"] == 1
    assert browser.trips[f"/a/{order['reference']}"] == 1
    assert browser.trips[f"/a/{order['reference']}/sage-contact.xml"] == 1
    assert browser.trips["/consent/callback"] <= 5
