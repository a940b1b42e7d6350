"""The control application: a French page, and the same as JSON.

- GET /tenants: a list of tenants as below. GET /tenants/{name}: one of them: `name, tenant_id, display_name,
  domains, consent_propagation_seconds, subscriptions [{product, units, status}], users [{id, upn, name,
  user_type, active_roles [English names], licences [product]}], consents [{client_id, name,
  application_permissions, delegated_scopes}], conditions [name]`; consents and permissions only as far as
  they have spread.
- POST /tenants/{name}: one change; answers with the tenant as it is then. 400 (or 409 if it does not fit the
  tenant's state) `{"error", "fields"}` names the offending fields, 404 an unknown tenant.
  - `{"buy": product, "units": 5}`: skuPartNumber or skuId; one unit if not said
  - `{"assign": product, "to": upn}`, `{"unassign": product, "from": upn}`
  - `{"give_role": role, "to": upn}`, `{"take_role": role, "from": upn}`: English name or template id
  - `{"withdraw_consent": client id}`, `{"reset": true}`
  - `{"condition": name, ...}`, `{"lift": name}`: sandbox/microsoft/conditions.py
- PUT /tenants/{name}: a tenant of your own, with the fields of sandbox/microsoft/tenants.json; it replaces
  one of that name. 400 for fields that are missing or unknown.
- GET /clock: `{"now": ISO 8601, "advanced_seconds": n}`. POST /clock `{"advance_seconds": 20}` moves the
  directory's clock: consents spread, authorization codes end. Tokens keep the time of the real clock, unless
  `"tokens": true` moves it with them, for a product whose clock was moved.
- /faults: sandbox/control/faults.py. /registrations, /keys: sandbox/control/conditions.py.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from json import JSONDecodeError
from pathlib import Path
from typing import Any

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sandbox.control.changes import ChangeError, apply_change
from sandbox.control.conditions import add_condition_routes
from sandbox.control.faults import add_fault_routes
from sandbox.faults.plan import Plan
from sandbox.microsoft.authority import Authority
from sandbox.microsoft.directory import Directory
from sandbox.microsoft.identifiers import ROLE_NAMES
from sandbox.microsoft.licensing import products
from sandbox.microsoft.state import Tenant

_MOST_SECONDS = 366 * 24 * 3600
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def control_app(
    directory: Directory,
    customers: Sequence[Mapping[str, Any]],
    plan: Plan | None = None,
    authority: Authority | None = None,
) -> web.Application:
    """The application; `customers` is what sandbox/customers.json holds, `plan` the faults of all parts.

    Without `authority` there are no registrations and keys to change.
    """
    control = _Control(directory, customers)
    app = web.Application(middlewares=[_refusals_as_json])
    app.router.add_get("/", control.page)
    app.router.add_get("/tenants", control.tenants)
    app.router.add_get("/tenants/{name}", control.tenant)
    app.router.add_post("/tenants/{name}", control.change)
    app.router.add_put("/tenants/{name}", control.found)
    app.router.add_get("/clock", control.clock)
    app.router.add_post("/clock", control.advance)
    add_fault_routes(app, directory, plan or Plan())
    if authority is not None:
        add_condition_routes(app, authority)
    return app


def describe(directory: Directory, tenant: Tenant) -> dict[str, Any]:
    """A tenant's state as JSON."""
    return {
        "name": tenant.name,
        "tenant_id": tenant.id,
        "display_name": tenant.display_name,
        "domains": tenant.domains,
        "consent_propagation_seconds": tenant.consent_propagation_seconds,
        "subscriptions": [
            {"product": one.product, "units": one.units, "status": one.status} for one in tenant.subscriptions
        ],
        "users": [
            {
                "id": user.id,
                "upn": user.upn,
                "name": user.name,
                "user_type": user.user_type,
                "active_roles": [ROLE_NAMES[role] for role in directory.active_roles(tenant, user)],
                "licences": [licence.product for licence in user.licences],
            }
            for user in tenant.users
        ],
        "consents": _consents(directory, tenant),
        "conditions": sorted(tenant.conditions),
    }


