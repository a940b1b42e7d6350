"""Faults over HTTP: queue one, see what is queued and what happened, forget all.

- POST /faults: `{"part", "fault", "times", "tenant", "method", "path", "skip", "seconds"}`, or `rate` (0 to
  1) and `seed` in place of `times`; with a rate, `fault` may be left out: each time another one of the
  part's. 201 with what GET answers; 400 `{"error", "fields"}`. Parts and faults are those of
  sandbox/faults/listed.py, the fields those of `Wanted` in sandbox/faults/plan.py.
- GET /faults: `{"queued": [...], "counts": {"graph.throttled": 1}, "happened": [...]}`
- DELETE /faults: 204; forgets all. DELETE /faults?tenant=…&path=…: only what is queued for exactly these.
"""

from __future__ import annotations

from json import JSONDecodeError

from aiohttp import web

from sandbox.control.changes import ChangeError
from sandbox.faults.plan import FaultError, Plan
from sandbox.microsoft.directory import Directory


def add_fault_routes(app: web.Application, directory: Directory, plan: Plan) -> None:
    """Add them to the control application, which turns ChangeError into JSON."""

    async def queue(request: web.Request) -> web.Response:
        try:
            body = await request.json()
            tenant = body.get("tenant")
        except (JSONDecodeError, AttributeError):
            raise ChangeError("the body is not a JSON object", []) from None
        if tenant and not (isinstance(tenant, str) and directory.tenant_named(tenant)):
            raise ChangeError(f"no tenant {tenant!r}", ["tenant"])
        try:
            plan.add(body.pop("part", ""), body.pop("fault", None), **body)
        except FaultError as error:
            raise ChangeError(str(error), error.fields) from error
        return web.json_response(plan.as_json(), status=201)

    async def show(_: web.Request) -> web.Response:
        return web.json_response(plan.as_json())

    async def clear(request: web.Request) -> web.Response:
        query = request.query
        if query:
            plan.withdraw(tenant=query.get("tenant", ""), path=query.get("path", ""))
        else:
            plan.clear()
        return web.Response(status=204)

    app.router.add_post("/faults", queue)
    app.router.add_get("/faults", show)
    app.router.add_delete("/faults", clear)
