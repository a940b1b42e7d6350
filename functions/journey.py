"""The administrator's journey: the link, the pages, and the trips to Microsoft and back."""

from typing import TYPE_CHECKING

import azure.functions as func

from association.acceptance import accept_by_code, ask_acceptance
from association.errors import CodeEndedError, CodeWrongError, DomainUnknownError
from association.keys import reference_of
from association.links import find_link
from association.rows import Purpose
from functions.services import services
from functions.web import responses
from functions.web.boundary import link_pages, pages
from functions.web.browser import end_session, end_sessions, query, read_form, set_visit, visit_name
from functions.web.next_step import AS_NOBODY
from functions.web.pages import Guest, show, show_applications
from functions.web.visitor import Visitor, enter

if TYPE_CHECKING:
    from association.legs import Departure

bp = func.Blueprint()
GET = ["GET", "HEAD"]
POST = ["POST"]


@bp.function_name("journey_link")
@bp.route("a", methods=GET, auth_level=func.AuthLevel.ANONYMOUS)
@link_pages
async def open_link(req: func.HttpRequest) -> func.HttpResponse:
    """The mailed link: leave a visit in the browser, the token out of the address bar; spend nothing.

    Whoever opens it begins as nobody: at a shared computer the one before may have left signed in, at this
    association or another. Where it opens nothing, every session of the browser ends as well (link_pages).
    """
    ports = services().ports
    link = await find_link(ports, query(req).get("k", ""), Purpose.ASSOCIATION)
    reference = reference_of(link.association_id)
    response = responses.redirect(f"/a/{reference}", ports.settings)
    end_sessions(req, response, ports.settings)
    return set_visit(req, response, ports, visit_name(reference), link)


@bp.function_name("journey_page")
@bp.route("a/{reference}", methods=GET, auth_level=func.AuthLevel.ANONYMOUS)
@pages
async def progress_page(req: func.HttpRequest) -> func.HttpResponse:
    """Where the association stands, as far as this browser may see it; from a failure's page, as nobody."""
    visitor = await enter(req, services().ports)
    asked = query(req)
    if AS_NOBODY in asked:
        response = responses.redirect(f"{visitor.path}?signed-out=1", visitor.ports.settings)
        return end_session(response, visitor.ports, visitor.facts.reference)
    return show(visitor, notice="signed_out" if "signed-out" in asked else "")


@bp.function_name("journey_sign_in")
@bp.route("a/{reference}/sign-in", methods=POST, auth_level=func.AuthLevel.ANONYMOUS)
@pages
async def start_sign_in(req: func.HttpRequest) -> func.HttpResponse:
    """« Se connecter à Microsoft 365 », « Changer de compte »: an account is picked at Microsoft's."""
    from association.sign_in import leave_for_sign_in

    visitor = await enter(req, services().ports)
    domain = (await visitor.read_form(req)).get("domain")
    try:
        departure = await leave_for_sign_in(visitor.ports, visitor.record, visitor.session, domain or "")
    except DomainUnknownError:
        return show(visitor, guest=Guest(domain or "", is_unknown=True), status=400)
    return end_session(_depart(visitor, departure), visitor.ports, visitor.facts.reference)


@bp.function_name("journey_consent")
@bp.route("a/{reference}/consent", methods=POST, auth_level=func.AuthLevel.ANONYMOUS)
@pages
async def start_consent(req: func.HttpRequest) -> func.HttpResponse:
    """« Autoriser Sage Business Center », or « Continuer quand même » towards its page."""
    from association.consent import leave_for_consent, require_accepted
    from association.sign_out import continue_anyway

    visitor = await enter(req, services().ports)
    form = await visitor.read_form(req)
    session = visitor.signed_in()
    if form.get("continue"):
        require_accepted(visitor.record, session)
        await continue_anyway(visitor.ports, visitor.record)
        return responses.redirect(visitor.path, visitor.ports.settings)
    return _depart(visitor, await leave_for_consent(visitor.ports, visitor.record, session))


@bp.function_name("journey_applications")
@bp.route("a/{reference}/applications", methods=GET, auth_level=func.AuthLevel.ANONYMOUS)
@pages
async def applications(req: func.HttpRequest) -> func.HttpResponse:
    """The further applications: their turn in the journey, or what an associated tenant still lacks."""
    visitor = await enter(req, services().ports)
    visitor.signed_in()
    return show_applications(visitor)


