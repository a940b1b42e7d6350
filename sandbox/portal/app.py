"""The portal's addresses: arrivals, the forwarded consent, the connector's page, the task pane."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sandbox.portal.verification import RefusedError, Verifier

_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=True, undefined=StrictUndefined
)
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_TENANT_CHARACTERS = 64
_REFERENCE = re.compile(r"[0-9A-Z]{4}-[0-9A-Z]{4}")
_SESSION = "sandbox-portal"
_KEYS_SECONDS = 5.0


def portal_app(product: str, portal: str) -> web.Application:
    """The application; `product` and `portal` are the origins of the product and of this portal.

    It loads nothing from outside but the product's keys.
    """
    served = _Portal(product, portal)
    app = web.Application()
    app.router.add_get("/", served.landing)
    app.router.add_post("/association", served.arrive)
    app.router.add_get("/consent/forward", served.forward)
    app.router.add_get("/connector", _connector)
    app.router.add_get("/sage-contact/taskpane.html", _task_pane)
    return app


class _Portal:
    def __init__(self, product: str, portal: str) -> None:
        self._product = product
        self._verifier = Verifier(product, portal)
        self._arrived: dict[str, dict[str, Any]] = {}

    async def landing(self, request: web.Request) -> web.Response:
        """The page for whoever has arrived, or the plain one."""
        return _page("landing.html", arrived=self._arrived.get(request.cookies.get(_SESSION, "")))

    async def arrive(self, request: web.Request) -> web.Response:
        """Verify the hand-over, open a session of the portal's own, and leave the POST behind."""
        form = await request.post()
        reference = str(form.get("reference", ""))
        try:
            claims = self._verifier.verify(str(form.get("token", "")), await self._keys())
        except RefusedError as refused:
            # not signed, so good for an address of the product's and nothing else
            back = f"a/{reference}" if _REFERENCE.fullmatch(reference) else ""
            values = {"reason": refused.reason, "found": refused.found, "back": f"{self._product}/{back}"}
            return _page("refused.html", 502 if refused.reason == "keys_unreachable" else 403, **values)
        session = secrets.token_urlsafe(32)
        self._arrived[session] = claims
        response = web.Response(status=303, headers={"Location": "/", "Cache-Control": "no-store"})
        response.set_cookie(_SESSION, session, max_age=3600, httponly=True, samesite="Lax")
        return response

    async def forward(self, request: web.Request) -> web.Response:
        """Microsoft's consent redirect on to the product, its query as it came, byte for byte."""
        _, mark, query = request.raw_path.partition("?")
        location = f"{self._product}/consent/callback{mark}{query}"
        return web.Response(status=302, headers={"Location": location, "Cache-Control": "no-store"})

    async def _keys(self) -> list[dict[str, Any]]:
        """The product's published keys, read each time: who changes them here wants to see it at once."""
        timeout = aiohttp.ClientTimeout(total=_KEYS_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as session,
                session.get(f"{self._product}/.well-known/jwks.json") as answer,
            ):
                document = await answer.json()
            return list(document["keys"])
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError):
            raise RefusedError("keys_unreachable") from None


async def _connector(_: web.Request) -> web.Response:
    return _page("connector.html")


async def _task_pane(request: web.Request) -> web.Response:
    return _page("taskpane.html", tenant=request.query.get("tenant", "")[:_TENANT_CHARACTERS])


def _page(name: str, status: int = 200, **values: object) -> web.Response:
    text = _PAGES.get_template(name).render(values)
    return web.Response(text=text, status=status, content_type="text/html", headers=_HEADERS)