def _consents(directory: Directory, tenant: Tenant) -> list[dict[str, Any]]:
    visible = [directory.service_principal(tenant, client_id) for client_id in tenant.service_principals]
    return [
        {
            "client_id": principal.app_id,
            "name": principal.name,
            "application_permissions": directory.granted_permissions(principal),
            "delegated_scopes": sorted({scope for grant in principal.grants for scope in grant.scopes}),
        }
        for principal in visible
        if principal
    ]


class _Control:
    def __init__(self, directory: Directory, customers: Sequence[Mapping[str, Any]]) -> None:
        self._directory = directory
        self._customers = customers

    async def page(self, request: web.Request) -> web.Response:
        return self._page()

    def _page(self, refused: ChangeError | None = None) -> web.Response:
        tenants = {name: describe(self._directory, one) for name, one in self._directory.tenants.items()}
        text = _ENVIRONMENT.get_template("page.html").render(
            customers=self._customers,
            tenants=tenants,
            product_names={part: product.name for part, product in products().items()},
            clock=self._clock(),
            refused=refused,
        )
        status = refused.status if refused else 200
        headers = {"Cache-Control": "no-store"}
        return web.Response(text=text, status=status, content_type="text/html", headers=headers)

    async def tenants(self, request: web.Request) -> web.Response:
        return web.json_response([describe(self._directory, one) for one in self._directory.tenants.values()])

    async def tenant(self, request: web.Request) -> web.Response:
        return web.json_response(describe(self._directory, self._named(request)))

    async def change(self, request: web.Request) -> web.Response:
        tenant = self._named(request)
        try:
            apply_change(self._directory, tenant, await _body(request))
        except ChangeError as error:
            if _is_json(request):
                raise
            return self._page(refused=error)
        if not _is_json(request):
            raise web.HTTPSeeOther(f"/#{tenant.name}")
        return web.json_response(describe(self._directory, self._named(request)))

    async def found(self, request: web.Request) -> web.Response:
        source = {**await _body(request), "name": request.match_info["name"]}
        try:
            tenant = self._directory.found(source)
        except (KeyError, TypeError, ValueError) as error:
            raise ChangeError(f"no tenant can be made of this: {error}", sorted(source)) from error
        return web.json_response(describe(self._directory, tenant), status=201)

    async def clock(self, request: web.Request) -> web.Response:
        return web.json_response(self._clock())

    async def advance(self, request: web.Request) -> web.Response:
        body = await _body(request)
        unknown = sorted(body.keys() - {"advance_seconds", "tokens"})
        if unknown:
            raise ChangeError(f"unknown fields: {', '.join(unknown)}", unknown)
        seconds = body.get("advance_seconds")
        if (
            not isinstance(seconds, int | float)
            or isinstance(seconds, bool)
            or not 0 <= seconds <= _MOST_SECONDS
        ):
            raise ChangeError("advance_seconds is a number of seconds, none or more", ["advance_seconds"])
        self._directory.advance(seconds, tokens=body.get("tokens") is True)
        if not _is_json(request):
            raise web.HTTPSeeOther("/")
        return web.json_response(self._clock())

    def _clock(self) -> dict[str, Any]:
        now = datetime.fromtimestamp(self._directory.clock(), UTC)
        advanced = self._directory.clock() - self._directory.now()
        return {"now": now.isoformat(timespec="seconds"), "advanced_seconds": round(advanced)}

    def _named(self, request: web.Request) -> Tenant:
        tenant = self._directory.tenants.get(request.match_info["name"])
        if tenant is None:
            raise ChangeError("unknown tenant", ["name"], status=404)
        return tenant


def _is_json(request: web.Request) -> bool:
    return request.content_type == "application/json"


async def _body(request: web.Request) -> dict[str, Any]:
    if not _is_json(request):
        return {name: _form_value(name, str(value)) for name, value in (await request.post()).items()}
    try:
        body = await request.json()
    except JSONDecodeError:
        raise ChangeError("the body is not JSON", []) from None
    if not isinstance(body, dict):
        raise ChangeError("the body is not a JSON object", [])
    return body


def _form_value(name: str, value: str) -> str | int | bool:
    """Forms know text only: the numbers and the yes of the page's own buttons."""
    if name in ("units", "advance_seconds") and value.isascii() and value.isdecimal():
        return int(value)
    return True if name == "reset" and value == "true" else value


@web.middleware
async def _refusals_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ChangeError as error:
        return web.json_response({"error": str(error), "fields": error.fields}, status=error.status)
