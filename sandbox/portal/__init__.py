"""A stand-in for Sage Business Centre and for the Sage Contact task pane.

The landing page is a plain page; that it shows who arrived is not built yet. The same application is served
over http (the portal) and https (Outlook opens a task pane over https only).
"""

from __future__ import annotations

from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=True, undefined=StrictUndefined
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_TENANT_CHARACTERS = 64


def portal_app() -> web.Application:
    """The pages `/` and `/sage-contact/taskpane.html?tenant=…`; neither loads anything."""
    app = web.Application()
    app.router.add_get("/", _landing)
    app.router.add_get("/sage-contact/taskpane.html", _task_pane)
    return app


async def _landing(_: web.Request) -> web.Response:
    return _page("landing.html")


async def _task_pane(request: web.Request) -> web.Response:
    return _page("taskpane.html", tenant=request.query.get("tenant", "")[:_TENANT_CHARACTERS])


def _page(name: str, **values: str) -> web.Response:
    headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}
    return web.Response(
        text=_PAGES.get_template(name).render(values), content_type="text/html", headers=headers
    )
