"""Microsoft Graph v1.0: checks the token, the permission and the query, then answers from the directory.

https://learn.microsoft.com/graph/use-the-api
"""

import re
from dataclasses import dataclass

import jwt
from aiohttp import web

from sandbox.microsoft.authority import TRACE, Authority
from sandbox.microsoft.graph_errors import (
    GraphError,
    bad_request,
    denied,
    graph_error_json,
    invalid_token,
    unsupported_query,
)
from sandbox.microsoft.graph_query import one_page, select
from sandbox.microsoft.graph_reads import Reading
from sandbox.microsoft.graph_routes import ROUTES, Route
from sandbox.microsoft.state import Tenant, User
from sandbox.microsoft.tenants import Json

_CONTENT_TYPE = (
    "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
)
_DIAGNOSTIC = (
    '{"ServerInfo":{"DataCenter":"Sandbox","Slice":"E","Ring":"0","ScaleUnit":"000","RoleInstance":"0"}}'
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a token speaks for: `user` is None for the application itself."""

    tenant: Tenant
    user: User | None
    is_app: bool
    permissions: frozenset[str]


class Graph:
    """Answers for one authority below `{back_channel_origin}/v1.0`."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._base = f"{authority.back_channel_origin}/v1.0"

    async def handle(self, request: web.Request) -> web.Response:
        """Any request below /v1.0."""
        trace = request[TRACE]
        headers = {
            "request-id": trace.trace_id,
            "client-request-id": trace.correlation_id,
            "x-ms-ags-diagnostic": _DIAGNOSTIC,
            "Strict-Transport-Security": "max-age=31536000",
            "Content-Type": _CONTENT_TYPE,
        }
        try:
            status, body = 200, self._answer(request)
        except GraphError as error:
            status, body = error.status, graph_error_json(error, trace)
            if status == 401:
                authorization_uri = f"{self._authority.browser_origin}/common/oauth2/authorize"
                headers["WWW-Authenticate"] = f'Bearer realm="", authorization_uri="{authorization_uri}"'
        return web.Response(body=web.json_response(body).body, status=status, headers=headers)

    def _answer(self, request: web.Request) -> Json:
        caller = self._caller(request.headers.get("Authorization", ""))
        route, match = _route(request.match_info["path"])
        if request.method not in ("GET", "HEAD"):
            raise GraphError(405, "Request_BadRequest", "The HTTP method is not supported here.")
        named = {name: value for name, value in match.groupdict().items() if value is not None}
        person = _person(caller, route, named)
        _authorise(caller, route, about_self=person is not None and person is caller.user)
        _check_query(request, route)
        reading = Reading(
            directory=self._authority.directory,
            registrations=self._authority.registrations,
            tenant=caller.tenant,
            user=person,
            permissions=caller.permissions,
            named=named,
            filter=request.query.get("$filter"),
            expand=request.query.get("$expand"),
        )
        found = route.read(reading)
        context = {"@odata.context": f"{self._base}/$metadata#{route.context}"}
        if isinstance(found, dict):
            return context | select(found, request.query.get("$select"))
        return context | one_page(found, request, self._base, caller.tenant.page_size)

    def _caller(self, authorization: str) -> Caller:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise invalid_token("Access token is empty.")
        try:
            claims = self._authority.tokens.read_access_token(token)
        except jwt.ExpiredSignatureError:
            raise invalid_token("Lifetime validation failed, the token is expired.") from None
        except jwt.InvalidAudienceError:
            raise invalid_token("Access token validation failure. Invalid audience.") from None
        except jwt.InvalidTokenError:
            raise invalid_token(
                "IDX14100: the token cannot be read or its signature does not hold."
            ) from None
        tenant = self._authority.directory.tenant(claims["tid"])
        if tenant is None:
            raise invalid_token("Access token validation failure. Unknown tenant.")
        if claims["idtyp"] == "app":
            self._refuse_early(tenant, claims["appid"])
            return Caller(tenant, None, True, frozenset(claims.get("roles", ())))
        return Caller(tenant, tenant.user(claims["oid"]), False, frozenset(claims["scp"].split()))

    def _refuse_early(self, tenant: Tenant, client_id: str) -> None:
        principal = tenant.service_principals.get(client_id)
        if principal and principal.honoured_at > self._authority.directory.clock():
            raise denied()


def _route(path: str) -> tuple[Route, re.Match[str]]:
    for route in ROUTES:
        if match := route.path.fullmatch(path):
            return route, match
    raise bad_request(f"Resource not found for the segment '{path.partition('/')[0]}'.")


def _person(caller: Caller, route: Route, named: dict[str, str]) -> User | None:
    if "user" in named:
        return caller.tenant.user(named["user"])
    if "user" in route.path.groupindex and caller.is_app:
        raise bad_request("/me request is only valid with delegated authentication flow.")
    return caller.user


def _authorise(caller: Caller, route: Route, *, about_self: bool) -> None:
    sufficient = route.application if caller.is_app else route.delegated
    if about_self:
        sufficient |= route.about_self
    if not sufficient & caller.permissions:
        raise denied()


def _check_query(request: web.Request, route: Route) -> None:
    unknown = [name for name in request.query if name.startswith("$") and name not in _options(route)]
    if unknown:
        raise unsupported_query(f"The query option '{unknown[0]}' is not supported here.")
    eventual = request.headers.get("ConsistencyLevel", "").lower() == "eventual"
    counted = request.query.get("$count", "").lower() == "true"
    if route.advanced and not (eventual and counted):
        raise unsupported_query(
            "This request needs $count=true in the query and the header 'ConsistencyLevel: eventual'."
        )


def _options(route: Route) -> frozenset[str]:
    return route.options | {"$skiptoken"}
