"""The add-in file, its guide for users and administrator, the share link to both, and the pages' assets."""

import asyncio
from pathlib import PurePosixPath

import azure.functions as func

from association.errors import NotBoundError, PageUnknownError, RequestInvalidError, ShareEndedError
from association.facts import Facts
from association.keys import read_reference, reference_of
from association.links import find_share
from association.ports import Ports
from association.session import Session
from association.share import ShareState, renew_own_share, revoke_share, share_state
from functions.services import asset, rendering, services
from functions.web import responses
from functions.web.boundary import pages
from functions.web.browser import query, read_visit, set_session, set_visit
from functions.web.language import language_for_users, switch
from functions.web.visitor import Visitor, enter

bp = func.Blueprint()
GET = ["GET", "HEAD"]
SHARED = "addin-"
A_DAY = "public, max-age=86400"


@bp.function_name("addin_own_file")
@bp.route("a/{reference}/sage-contact.xml", methods=GET, auth_level=func.AuthLevel.ANONYMOUS)
@pages
async def own_file(req: func.HttpRequest) -> func.HttpResponse:
    """The add-in file for the administrator's session, of the tenant that is bound and no other."""
    visitor = await enter(req, services().ports)
    _bound_session(visitor)
    return _file(req, visitor.ports, visitor.facts)


@bp.function_name("addin_own_guide")
@bp.route("a/{reference}/guide", methods=GET, auth_level=func.AuthLevel.ANONYMOUS)
@pages
async def own_guide(req: func.HttpRequest) -> func.HttpResponse:
    """The guide for the administrator's session, with the way for a whole organisation opened."""
    visitor = await enter(req, services().ports)
    session = _bound_session(visitor)
    response = _guide(req, visitor.ports, visitor.facts, visitor.language, visitor.path)
    return set_session(response, visitor.ports, visitor.facts.reference, session)


@bp.function_name("addin_renew")
@bp.route("a/{reference}/renew", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@pages
async def renew(req: func.HttpRequest) -> func.HttpResponse:
    """The share link replaced or revoked: the one that the page showed by its number, so once."""
    visitor = await enter(req, services().ports)
    form = await visitor.read_form(req)
    session = _bound_session(visitor)
    wish = {"renew": renew_own_share, "revoke": revoke_share}.get(form.get("share", ""))
    if wish is None or not form.get("number", "").isdecimal():
        raise RequestInvalidError({"share": "not_a_number"})
    await wish(visitor.ports, visitor.record, session, int(form["number"]))
    return responses.redirect(f"{visitor.path}#share", visitor.ports.settings)


@bp.function_name("addin_link")
@bp.route("addin", methods=GET, auth_level=func.AuthLevel.ANONYMOUS)
@pages
async def open_share_link(req: func.HttpRequest) -> func.HttpResponse:
    """The share link: leave a visit in the browser, the token out of the address bar."""
    ports = services().ports
    link = await find_share(ports, query(req).get("k", ""))
    reference = reference_of(link.association_id)
    response = responses.redirect(f"/addin/guide?of={reference}", ports.settings)
    return set_visit(req, response, ports, f"{SHARED}{reference}", link)


@bp.function_name("addin_guide")
@bp.route("addin/guide", methods=GET, auth_level=func.AuthLevel.ANONYMOUS)
@pages
async def guide(req: func.HttpRequest) -> func.HttpResponse:
    """The guide for a user who opened the share link: what the file is, and how Outlook takes it."""
    ports = services().ports
    facts = await _shared(req, ports)
    return _guide(req, ports, facts, language_for_users(req, facts.language), "")


@bp.function_name("addin_shared_file")
@bp.route("addin/sage-contact.xml", methods=GET, auth_level=func.AuthLevel.ANONYMOUS)
@pages
async def shared_file(req: func.HttpRequest) -> func.HttpResponse:
    """The add-in file for a user who opened the share link."""
    ports = services().ports
    return _file(req, ports, await _shared(req, ports))


@bp.function_name("assets")
@bp.route("assets/{name}", methods=GET, auth_level=func.AuthLevel.ANONYMOUS)
@pages
async def assets(req: func.HttpRequest) -> func.HttpResponse:
    """Style, script and icons. Cacheable: Office shows its own icon for one that isn't."""
    from association.addin import entity_tag, is_unchanged

    found = await asyncio.to_thread(asset, PurePosixPath(req.route_params["name"]).name)
    if found is None:
        raise PageUnknownError
    tag = entity_tag(found.body)
    unchanged = is_unchanged(req.headers.get("if-none-match"), tag)
    headers = {"ETag": tag, "Cache-Control": A_DAY, "Cross-Origin-Resource-Policy": "cross-origin"}
    return responses.file(found.body, found.media_type, headers, 304 if unchanged else 200)


async def _shared(req: func.HttpRequest, ports: Ports) -> Facts:
    """The facts behind the share link of the association that the address names, if this browser opened it:
    one cookie each, so that two companies' links in one browser don't mix. Raises ShareEndedError.
    """
    visit = read_visit(req, ports, f"{SHARED}{read_reference(query(req).get('of', ''))}")
    record = await ports.associations.read(visit.association_id) if visit else None
    if visit is None or record is None:
        raise ShareEndedError
    facts = record.facts
    is_open = share_state(facts, ports.keys, ports.now()) is ShareState.OPEN
    if not is_open or visit.number != facts.share_number:
        raise ShareEndedError(f"association_id={facts.association_id}")
    return facts


def _bound_session(visitor: Visitor) -> Session:
    """The session, if it is of the tenant that is bound. Raises SessionMissingError, NotBoundError."""
    session = visitor.signed_in()
    if not visitor.facts.is_bound or not visitor.is_current:
        raise NotBoundError(f"association_id={visitor.facts.association_id}")
    return session


def _guide(
    req: func.HttpRequest, ports: Ports, facts: Facts, language: str, own_path: str
) -> func.HttpResponse:
    """The guide; `own_path` is the association's address for its administrator, "" for users."""
    html = rendering().page(
        "guide",
        language,
        company_name=facts.company_name,
        reference=facts.reference,
        support_phone=ports.settings.support_phone,
        support_email=ports.settings.support_email,
        download=f"{own_path}/sage-contact.xml"
        if own_path
        else f"/addin/sage-contact.xml?of={facts.reference}",
        own_path=own_path,
        switch=switch(req, language, own_path or "/addin/guide"),
    )
    return responses.page(html, ports.settings)


def _file(req: func.HttpRequest, ports: Ports, facts: Facts) -> func.HttpResponse:
    from association.addin import download_headers, entity_tag, is_unchanged, tenant_add_in

    settings = ports.settings
    addin = tenant_add_in(
        facts.bound_tenant_id,
        product_id=settings.addin_product_id,
        public_base_url=settings.public_base_url,
        taskpane_url=settings.addin_taskpane_url,
        portal_url=settings.portal_url,
    )
    body = rendering().manifest(addin)
    tag = entity_tag(body)
    headers = download_headers(tag, rendering().text(facts.language, "addin.file_name"))
    unchanged = is_unchanged(req.headers.get("if-none-match"), tag)
    return responses.file(body, "application/xml", headers, 304 if unchanged else 200)
