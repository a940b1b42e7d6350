"""For whoever has no link that opens: a new one by mail; and for everybody: what is kept of them."""

import re
from ipaddress import ip_address, ip_network
from typing import Any

import azure.functions as func

from association.errors import RequestInvalidError
from association.keys import read_reference
from association.ports import Ports
from association.session import IDLE, LONGEST
from functions.services import rendering, services
from functions.web import responses
from functions.web.boundary import pages
from functions.web.browser import (
    FLOW_COOKIE_SECONDS,
    VISIT_LASTS,
    Visit,
    cookies,
    form_token,
    query,
    read_form,
)
from functions.web.language import language_for, switch
from functions.web.next_step import NEW_LINK

bp = func.Blueprint()
GET = ["GET", "HEAD"]
COOKIE = "new-link"
NONCE = re.compile(r"[A-Za-z0-9_-]{43}")


@bp.function_name("links_new_link")
@bp.route("new-link", methods=GET, auth_level=func.AuthLevel.ANONYMOUS)
@pages
async def new_link(req: func.HttpRequest) -> func.HttpResponse:
    """« Recevoir un nouveau lien »: the question, or what happens now that it has been asked."""
    asked = query(req)
    typed = read_reference(asked.get("reference", ""))
    return _new_link(req, services().ports, typed=typed, sent="sent" in asked)


@bp.function_name("links_ask_new_link")
@bp.route("new-link", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@pages
async def ask(req: func.HttpRequest) -> func.HttpResponse:
    """The same answer whatever was found: the way to the page that says so (rule S7)."""
    from association.new_link import ask_new_link, read_asked

    ports = services().ports
    typed = read_form(req, ports, None, _visit(_nonce(req))).get("asked", "")
    try:
        asked = read_asked(ports.keys, typed)
    except RequestInvalidError as error:
        return _new_link(req, ports, typed=typed, problem=error.problems["asked"])
    await ask_new_link(ports, asked, _caller(req, ports.settings.front_door_id))
    return responses.redirect(f"{NEW_LINK}?sent=1", ports.settings)


@bp.function_name("links_privacy")
@bp.route("privacy", methods=GET, auth_level=func.AuthLevel.ANONYMOUS)
@pages
async def privacy(req: func.HttpRequest) -> func.HttpResponse:
    """What is kept, why, how long, who sees it, and how to have it erased (rule S11)."""
    ports = services().ports
    return _show(
        req,
        ports,
        "privacy",
        link_days=ports.settings.link_days,
        share_days=ports.settings.share_days,
        retention_days=ports.settings.retention_days,
        idle_minutes=int(IDLE.total_seconds() // 60),
        session_hours=int(LONGEST.total_seconds() // 3600),
        visit_hours=int(VISIT_LASTS.total_seconds() // 3600),
        flow_minutes=FLOW_COOKIE_SECONDS // 60,
    )


def _new_link(
    req: func.HttpRequest, ports: Ports, *, typed: str, problem: str = "", sent: bool = False
) -> func.HttpResponse:
    nonce = _nonce(req) or ports.token()
    token = form_token(ports, None, _visit(nonce))
    values = {"typed": typed, "problem": problem, "sent": sent, "form_token": token}
    response = _show(req, ports, "new_link", 400 if problem else 200, **values)
    return responses.set_cookie(response, COOKIE, nonce, int(VISIT_LASTS.total_seconds()), ports.settings)


def _show(
    req: func.HttpRequest, ports: Ports, name: str, status: int = 200, **values: Any
) -> func.HttpResponse:
    language, settings = language_for(req), ports.settings
    html = rendering().page(
        name,
        language,
        company_name="",
        support_phone=settings.support_phone,
        support_email=settings.support_email,
        switch=switch(req, language, NEW_LINK),
        **values,
    )
    return responses.page(html, settings, status)


def _nonce(req: func.HttpRequest) -> str:
    """What the form is bound to: this page's own cookie; "" where the browser has none of ours."""
    found = cookies(req).get(COOKIE, "")
    return found if NONCE.fullmatch(found) else ""


def _visit(nonce: str) -> Visit | None:
    """The browser at this page, which opened no link: its forms are bound to the page's own cookie."""
    return Visit(association_id="", number=0, until=0, nonce=f"{COOKIE}.{nonce}") if nonce else None


def _caller(req: func.HttpRequest, front_door_id: str) -> str:
    """The caller's network, as Azure's own front end tells it: the address (IPv6: its /64), or "" if unknown.

    Our own Front Door, known by its id, sets X-Azure-ClientIP; from anybody else it is the caller's word.
    App Service appends `address:port` to whatever the caller itself wrote into X-Forwarded-For, so that only
    the last one can be believed.
    https://learn.microsoft.com/azure/frontdoor/front-door-http-headers-protocol
    """
    ours = front_door_id and req.headers.get("x-azure-fdid", "").lower() == front_door_id
    named = req.headers.get("x-azure-clientip" if ours else "x-forwarded-for", "")
    last = named.rpartition(",")[2].strip()
    bare = last.rpartition(":")[0] if "]:" in last or last.count(":") == 1 else last
    try:
        address = ip_address(bare.strip("[]"))
    except ValueError:
        return ""
    return str(address) if address.version == 4 else str(ip_network((address, 64), strict=False))
