"""What Sage support asks, in JSON, with the function key in the header."""

from collections.abc import Awaitable, Callable
from typing import Any

import azure.functions as func

from association.errors import RequestInvalidError
from association.facts import Record
from association.ports import Ports
from association.release import release_tenant
from association.renew import renew_link, renew_share
from association.support import Question, find
from functions.services import services
from functions.web import responses
from functions.web.boundary import json_api
from functions.web.browser import query
from functions.web.json_body import read_json, require_key_in_header
from functions.web.views import support_view

bp = func.Blueprint()
KEYS = ("association_id", "tenant_id", "order_number", "customer_number", "reference")
LONGEST_VALUE = 254
RENEWALS = {"association": renew_link, "share": renew_share}


@bp.function_name("support_find")
@bp.route("support/associations", methods=["GET", "HEAD"], auth_level=func.AuthLevel.FUNCTION)
@json_api
async def find_associations(req: func.HttpRequest) -> func.HttpResponse:
    """Find by one key in the query; an e-mail address never goes there (rule S5)."""
    require_key_in_header(req)
    return await _answer(_question(query(req), KEYS))


@bp.function_name("support_search")
@bp.route("support/associations/search", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@json_api
async def search_associations(req: func.HttpRequest) -> func.HttpResponse:
    """Find by one key in the body, an e-mail address among them."""
    return await _answer(_question(read_json(req), (*KEYS, "email")))


@bp.function_name("support_renew_link")
@bp.route("support/associations/{id}/renew-link", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@json_api
async def renew(req: func.HttpRequest) -> func.HttpResponse:
    """Issue and mail a new link, with a reason: the association link, or the users' share link."""
    body = read_json(req)
    reason = _texts(body).get("reason", "")
    ports = services().ports
    renewed = await _renewal(body)(ports, req.route_params["id"], reason)
    return responses.data(support_view(renewed, ports))


@bp.function_name("support_release_tenant")
@bp.route("support/associations/{id}/release-tenant", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@json_api
async def release(req: func.HttpRequest) -> func.HttpResponse:
    """Accept the tenant that is signed in although it isn't the recorded address's, with a reason."""
    given = _texts(read_json(req))
    ports = services().ports
    tenant_id, reason = given.get("tenant_id", ""), given.get("reason", "")
    released = await release_tenant(ports, req.route_params["id"], tenant_id, reason)
    return responses.data(support_view(released, ports))


async def _answer(question: Question) -> func.HttpResponse:
    ports = services().ports
    found = await find(ports, question)
    return responses.data({"associations": [support_view(record, ports) for record in found]})


def _texts(body: Any) -> dict[str, str]:
    """The texts of a JSON object; what isn't a text counts as not given."""
    if not isinstance(body, dict):
        raise RequestInvalidError({"body": "not_an_object"})
    return {name: value for name, value in body.items() if isinstance(value, str)}


def _renewal(body: dict[str, Any]) -> Callable[[Ports, str, str], Awaitable[Record]]:
    """What the body's `link` asks to renew; the association link where it doesn't say."""
    kind = body.get("link", "association")
    if not isinstance(kind, str) or kind not in RENEWALS:
        raise RequestInvalidError({"link": "link_unknown_kind"})
    return RENEWALS[kind]


def _question(given: Any, known: tuple[str, ...]) -> Question:
    if not isinstance(given, dict):
        raise RequestInvalidError({"body": "not_an_object"})
    problems = {str(name)[:40]: "unknown_field" for name in given if name not in known}
    asked = {name: value for name, value in given.items() if name in known}
    if not problems and len(asked) != 1:
        problems = dict.fromkeys(known, "exactly_one")
    for name, value in asked.items():
        if not isinstance(value, str) or not value.strip():
            problems[name] = "missing"
        elif len(value) > LONGEST_VALUE:
            problems[name] = "too_long"
    if problems:
        raise RequestInvalidError(problems)
    name, value = next(iter(asked.items()))
    return Question(name, value)
