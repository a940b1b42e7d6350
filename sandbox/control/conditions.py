"""Conditions of registrations and of Microsoft's signing keys over HTTP; those of a tenant are changes.

- POST /registrations/{client id}: `{"condition": name, ...}` or `{"reset": true}`, which puts it back as it
  was at the start. POST /keys: `{"condition": name}`.
- 204, or 400 `{"error", "fields"}`. Names and fields: sandbox/microsoft/conditions.py.
"""

from __future__ import annotations

from json import JSONDecodeError
from typing import Any

from aiohttp import web

from sandbox.control.changes import ChangeError
from sandbox.microsoft.authority import Authority
from sandbox.microsoft.conditions import ConditionError, set_on_keys, set_on_registration


def add_condition_routes(app: web.Application, authority: Authority) -> None:
    """Add them to the control application, which turns ChangeError into JSON."""
    at_start = dict(authority.registrations)

    async def registration(request: web.Request) -> web.Response:
        body, client_id = await _body(request), request.match_info["client_id"]
        if client_id not in at_start:
            raise ChangeError("unknown registration", ["client_id"], status=404)
        if body.get("reset") is True:
            authority.registrations[client_id] = at_start[client_id]
            return web.Response(status=204)
        name = str(body.pop("condition", ""))
        present = authority.registrations[client_id]
        try:
            authority.registrations[client_id] = set_on_registration(present, name, body)
        except ConditionError as error:
            raise ChangeError(str(error), error.fields) from error
        return web.Response(status=204)

    async def keys(request: web.Request) -> web.Response:
        body = await _body(request)
        name = str(body.pop("condition", ""))
        try:
            set_on_keys(authority, name, body)
        except ConditionError as error:
            raise ChangeError(str(error), error.fields) from error
        return web.Response(status=204)

    app.router.add_post("/registrations/{client_id}", registration)
    app.router.add_post("/keys", keys)


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except JSONDecodeError:
        raise ChangeError("the body is not JSON", []) from None
    if not isinstance(body, dict):
        raise ChangeError("the body is not a JSON object", [])
    return body
