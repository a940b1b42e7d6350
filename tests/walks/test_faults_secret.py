"""Our client secret has expired, or was replaced behind our back: everybody is told that it is for Sage to
act, nothing is noted against the customer, and once it is mended the way goes on by itself.
"""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.local_settings import CLIENT_ID
from sandbox.running import running_parts
from tests.walks.browser import Page, tells
from tests.walks.disturbed import Stand
from tests.walks.in_process import Product, aside, running_product
from tests.walks.people import Person
from tests.walks.world import World

ROOT = Path(__file__).resolve().parents[2]
APP = f"registrations/{CLIENT_ID}"
PAST_THE_LIMIT = timedelta(minutes=40)
# The last look in vain was made at the latest a quarter of the outage ago.
SEEN_AND_TOLD = timedelta(minutes=20)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with running_parts(tmp_path_factory.mktemp("parts"), credential="secret") as started:
        yield started


@pytest.fixture
async def product(parts: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Product]:
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(next(Path(parts["settings"]).parent.rglob("ca*.pem"))))
    async with running_product(Path(parts["settings"]), ROOT) as started:
        assert started.values["MICROSOFT_CLIENT_SECRET"]
        yield started


def found(parts: dict[str, str], address: str) -> World:
    settings = Path(parts["settings"])
    return World(parts, address, json.loads(settings.read_text(encoding="utf-8")), settings)


@pytest.fixture
async def stand(parts: dict[str, str], product: Product) -> AsyncIterator[Stand]:
    """Somebody who has opened the link."""
    world = found(parts, product.address)
    customer = await aside(world.customer, "menuiserie-lambert", language="fr")
    order = await aside(world.orders, customer)
    await product.work()
    stand = Stand(world, customer, order, Person(world, customer.account))
    await aside(stand.person.opens, await aside(world.link, order))
    yield stand
    await aside(mended, stand)


def mended(stand: Stand) -> None:
    """The secret that the product has is good again."""
    url = f"{stand.world.parts['control']}{APP}"
    requests.post(url, json={"reset": True}, timeout=10).raise_for_status()


def is_for_sage(answer: Page) -> bool:
    parts = ("cause", "remedy", "who")
    return answer.status == 502 and all(answer.says(f"answer.our_credential.{part}") for part in parts)


def signs_in(stand: Stand, condition: str) -> None:
    """In vain at first; nobody is known then, and nobody waited for."""
    callback = stand.away("/sign-in")
    stand.world.condition(APP, condition)
    answer = stand.one(callback)
    assert is_for_sage(answer), answer.words
    facts = stand.rows()["facts"]
    assert not {"tenant_id", "signed_in_at", "left_at"} & {name for name, value in facts.items() if value}
    events = stand.world.support(reference=answer.failure_reference)["events"]
    (failed,) = [event for event in events if event["reference"] == answer.failure_reference]
    assert (failed["what"], failed["new"], failed["old"]) == ("failed", "microsoft_refused", "our_credential")
    assert failed["correlation_id"]
    assert tells(failed["answer_in_words"], "answer.our_credential.who")
    mended(stand)
    assert stand.person.signs_in(stand.shown()).is_headed("consent.title")


def consents(stand: Stand, condition: str) -> None:
    """Given at Microsoft's, and not to be seen: it stays awaited, and whoever asks is told why."""
    token = stand.shown().form("/sign-out")
    callback = stand.away("/consent")
    stand.world.condition(APP, condition)
    assert stand.one(callback).status == 303
    assert stand.shown().is_headed("verifying.title")
    asked = stand.press({**token, "": f"{stand.address}/check"})
    assert is_for_sage(asked), asked.words
    require_nothing_against(stand, "access_awaited")


def require_nothing_against(stand: Stand, cause: str) -> dict[str, Any]:
    """The association as support sees it."""
    found = stand.world.support(order_number=stand.order["order_number"])
    consent = found["consent"]
    assert (found["cause"], consent["refused_at"], consent["access_lost_at"]) == (cause, None, None)
    told = {event["what"] for event in found["events"]}
    assert not told & {"consent_refused", "sign_in_refused", "access_missing"}
    return found


def mailed(stand: Stand) -> list[str]:
    """The subjects of all mails after the invitation."""
    _, *mails = stand.world.mails(stand.order["administrator_email"])
    return [mail["subject"] for mail in mails]


@pytest.mark.parametrize("condition", ["secret_expired", "secret_replaced"])
async def test_a_secret_that_microsoft_refuses_is_for_sage_to_mend_and_the_way_goes_on_by_itself(
    stand: Stand, product: Product, condition: str
) -> None:
    await aside(signs_in, stand, condition)
    await aside(consents, stand, condition)
    await product.work(most=PAST_THE_LIMIT)
    found = await aside(require_nothing_against, stand, "access_awaited")
    looked = next(event for event in found["events"] if event["what"] == "looked")
    assert tells(looked["answer_in_words"], "answer.our_credential.cause")
    assert await aside(mailed, stand) == []
    await aside(mended, stand)
    await product.work(most=SEEN_AND_TOLD)
    found = await aside(require_nothing_against, stand, "checks_to_run")
    assert found["consent"]["access_proven_at"]
    (subject,) = await aside(mailed, stand)
    assert tells(subject, "mail.ready.subject")
