"""The mail server fails, in every way there is: each mail comes all the same, once, when its rest is over.

In the test's own process, whose clock is moved over the rests; how long a silent server is waited for is
tests/contract/test_fault_smtp_adapter.py's.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.mail.smtp import SmtpPost
from functions import services
from sandbox.faults.listed import Part
from sandbox.faults.plan import faults_of
from sandbox.running import running_parts
from tests.walks.in_process import Product, aside, running_product
from tests.walks.world import World

ROOT = Path(__file__).resolve().parents[2]
FAULTS = [fault.name for fault in faults_of(Part.SMTP)]
# The server had accepted it: whoever cannot know sends it once more.
TWICE = "accepted_unheard"
SILENCE_SECONDS = 0.3


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[dict[str, str]]:
    with running_parts(tmp_path) as started:
        yield started


def impatient(product: Product) -> None:
    """The product's mail server is given up after a shorter silence than the product's own."""
    (built,) = services._built
    post = SmtpPost(built.settings, built.rendering, product.now, SILENCE_SECONDS, 2 * SILENCE_SECONDS)
    services._built[:] = [replace(built, ports=replace(built.ports, post=post))]


async def status(world: World, number: str) -> str:
    found = await aside(world.support, order_number=number)
    (mail,) = found["mails"]
    return str(mail["status"])


async def test_each_fault_costs_a_mail_some_time_and_nothing_else(parts: dict[str, str]) -> None:
    settings = Path(parts["settings"])
    async with running_product(settings, ROOT) as product:
        impatient(product)
        document = json.loads(await aside(settings.read_text, encoding="utf-8"))
        world, orders = World(parts, product.address, document, settings), dict[str, Any]()
        for fault in FAULTS:
            customer = await aside(world.customer, "menuiserie-lambert")
            orders[fault] = customer.order
            await aside(world.fault, "smtp", fault, path=customer.order["administrator_email"])
            await aside(world.orders, customer)
        await product.work()
        met = {fault: await status(world, order["order_number"]) for fault, order in orders.items()}
        await product.work(most=timedelta(minutes=2))
        for fault, order in orders.items():
            assert await status(world, order["order_number"]) == "sent", fault
            mails = await aside(world.mails, order["administrator_email"])
            assert len(mails) == (2 if fault == TWICE else 1), fault
            assert len({mail["message_id"] for mail in mails}) == 1
        assert met == dict.fromkeys(FAULTS, "due"), "each fault was met"
        assert (await aside(world.faults))["queued"] == []
