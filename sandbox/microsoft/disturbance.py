"""Faults of Entra's back channel and of Graph, in the shapes in which Microsoft's services fail."""

from __future__ import annotations

import jwt
from aiohttp import web

from sandbox.faults.http import Handler, disturbed
from sandbox.faults.listed import Part
from sandbox.faults.plan import Call, Disturbance, Plan
from sandbox.microsoft.authority import TRACE, Authority
from sandbox.microsoft.errors import EntraError, error_json
from sandbox.microsoft.graph_errors import GraphError, graph_error_json
from sandbox.microsoft.state import Tenant

_GRAPH = "/v1.0/"
_ENTRA_NUMBERS = {
    **dict.fromkeys(("throttled", "throttled_without_time"), 90055),
    **{"server_error": 50000, "unavailable": 90033, "gateway_timeout": 90012},
}
_THROTTLED = GraphError(429, "TooManyRequests", "Too many requests.")
_GRAPH_ERRORS = {
    **dict.fromkeys(("throttled", "throttled_without_time"), _THROTTLED),
    "server_error": GraphError(500, "generalException", "An error that nobody foresaw has occurred."),
    "unavailable": GraphError(503, "serviceNotAvailable", "The service is not available at the moment."),
    "gateway_timeout": GraphError(504, "UnknownError", ""),
}
_GATEWAY_PAGE = (
    "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
)


class Disturbances:
    """Asks the plan at every call of the back channel."""

    def __init__(self, authority: Authority, plan: Plan) -> None:
        self._authority = authority
        self._plan = plan

    @web.middleware
    async def disturb(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The middleware, to stand outside of what turns errors into answers."""
        part = Part.GRAPH if request.path.startswith(_GRAPH) else Part.ENTRA
        if not self._plan.concerns(part):
            return await handler(request)
        form = await request.post()
        call = Call(
            part=part,
            method=request.method,
            path=request.path_qs,
            tenants=lambda: self._names(request, part, str(form.get("code", ""))),
        )
        disturbance = self._plan.strikes(call)
        if disturbance is None:
            return await handler(request)
        refusal = _graph_refusal if part is Part.GRAPH else self._entra_refusal
        return await disturbed(request, handler, disturbance, refusal)

    def _names(self, request: web.Request, part: Part, code: str) -> list[str]:
        tenant = self._of_token(request) if part is Part.GRAPH else self._of_path(request, code)
        return [tenant.name, tenant.id, *tenant.domains] if tenant else []

    def _of_token(self, request: web.Request) -> Tenant | None:
        """Whose token it is, whether or not it holds."""
        token = request.headers.get("Authorization", "").partition(" ")[2]
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
        except jwt.InvalidTokenError:
            return None
        return self._authority.directory.tenant(str(claims.get("tid")))

    def _of_path(self, request: web.Request, code: str) -> Tenant | None:
        """The tenant in the path, or under /organizations that of the code that is being redeemed."""
        tenant = self._authority.directory.tenant(request.path.split("/")[1])
        return tenant or self._authority.codes.tenant(code)

    def _entra_refusal(self, request: web.Request, disturbance: Disturbance) -> web.Response:
        name, trace = disturbance.fault.name, request[TRACE]
        headers = {"Cache-Control": "no-store, no-cache", "x-ms-request-id": trace.trace_id}
        if name == "throttled_in_plain_text":
            headers["Retry-After"] = _whole(disturbance.seconds)
            return web.Response(text="Too Many Requests", status=429, headers=headers)
        if name not in _ENTRA_NUMBERS:
            return _nobodys(name, headers)
        if name == "throttled":
            headers["Retry-After"] = _whole(disturbance.seconds)
        error = EntraError(_ENTRA_NUMBERS[name])
        body = error_json(error, trace, self._authority.browser_origin)
        return web.json_response(body, status=error.status, headers=headers)


def _graph_refusal(request: web.Request, disturbance: Disturbance) -> web.Response:
    name, trace = disturbance.fault.name, request[TRACE]
    headers = {"request-id": trace.trace_id, "client-request-id": trace.correlation_id}
    if name not in _GRAPH_ERRORS:
        return _nobodys(name, headers)
    if name == "throttled":
        headers["Retry-After"] = _whole(disturbance.seconds)
    error = _GRAPH_ERRORS[name]
    return web.json_response(graph_error_json(error, trace), status=error.status, headers=headers)


def _nobodys(name: str, headers: dict[str, str]) -> web.Response:
    """Answers that don't come from the service itself, or not whole."""
    if name == "bad_gateway":
        return web.Response(text=_GATEWAY_PAGE, status=502, content_type="text/html")
    return web.Response(text='{"value": [', content_type="application/json", headers=headers)


def _whole(seconds: float) -> str:
    """Retry-After knows whole seconds (RFC 9110 §10.2.3)."""
    return str(round(seconds))
