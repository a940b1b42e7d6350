"""The way to Sage Business Centre: handed over with a signed token, never by an address."""

from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sandbox.credentials import new_portal_key
from tests.walks.browser import Page
from tests.walks.people import Person
from tests.walks.test_link import failure
from tests.walks.world import World, query_of, running_world

FORWARD = "consent/forward"


def finished(world: World) -> tuple[Person, Page]:
    """Somebody who has just associated their organisation, and the page they see."""
    customer = world.customer("menuiserie-lambert")
    person = Person(world, customer.account)
    return person, person.walks_to_the_end(world.invites(customer))


def handed_over(person: Person, page: Page) -> Page:
    """Press « Ouvrir Sage Business Centre »: the page that hands the person over."""
    return person.browser.submit(page, "/portal")


def arrives(person: Person, page: Page) -> Page:
    """Press the one button of the hand-over's page."""
    return person.browser.submit(page, "/association")


def told(page: Page) -> dict[str, Any]:
    """The claims in a hand-over's page, unverified."""
    claims: dict[str, Any] = jwt.decode(
        page.form("/association")["token"], options={"verify_signature": False}
    )
    return claims


def test_the_administrator_arrives_in_the_portal_that_verified_them(world: World) -> None:
    person, page = finished(world)
    page = handed_over(person, page)
    assert page.status == 200
    assert page.headers["cache-control"] == "no-store"
    assert page.is_headed("handover.title")
    assert page.offers("button.continue_to_portal")
    claims, fields = told(page), page.form("/association")
    assert set(fields) == {"", "token", "reference"}
    assert fields[""] == f"{world.parts['portal']}association"

    page = arrives(person, page)
    assert (page.url, page.status) == (world.parts["portal"], 200)
    for name in ("sub", "tid", "oid"):
        assert claims[name] in page.words
    for text in (fields["token"], claims["jti"]):
        assert not [url for url in person.browser.visited if text in url]
        assert text not in world.logged()
        assert text not in str(world.rows("associations", claims["sub"]))


def test_the_token_is_about_the_bound_tenant_the_session_s_person_and_one_minute(world: World) -> None:
    person, page = finished(world)
    claims = told(handed_over(person, page))
    found = world.support(reference=page.url.rpartition("/")[2])
    assert (claims["iss"], claims["aud"]) == (world.host, world.parts["portal"].rstrip("/"))
    assert (claims["tid"], claims["exp"] - claims["iat"]) == (found["tenant_id"], 60)
    users = [
        user["id"]
        for tenant in requests.get(f"{world.parts['control']}tenants", timeout=10).json()
        for user in tenant["users"]
        if tenant["tenant_id"] == claims["tid"]
    ]
    assert claims["oid"] in users


def test_the_history_names_who_was_handed_over(world: World) -> None:
    person, page = finished(world)
    claims = told(handed_over(person, page))
    rows = world.rows("associations", claims["sub"])
    (event,) = [row for row in rows if row.get("what") == "handed_over"]
    (signed_in, *_) = [row for row in rows if row.get("what") == "signed_in"]
    assert event["actor"] == signed_in["actor"] > 0


def test_the_same_hand_over_twice_is_refused_and_a_new_one_is_not(world: World) -> None:
    person, done = finished(world)
    page = handed_over(person, done)
    arrives(person, page)
    refused = arrives(person, page)
    assert (refused.status, refused.heading) == (403, "Entrée refusée")
    assert "déjà été présentée" in refused.words
    assert f'href="{done.url}"' in refused.text
    assert arrives(person, handed_over(person, done)).status == 200


