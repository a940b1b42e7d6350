"""What Sage support asks, in JSON, with the function key in the header."""

from typing import Any

import azure.functions as func

from association.errors import RequestInvalidError
from association.support import Question, find, renew_link
from functions.services import services
from functions.web import responses
from functions.web.boundary import json_api
from functions.web.browser import query
from functions.web.json_body import read_json, require_key_in_header
from functions.web.views import support_view

bp = func.Blueprint()
KEYS = ("association_id", "tenant_id", "order_number", "customer_number", "reference")
LONGEST_VALUE = 254


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
    """Issue and mail a new link, with a reason."""
    body = read_json(req)
    reason = body.get("reason", "") if isinstance(body, dict) else ""
    ports = services().ports
    renewed = await renew_link(ports, req.route_params["id"], reason if isinstance(reason, str) else "")
    return responses.data(support_view(renewed, ports.now()))


async def _answer(question: Question) -> func.HttpResponse:
    ports = services().ports
    found = await find(ports, question)
    now = ports.now()
    return responses.data({"associations": [support_view(record, now) for record in found]})


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