@bp.function_name("journey_application")
@bp.route("a/{reference}/applications/{key}", methods=POST, auth_level=func.AuthLevel.ANONYMOUS)
@pages
async def start_application(req: func.HttpRequest) -> func.HttpResponse:
    """« Autoriser … » one further application."""
    from association.applications import leave_for_application

    visitor = await enter(req, services().ports)
    await visitor.read_form(req)
    key = req.route_params["key"]
    departure = await leave_for_application(visitor.ports, visitor.record, visitor.signed_in(), key)
    if departure is None:
        return responses.redirect(f"{visitor.path}/applications", visitor.ports.settings)
    return _depart(visitor, departure)


@bp.function_name("journey_check")
@bp.route("a/{reference}/check", methods=POST, auth_level=func.AuthLevel.ANONYMOUS)
@pages
async def check(req: func.HttpRequest) -> func.HttpResponse:
    """« Revérifier »: look for access, then show the person to Microsoft again."""
    from association.verify import recheck

    visitor = await enter(req, services().ports)
    await visitor.read_form(req)
    departure = await recheck(visitor.ports, visitor.record, visitor.signed_in())
    if departure is None:
        return responses.redirect(visitor.path, visitor.ports.settings)
    return _depart(visitor, departure)


@bp.function_name("journey_code")
@bp.route("a/{reference}/code", methods=POST, auth_level=func.AuthLevel.ANONYMOUS)
@pages
async def type_code(req: func.HttpRequest) -> func.HttpResponse:
    """The one-time code that was sent to the recorded address."""
    visitor = await enter(req, services().ports)
    form = await visitor.read_form(req)
    try:
        await accept_by_code(visitor.ports, visitor.record, visitor.signed_in(), form.get("code", ""))
    except (CodeWrongError, CodeEndedError) as error:
        return show(await enter(req, visitor.ports), code_problem=error.code, status=403)
    return responses.redirect(visitor.path, visitor.ports.settings)


@bp.function_name("journey_code_new")
@bp.route("a/{reference}/code/new", methods=POST, auth_level=func.AuthLevel.ANONYMOUS)
@pages
async def new_code(req: func.HttpRequest) -> func.HttpResponse:
    """A new code to the recorded address."""
    visitor = await enter(req, services().ports)
    await visitor.read_form(req)
    await ask_acceptance(visitor.ports, visitor.record, visitor.signed_in(), again=True)
    return responses.redirect(visitor.path, visitor.ports.settings)


@bp.function_name("journey_sign_out")
@bp.route("a/{reference}/sign-out", methods=POST, auth_level=func.AuthLevel.ANONYMOUS)
@pages
async def end(req: func.HttpRequest) -> func.HttpResponse:
    """Sign-out: the session ends here and wherever its cookie was copied to."""
    from association.sign_out import sign_out

    visitor = await enter(req, services().ports)
    # not counted: whoever has reached the limit may still leave
    read_form(req, visitor.ports, visitor.session, visitor.visit)
    if visitor.session:  # whoever only holds the link ends nobody's session
        await sign_out(visitor.ports, visitor.record)
    response = responses.redirect(f"{visitor.path}?signed-out=1", visitor.ports.settings)
    return end_session(response, visitor.ports, visitor.facts.reference)


@bp.function_name("journey_sign_in_callback")
@bp.route("sign-in/callback", methods=GET, auth_level=func.AuthLevel.ANONYMOUS)
@pages
async def sign_in_callback(req: func.HttpRequest) -> func.HttpResponse:
    """Back from signing in, or from showing oneself again."""
    from functions.web import callbacks

    return await callbacks.signed_in(req, services().ports)


@bp.function_name("journey_consent_callback")
@bp.route("consent/callback", methods=GET, auth_level=func.AuthLevel.ANONYMOUS)
@pages
async def consent_callback(req: func.HttpRequest) -> func.HttpResponse:
    """Back from the admin consent."""
    from functions.web import callbacks

    return await callbacks.consented(req, services().ports)


def _depart(visitor: Visitor, departure: "Departure") -> func.HttpResponse:
    from functions.web import callbacks

    return callbacks.depart(visitor.ports, departure)
