"""Whoever waited for Microsoft and has gone is written to: once, with a link that leads on (rule R2)."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sandbox.running import running_parts
from tests.walks.browser import Browser, Page, tells
from tests.walks.in_process import Product, aside, running_product
from tests.walks.people import Person
from tests.walks.world import Customer, World

ROOT = Path(__file__).resolve().parents[2]
SPREADING = 20
# not longer: by a clock moved further than 10 minutes, Microsoft's tokens of today are too old
SEEN_AND_TOLD = timedelta(minutes=4)
WELL_PAST_THE_LIMIT = timedelta(minutes=25)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with running_parts(tmp_path_factory.mktemp("parts")) as started:
        yield started


@pytest.fixture
async def product(parts: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Product]:
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(next(Path(parts["settings"]).parent.rglob("ca*.pem"))))
    async with running_product(Path(parts["settings"]), ROOT) as started:
        yield started


@pytest.fixture
def world(parts: dict[str, str], product: Product) -> World:
    settings = Path(parts["settings"])
    return World(parts, product.address, json.loads(settings.read_text(encoding="utf-8")), settings)


async def waiting(world: World, product: Product) -> Customer:
    """A customer whose administrator has consented, to a tenant where it spreads slowly, and has gone."""
    customer: Customer = await aside(world.customer, "mont-blanc-outdoor")
    order = await aside(world.orders, customer)
    await product.work()
    person = Person(world, customer.account, Browser())
    page = await aside(person.walks_to_the_end, await aside(world.link, order))
    assert page.is_headed("verifying.title", "en")
    return customer


async def only_mail(world: World, customer: Customer, kind: str, language: str = "en") -> dict[str, Any]:
    """The one mail besides the invitation."""
    _, *mails = await aside(world.mails, customer.order["administrator_email"])
    (mail,) = mails
    assert tells(mail["subject"], f"mail.{kind}.subject", language)
    assert tells(mail["text"], f"mail.{kind}.access", language)
    return dict(mail)


async def test_once_it_is_ready_the_mail_leads_to_the_last_press(world: World, product: Product) -> None:
    customer = await waiting(world, product)
    await product.work(most=timedelta(seconds=10))
    await aside(world.advance_microsoft, SPREADING)
    await product.work(most=SEEN_AND_TOLD)
    mail = await only_mail(world, customer, "ready")
    person = Person(world, customer.account, Browser())
    page = await aside(person.opens, next(link for link in mail["links"] if "/a?k=" in link))
    page = await aside(person.signs_in, page)
    assert page.is_headed("prerequisites.ready", "en")
    assert (await aside(person.checks_again, page)).is_headed("done.title", "en")
    await product.work(most=WELL_PAST_THE_LIMIT)
    mails = await aside(world.mails, customer.order["administrator_email"])
    assert [tells(each["subject"], "mail.ready.subject", "en") for each in mails] == [False, True, False]


async def test_what_never_comes_is_told_at_the_limit_and_asked_for_again(
    world: World, product: Product
) -> None:
    customer = await waiting(world, product)
    await product.work(most=WELL_PAST_THE_LIMIT)
    mail = await only_mail(world, customer, "late")
    person = Person(world, customer.account, Browser())
    page = await aside(person.opens, next(link for link in mail["links"] if "/a?k=" in link))
    page = await aside(person.signs_in, page)
    assert page.is_headed("consent.access_missing", "en")
    assert page.offers("button.authorise", "en")
    found = await of(world, customer)
    assert (found["cause"], found["mails"][-1]["status"]) == ("access_missing", "sent")


async def switched_off(world: World, product: Product) -> tuple[Customer, Person, Page]:
    """A customer who consented to an application that their organisation has switched off; the person, and
    the page then.
    """
    customer: Customer = await aside(world.customer, "menuiserie-lambert")
    subject = f"tenants/{customer.tenant}"
    await aside(partial(world.condition, subject, "application_disabled"))
    order = await aside(world.orders, customer)
    await product.work()
    person = Person(world, customer.account, Browser())
    return customer, person, await aside(person.walks_to_the_end, await aside(world.link, order))


async def test_what_the_organisation_itself_refuses_is_told_to_everybody_who_can_act(
    world: World, product: Product
) -> None:
    customer, _, page = await switched_off(world, product)
    assert page.is_headed("verifying.refused")
    assert page.says("answer.disabled.remedy")
    assert page.offers("button.check_again")
    await product.work(most=timedelta(seconds=30))
    found = await of(world, customer)
    assert (found["cause"], found["who"]) == ("access_refused", "administrator")
    assert tells(found["consent"]["access_refusal_in_words"], "answer.disabled.cause")
    told = [event for event in found["events"] if event["what"] in ("consent_returned", "looked")]
    assert [bool(event["correlation_id"]) for event in told] == [True, True]
    assert all(tells(event["answer_in_words"], "answer.disabled.cause") for event in told)
    await product.work(most=WELL_PAST_THE_LIMIT)
    mail = await only_mail(world, customer, "late", "fr")
    assert tells(mail["text"], "answer.disabled.remedy")
    assert tells((await of(world, customer))["consent"]["access_refusal_in_words"], "answer.disabled.cause")


async def test_what_the_organisation_opens_again_goes_on_with_a_press(world: World, product: Product) -> None:
    customer, person, page = await switched_off(world, product)
    assert page.is_headed("verifying.refused")
    await aside(partial(world.change_tenant, customer.tenant, lift="application_disabled"))
    assert (await aside(person.checks_again, page)).is_headed("done.title")
    assert (await of(world, customer))["consent"]["access_refusal"] == ""


async def of(world: World, customer: Customer) -> dict[str, Any]:
    return dict(await aside(world.support, order_number=customer.order["order_number"]))
