"""Puts the sign-in service and Graph together as two aiohttp applications over one directory."""

from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web

from sandbox.faults.plan import Plan
from sandbox.microsoft.adminconsent import AdminConsentEndpoint
from sandbox.microsoft.authority import TRACE, Authority
from sandbox.microsoft.authorize import AuthorizeEndpoint
from sandbox.microsoft.directory import Directory
from sandbox.microsoft.discovery import DiscoveryEndpoint
from sandbox.microsoft.disturbance import Disturbances
from sandbox.microsoft.errors import EntraError, describe_number, error_json, new_trace
from sandbox.microsoft.graph import Graph
from sandbox.microsoft.pages import failure_page, page
from sandbox.microsoft.registrations import Registration
from sandbox.microsoft.sign_out import SignOutEndpoint
from sandbox.microsoft.token_endpoint import TokenEndpoint

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Microsoft:
    """Entra ID and Graph; origins end without a slash. `authority` leads to keys, sessions and codes.

    `plan` holds the faults of the back channel; browsers are never disturbed.
    """

    def __init__(
        self,
        directory: Directory,
        registrations: Iterable[Registration],
        browser_origin: str,
        back_channel_origin: str,
        plan: Plan | None = None,
    ) -> None:
        known = {registration.client_id: registration for registration in registrations}
        self.directory = directory
        self.authority = Authority(directory, known, browser_origin, back_channel_origin)
        self.plan = plan or Plan()

    def browser_app(self) -> web.Application:
        """What a browser sees: sign-in, consent, sign-out."""
        app = web.Application(middlewares=[self._trace, self._errors_as_pages])
        authorize, consent = AuthorizeEndpoint(self.authority), AdminConsentEndpoint(self.authority)
        app.router.add_get("/{tenant}/oauth2/v2.0/authorize", authorize.show)
        app.router.add_post("/{tenant}/oauth2/v2.0/authorize", authorize.submit)
        app.router.add_get("/{tenant}/v2.0/adminconsent", consent.show)
        app.router.add_post("/{tenant}/v2.0/adminconsent", consent.submit)
        app.router.add_get("/{tenant}/oauth2/v2.0/logout", SignOutEndpoint(self.authority).show)
        app.router.add_get("/error", _explain)
        return app

    def back_channel_app(self) -> web.Application:
        """What programs talk to: discovery, keys, tokens, Graph under /v1.0."""
        disturbances = Disturbances(self.authority, self.plan)
        app = web.Application(middlewares=[self._trace, disturbances.disturb, self._errors_as_json])
        discovery = DiscoveryEndpoint(self.authority)
        app.router.add_get("/common/discovery/instance", discovery.instance)
        app.router.add_get("/{tenant}/v2.0/.well-known/openid-configuration", discovery.configuration)
        app.router.add_get("/{tenant}/discovery/v2.0/keys", discovery.keys)
        app.router.add_post("/{tenant}/oauth2/v2.0/token", TokenEndpoint(self.authority).submit)
        graph = Graph(self.authority)
        app.router.add_route("*", "/v1.0/{path:.*}", graph.handle)
        return app

    @web.middleware
    async def _trace(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Names every request."""
        given = request.headers.get("client-request-id") or request.query.get("client-request-id")
        request[TRACE] = new_trace(given, self.directory.now())
        return await handler(request)

    @web.middleware
    async def _errors_as_pages(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except EntraError as error:
            response = failure_page(request, error)
        response.headers["x-ms-request-id"] = request[TRACE].trace_id
        return response

    @web.middleware
    async def _errors_as_json(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except EntraError as error:
            trace = request[TRACE]
            body = error_json(error, trace, self.authority.browser_origin)
            headers = {"Cache-Control": "no-store, no-cache", "x-ms-request-id": trace.trace_id}
            return web.json_response(body, status=error.status, headers=headers)


async def _explain(request: web.Request) -> web.Response:
    """GET /error?code=<number>: where `error_uri` points."""
    code = request.query.get("code", "")
    text = describe_number(int(code)) if code.isascii() and code.isdecimal() else None
    if text is None:
        raise web.HTTPNotFound
    return page(request, "code", number=code, text=text)
