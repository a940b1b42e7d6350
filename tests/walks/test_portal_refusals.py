"""What the portal refuses, and that its page says why: tokens signed here, posted as by a browser."""

import base64
import json
import time
import uuid
from typing import Any

import jwt
import pytest

from adapters.portal import PortalSignature
from sandbox.credentials import new_portal_key
from tests.walks.browser import Browser, Page
from tests.walks.world import World


def claims(world: World, **changes: Any) -> dict[str, Any]:
    """What the product would say of somebody; a change to None leaves the claim out."""
    now = int(time.time())
    usual = {
        "iss": world.host,
        "aud": world.parts["portal"].rstrip("/"),
        "sub": uuid.uuid4().hex,
        "tid": str(uuid.uuid4()),
        "oid": str(uuid.uuid4()),
        "jti": uuid.uuid4().hex,
        "iat": now,
        "exp": now + 60,
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def signed(world: World, **changes: Any) -> str:
    """A token with the product's own key."""
    return PortalSignature(world.settings["Values"]["PORTAL_SIGNING_KEY"]).sign(claims(world, **changes))


def kid(world: World) -> str:
    (key,) = PortalSignature(world.settings["Values"]["PORTAL_SIGNING_KEY"]).jwks()["keys"]
    return str(key["kid"])


def shown(world: World, token: str, **more: str) -> Page:
    """Where a browser ends that posts `token` to the portal."""
    return Browser().post(f"{world.parts['portal']}association", {"token": token, **more})


def refused(page: Page, reason: str) -> Page:
    """The page, if it refuses for that reason."""
    assert (page.status, page.heading) == (403, "Entrée refusée")
    assert page.document.xpath("//dd/code/text()")[0] == reason
    assert page.offers("button.continue")
    return page


def test_what_the_product_signs_is_let_in(world: World) -> None:
    said = claims(world)
    token = PortalSignature(world.settings["Values"]["PORTAL_SIGNING_KEY"]).sign(said)
    page = shown(world, token)
    assert (page.status, page.url) == (200, world.parts["portal"])
    for name in ("sub", "tid", "oid"):
        assert said[name] in page.words


def test_another_key_is_refused(world: World) -> None:
    key = new_portal_key()
    refused(shown(world, PortalSignature(key).sign(claims(world))), "unknown_kid")
    # under the name of the product's key
    token = jwt.encode(claims(world), key, algorithm="ES256", headers={"kid": kid(world)})
    refused(shown(world, token), "signature")


def test_a_changed_token_is_refused(world: World) -> None:
    header, _, signature = signed(world).split(".")
    body = base64.urlsafe_b64encode(json.dumps(claims(world)).encode()).decode().rstrip("=")
    refused(shown(world, f"{header}.{body}.{signature}"), "signature")


def test_another_audience_is_refused(world: World) -> None:
    page = refused(shown(world, signed(world, aud="https://portal.example")), "audience")
    assert "https://portal.example" in page.words
    refused(shown(world, signed(world, aud=[claims(world)["aud"]])), "audience")
    refused(shown(world, signed(world, aud=None)), "claim")


def test_another_issuer_is_refused(world: World) -> None:
    refused(shown(world, signed(world, iss="https://association.example")), "issuer")


def test_an_expired_token_is_refused(world: World) -> None:
    now = int(time.time())
    refused(shown(world, signed(world, iat=now - 60, exp=now)), "expired")


def test_a_token_of_the_future_is_refused(world: World) -> None:
    now = int(time.time())
    refused(shown(world, signed(world, iat=now + 30, exp=now + 90)), "not_yet")


def test_a_jti_that_was_seen_is_refused(world: World) -> None:
    token = signed(world)
    assert shown(world, token).status == 200
    refused(shown(world, token), "seen")
    said = claims(world)
    assert shown(world, signed(world, jti=said["jti"])).status == 200
    refused(shown(world, signed(world, jti=said["jti"])), "seen")


def test_a_refused_token_does_not_use_up_its_jti(world: World) -> None:
    said = claims(world)
    refused(shown(world, signed(world, jti=said["jti"], aud="https://portal.example")), "audience")
    assert shown(world, signed(world, jti=said["jti"])).status == 200


@pytest.mark.parametrize("name", ["sub", "tid", "oid", "jti", "iat", "exp", "iss"])
def test_a_token_without_one_of_the_claims_is_refused(world: World, name: str) -> None:
    refused(shown(world, signed(world, **{name: None})), "claim")


def test_a_token_without_a_signature_is_refused(world: World) -> None:
    for headers in ({}, {"kid": kid(world)}):
        token = jwt.encode(claims(world), "", algorithm="none", headers=headers)
        refused(shown(world, token), "algorithm")


def test_a_signature_with_the_public_key_as_a_password_is_refused(world: World) -> None:
    (key,) = PortalSignature(world.settings["Values"]["PORTAL_SIGNING_KEY"]).jwks()["keys"]
    token = jwt.encode(
        claims(world), (key["x"] + key["y"]).encode(), algorithm="HS256", headers={"kid": key["kid"]}
    )
    refused(shown(world, token), "algorithm")


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é.é.é", "x" * 5000])
def test_what_is_no_token_is_refused(world: World, token: str) -> None:
    refused(shown(world, token), "malformed")


@pytest.mark.parametrize("reference", ["", "//evil.example", "K7QF-2MPD/../..", "K7QF-2MPD\n"])
def test_the_way_back_leads_to_the_product_whatever_was_posted(world: World, reference: str) -> None:
    page = refused(shown(world, "x", reference=reference), "malformed")
    assert page.document.xpath("//a/@href") == [f"{world.host}/"]
    page = refused(shown(world, "x", reference="K7QF-2MPD"), "malformed")
    assert page.document.xpath("//a/@href") == [f"{world.host}/a/K7QF-2MPD"]
