"""Where an answer may go: checked before anything else, because what fails here is never redirected."""

from dataclasses import dataclass

from aiohttp import web
from multidict import MultiMapping

from sandbox.microsoft.authority import TRACE, Authority
from sandbox.microsoft.errors import EntraError, encode_query, error_fields
from sandbox.microsoft.pages import page
from sandbox.microsoft.registrations import Registration
from sandbox.microsoft.state import Tenant

_RESPONSE_MODES = ("query", "fragment", "form_post")


@dataclass(frozen=True, slots=True)
class Recipient:
    """An application, its redirect_uri and the tenant asked for (None: the account's home)."""

    app: Registration
    tenant: Tenant | None
    redirect_uri: str
    state: str | None
    response_mode: str = "query"


def read_recipient(authority: Authority, request: web.Request) -> Recipient:
    """The recipient named by path and query.

    Raises EntraError, to be shown on a page: 90002, 700016, 50011, 900144 and 9000411.
    """
    query = request.query
    repeated = sorted({name for name in query if len(query.getall(name)) > 1})
    if repeated:
        raise EntraError(9000411, value=", ".join(repeated))
    word = request.match_info["tenant"]
    tenant = authority.tenant(word)
    app = authority.registration(required(query, "client_id"), word)
    redirect_uri = required(query, "redirect_uri")
    if redirect_uri not in app.redirect_uris:
        raise EntraError(50011, redirect_uri=redirect_uri, app=app.client_id)
    mode = query.get("response_mode")
    return Recipient(
        app, tenant, redirect_uri, query.get("state"), mode if mode in _RESPONSE_MODES else "query"
    )


def required(query: MultiMapping[str], name: str) -> str:
    """A parameter that has to be there; raises 900144."""
    value = query.get(name)
    if not value:
        raise EntraError(900144, value=name)
    return value


def answer(request: web.Request, recipient: Recipient, fields: dict[str, str]) -> web.Response:
    """Sends the browser back with these fields and the state, in the way the application asked for."""
    if recipient.state is not None:
        fields = fields | {"state": recipient.state}
    if recipient.response_mode == "form_post":
        return page(request, "form-post", redirect_uri=recipient.redirect_uri, fields=fields)
    joint = "#" if recipient.response_mode == "fragment" else "&" if "?" in recipient.redirect_uri else "?"
    return redirect(f"{recipient.redirect_uri}{joint}{encode_query(fields)}")


def answer_error(
    request: web.Request, authority: Authority, recipient: Recipient, error: EntraError, **more: str
) -> web.Response:
    """Sends the browser back with an error; `more` are further fields."""
    fields = error_fields(error, request[TRACE], authority.browser_origin)
    return answer(request, recipient, fields | more)


def redirect(location: str) -> web.Response:
    """A redirect to exactly this address; aiohttp's own redirects would encode it anew."""
    return web.Response(status=302, headers={"Location": location, "Cache-Control": "no-store, no-cache"})
