"""What we know of a browser: the link's visit, the signed-in session, the flows under way, its forms.

All of it is in signed cookies (itsdangerous), one of each kind per association, so that two associations in
one browser do not disturb each other.
"""

import hmac
from dataclasses import asdict, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import azure.functions as func

from association.dataclass import dataclass
from association.errors import FormForgedError, RequestInvalidError
from association.keys import Keys, read_reference
from association.session import IDLE, Session, from_plain, to_plain
from functions.web import responses

if TYPE_CHECKING:
    from itsdangerous import URLSafeSerializer

from association.ports import Ports
from association.rows import Link
from association.settings import Settings

VISIT = "visit-"
SESSION = "session-"
VISIT_LASTS = timedelta(hours=12)
FLOW_COOKIE_SECONDS = 15 * 60
LARGEST_FORM = 4096
MOST_PARAMETERS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What opening a link leaves in the browser: which link, until when. It proves no identity."""

    association_id: str
    number: int
    until: float
    nonce: str


def query(req: func.HttpRequest) -> dict[str, str]:
    """The query's parameters, the first of each name; the host's own mapping joins and drops some.

    Raises RequestInvalidError for more of them than anybody sends.
    """
    try:
        found = parse_qs(urlsplit(req.url).query, keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
    except ValueError as error:
        raise RequestInvalidError({"query": "too_long"}) from error
    return {name: values[0] for name, values in found.items()}


def cookies(req: func.HttpRequest) -> dict[str, str]:
    """The request's cookies (RFC 6265), the first of each name."""
    found: dict[str, str] = {}
    for part in req.headers.get("cookie", "").split(";"):
        name, separator, value = part.strip().partition("=")
        if separator:
            found.setdefault(name, value)
    return found


def visit_name(reference: str) -> str:
    """The name of the visit cookie of an association."""
    return f"{VISIT}{reference}"


def session_name(reference: str) -> str:
    """The name of the session cookie of an association."""
    return f"{SESSION}{reference}"


def read_visit(req: func.HttpRequest, ports: Ports, name: str) -> Visit | None:
    """The visit in the cookie `name`, if it is ours and hasn't ended."""
    value = _unsign(ports.keys, name, cookies(req).get(name, ""))
    if value is None:
        return None
    try:
        visit = Visit(**value)
    except TypeError:  # a cookie of another release
        return None
    return visit if visit.until > ports.now().timestamp() else None


def read_visits(req: func.HttpRequest, ports: Ports) -> list[Visit]:
    """The visits of all mailed links that this browser has opened and that haven't ended."""
    names = (name for name in cookies(req) if name.startswith(VISIT))
    return [visit for name in names if (visit := read_visit(req, ports, name))]


def set_visit(
    req: func.HttpRequest, response: func.HttpResponse, ports: Ports, name: str, link: Link
) -> func.HttpResponse:
    """Leave the visit of `link` in the browser; one that is there goes on, with the forms that it showed."""
    known = read_visit(req, ports, name)
    nonce = known.nonce if known and known.association_id == link.association_id else ports.token()
    until = (ports.now() + VISIT_LASTS).timestamp()
    number = int(link.link_id.rpartition(".")[2])
    visit = Visit(association_id=link.association_id, number=number, until=until, nonce=nonce)
    # under the cookie's name, so that a share link's visit can't be shown as an association link's
    text = _sign(ports.keys, name, asdict(visit))
    seconds = int(VISIT_LASTS.total_seconds())
    return responses.set_cookie(response, name, text, seconds, ports.settings)


def read_session(req: func.HttpRequest, ports: Ports, reference: str) -> Session | None:
    """The session in this browser, if its cookie is ours; whether it is live, the facts tell."""
    value = _unsign(ports.keys, "session", cookies(req).get(session_name(reference), ""))
    return from_plain(value) if value else None


def set_session(
    response: func.HttpResponse, ports: Ports, reference: str, session: Session
) -> func.HttpResponse:
    """Leave the session in the browser, seen now."""
    text = _sign(ports.keys, "session", to_plain(replace(session, seen_at=ports.now())))
    seconds = int(IDLE.total_seconds())
    return responses.set_cookie(response, session_name(reference), text, seconds, ports.settings)


def end_session(response: func.HttpResponse, ports: Ports, reference: str) -> func.HttpResponse:
    """Take the session from the browser."""
    return responses.set_cookie(response, session_name(reference), "", 0, ports.settings)


def end_sessions(req: func.HttpRequest, response: func.HttpResponse, settings: Settings) -> func.HttpResponse:
    """Take every session that the request came with from the browser."""
    for name in cookies(req):
        reference = read_reference(name.removeprefix(SESSION))
        if reference and name == session_name(reference):
            responses.set_cookie(response, name, "", 0, settings)
    return response


def form_token(ports: Ports, session: Session | None, visit: Visit | None) -> str:
    """The token that this session's (or, signed out, this visit's) forms carry."""
    bound = session.session_id if session else visit.nonce if visit else ""
    secret = ports.keys.secrets_for("form")[-1]
    return hmac.new(secret.encode(), bound.encode(), "sha256").hexdigest() if bound else ""


def read_form(
    req: func.HttpRequest, ports: Ports, session: Session | None, visit: Visit | None
) -> dict[str, str]:
    """The form of a POST that came from one of our own pages.

    Raises FormForgedError for another site's, or one without this session's token; RequestInvalidError
    for one too large.
    """
    require_same_origin(req, ports)
    if len(req.get_body()) > LARGEST_FORM:
        raise RequestInvalidError({"form": "too_long"})
    form = {name: str(value) for name, value in req.form.items()}
    expected = form_token(ports, session, visit)
    if not expected or not hmac.compare_digest(form.get("form_token", "").encode(), expected.encode()):
        raise FormForgedError("reason=token")
    return form


def require_same_origin(req: func.HttpRequest, ports: Ports) -> None:
    """Raises FormForgedError unless the browser says that the request comes from our own pages."""
    origin = req.headers.get("origin", "")
    if origin and origin != "null":
        if origin != ports.settings.public_base_url:
            raise FormForgedError("reason=origin")
    elif req.headers.get("sec-fetch-site", "") != "same-origin":
        raise FormForgedError("reason=no_origin")


def _sign(keys: Keys, use: str, value: dict[str, Any]) -> str:
    return str(_serializer(keys, use).dumps(value))


def _unsign(keys: Keys, use: str, text: str) -> dict[str, Any] | None:
    from itsdangerous import BadData

    try:
        value = _serializer(keys, use).loads(text)
    except BadData:
        return None
    return value if isinstance(value, dict) else None


def _serializer(keys: Keys, use: str) -> "URLSafeSerializer":
    from itsdangerous import URLSafeSerializer

    return URLSafeSerializer(list(keys.secrets_for(use)), salt=use)
