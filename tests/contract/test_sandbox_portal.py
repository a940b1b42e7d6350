"""The sandbox's portal by itself: what depends on the product's keys, and the forwarding of consents."""

import asyncio
import json
import socket
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from adapters.portal import PortalSignature
from sandbox.credentials import new_portal_key
from sandbox.portal import portal_app


@dataclass
class Site:
    """The portal at `portal`, and at `product` somebody who publishes `keys`, as they are at that moment."""

    product: str
    portal: str
    session: aiohttp.ClientSession
    keys: dict[str, Any] = field(default_factory=dict)
    status: int = 200

    async def published(self, _: web.Request) -> web.Response:
        text = json.dumps(self.keys)
        return web.Response(text=text, status=self.status, content_type="application/jwk-set+json")

    async def shown(self, signature: PortalSignature) -> tuple[int, str]:
        """The answer to a good token of `signature`: its status, and the page."""
        now = int(time.time())
        names = {name: uuid.uuid4().hex for name in ("sub", "tid", "oid", "jti")}
        times = {"iat": now, "exp": now + 60}
        token = signature.sign({"iss": self.product, "aud": self.portal, **names, **times})
        target = f"{self.portal}/association"
        async with self.session.post(target, data={"token": token}, allow_redirects=False) as answer:
            return answer.status, await answer.text()


def bound_socket() -> tuple[socket.socket, str]:
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    return taken, f"http://localhost:{taken.getsockname()[1]}"


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    (product_socket, product), (portal_socket, portal) = bound_socket(), bound_socket()
    async with aiohttp.ClientSession() as session:
        site = Site(product, portal, session)
        publishing = web.Application()
        publishing.router.add_get("/.well-known/jwks.json", site.published)
        runners = [web.AppRunner(app, access_log=None) for app in (publishing, portal_app(product, portal))]
        for runner, bound in zip(runners, (product_socket, portal_socket), strict=True):
            await runner.setup()
            await web.SockSite(runner, bound).start()
        yield site
        for runner in runners:
            await runner.cleanup()


async def test_a_new_key_is_known_as_soon_as_it_is_published_beside_the_old(site: Site) -> None:
    old, new = new_portal_key(), new_portal_key()
    site.keys = PortalSignature(old).jwks()
    assert (await site.shown(PortalSignature(old)))[0] == 303
    rotating = PortalSignature(new + old)
    assert (await site.shown(rotating))[0] == 403
    site.keys = rotating.jwks()
    assert (await site.shown(rotating))[0] == 303
    assert (await site.shown(PortalSignature(old)))[0] == 303
    site.keys = PortalSignature(new).jwks()
    status, page = await site.shown(PortalSignature(old))
    assert (status, "unknown_kid" in page) == (403, True)


async def test_keys_that_cannot_be_read_are_told_apart_from_a_refusal(site: Site) -> None:
    signature = PortalSignature(new_portal_key())
    site.keys, site.status = signature.jwks(), 503
    status, page = await site.shown(signature)
    assert (status, "keys_unreachable" in page) == (502, True)
    site.keys, site.status = {"error": "x"}, 200
    assert (await site.shown(signature))[0] == 502


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?",
        "?admin_consent=True&tenant=a&state=b",
        "?a=%c3%A9+%20&&b=1&b=2;c=%2F/?=&d=%",
        "?error_description=AADSTS650051%3a+x%0d%0aSet-Cookie%3A%20y",
    ],
)
async def test_a_consent_is_forwarded_with_its_query_byte_for_byte(site: Site, query: str) -> None:
    host, port = site.portal.removeprefix("http://").split(":")
    request = f"GET /consent/forward{query} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request.encode())
    lines = (await reader.read()).decode().split("\r\n")
    writer.close()
    await writer.wait_closed()
    assert lines[0].startswith("HTTP/1.1 302")
    assert f"Location: {site.product}/consent/callback{query}" in lines
    assert not [line for line in lines if line.startswith("Set-Cookie")]


async def test_without_an_arrival_the_portal_says_how_one_enters(site: Site) -> None:
    for path, words in {"/": "Personne n’est arrivé", "/connector": "poste serveur"}.items():
        async with site.session.get(site.portal + path) as answer:
            assert answer.status == 200
            assert words in await answer.text()