def test_before_the_binding_the_portal_stays_shut(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    person = Person(world, customer.account)
    page = person.signs_in(person.opens(world.invites(customer)))
    token = page.form("/consent")["form_token"]
    stopped = person.browser.post(f"{page.url}/portal", {"form_token": token}, Origin=world.host)
    assert failure(stopped, 409, "not_bound").offers("button.continue")


def test_without_a_session_nobody_is_handed_over(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    link = world.invites(customer)
    Person(world, customer.account).walks_to_the_end(link)
    reader = Person(world, "")
    page = reader.opens(link)
    token = page.form("/sign-in")["form_token"]
    stopped = reader.browser.post(f"{page.url}/portal", {"form_token": token}, Origin=world.host)
    failure(stopped, 403, "session_missing")


def test_another_site_s_form_hands_nobody_over(world: World) -> None:
    person, page = finished(world)
    fields = page.form("/portal")
    target = fields.pop("")
    for sent, origin in ((fields, "https://angreifer.example"), ({"form_token": "x"}, world.host)):
        failure(person.browser.post(target, sent, Origin=origin), 403, "form_forged")


def test_the_keys_are_published_without_their_private_part(world: World) -> None:
    answer = requests.get(f"{world.host}/.well-known/jwks.json", timeout=10)
    assert answer.headers["Content-Type"].startswith("application/jwk-set+json")
    assert answer.headers["Cache-Control"] == "public, max-age=600"
    (key,) = answer.json()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "use", "alg", "kid"}
    assert requests.head(f"{world.host}/.well-known/jwks.json", timeout=10).status_code == 200


@pytest.fixture(scope="module")
def forwarding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A product whose consents come back by way of the portal, and that is between two signing keys."""
    folder = tmp_path_factory.mktemp("forwarding")
    with running_world(
        folder,
        CONSENT_REDIRECT_URI=lambda parts: parts["portal"] + FORWARD,
        PORTAL_SIGNING_KEY=new_portal_key() + new_portal_key(),
    ) as started:
        yield started


def test_a_consent_that_the_portal_forwards_ends_like_any_other(forwarding: World) -> None:
    person, page = finished(forwarding)
    assert page.is_headed("done.title")
    (by_portal,) = [url for url in person.browser.visited if f"/{FORWARD}?" in url]
    (to_us,) = [url for url in person.browser.visited if "/consent/callback?" in url]
    assert by_portal.startswith(forwarding.parts["portal"])
    assert query_of(by_portal) == query_of(to_us) != {}


def test_a_refusal_that_the_portal_forwards_is_one_too(forwarding: World) -> None:
    customer = forwarding.customer("menuiserie-lambert")
    person = Person(forwarding, customer.account)
    page = person.signs_in(person.opens(forwarding.invites(customer)))
    page = person.consents(page, "cancel")
    assert page.url.startswith(f"{forwarding.host}/a/")
    assert page.is_headed("consent.refused")
    assert person.consents(page).is_headed("done.title")


def test_with_two_keys_both_are_published_and_the_first_one_s_signature_is_accepted(
    forwarding: World,
) -> None:
    person, page = finished(forwarding)
    page = handed_over(person, page)
    published = requests.get(f"{forwarding.host}/.well-known/jwks.json", timeout=10).json()["keys"]
    assert len({key["kid"] for key in published}) == 2
    header = jwt.get_unverified_header(page.form("/association")["token"])
    assert header["kid"] == published[0]["kid"]
    assert arrives(person, page).url == forwarding.parts["portal"]


@pytest.fixture(scope="module")
def keyless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A product whose portal key is whole, but an RSA key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with running_world(tmp_path_factory.mktemp("keyless"), PORTAL_SIGNING_KEY=text) as started:
        yield started


def test_a_key_that_cannot_sign_stops_the_hand_over_and_nothing_else(keyless: World) -> None:
    person, page = finished(keyless)
    assert page.is_headed("done.title")
    assert person.browser.open(f"{page.url}/sage-contact.xml").status == 200
    stopped = failure(handed_over(person, page), 503, "portal_unavailable")
    assert stopped.offers("button.continue")
    assert stopped.failure_reference in keyless.logged()
    assert "PRIVATE KEY" not in keyless.logged() + stopped.text
    keys = requests.get(f"{keyless.host}/.well-known/jwks.json", timeout=10)
    assert (keys.status_code, keys.json()["code"]) == (503, "portal_unavailable")


def test_a_key_that_cannot_sign_is_told_by_health(keyless: World) -> None:
    details = keyless.get("/health/details").json()
    assert (details["status"], details["portal_key"]) == ("warning", "unavailable")
