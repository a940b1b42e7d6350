"""How Sage support finds an association, in JSON, with the function key in the header."""

from typing import TYPE_CHECKING, Any

import azure.functions as func

from association.errors import RequestInvalidError
from functions.services import services
from functions.web import responses
from functions.web.boundary import json_api, language_of
from functions.web.browser import query
from functions.web.json_body import object_of, read_json, require_key_in_header

if TYPE_CHECKING:
    from association.support import Question

bp = func.Blueprint()
KEYS = ("association_id", "tenant_id", "order_number", "customer_number", "reference")
LONGEST_VALUE = 254


@bp.function_name("support_find")
@bp.route("support/associations", methods=["GET", "HEAD"], auth_level=func.AuthLevel.FUNCTION)
@json_api
async def find_associations(req: func.HttpRequest) -> func.HttpResponse:
    """Find by one key in the query; an e-mail address never goes there (rule S5)."""
    require_key_in_header(req)
    return await _answer(req, _question(query(req), KEYS))


@bp.function_name("support_search")
@bp.route("support/associations/search", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@json_api
async def search_associations(req: func.HttpRequest) -> func.HttpResponse:
    """Find by one key in the body, an e-mail address among them; `after` goes on where a page ended."""
    return await _answer(req, _question(read_json(req), (*KEYS, "email"), ("after",)))


async def _answer(req: func.HttpRequest, question: "Question") -> func.HttpResponse:
    from association.support import find_page
    from functions.web.support_view import support_view

    ports = services().ports
    found = await find_page(ports, question)
    views = [support_view(record, ports, language_of(req)) for record in found.records]
    return responses.data({"associations": views, "next": found.following or None})


def _question(given: Any, keys: tuple[str, ...], others: tuple[str, ...] = ()) -> "Question":
    """The one key in `given`, beside fields named in `others`. Raises RequestInvalidError."""
    from association.support import Question

    body = object_of(given, (*keys, *others))
    asked = [name for name in keys if name in body]
    if len(asked) != 1:
        raise RequestInvalidError(dict.fromkeys(keys, "exactly_one"))
    problems = {name: code for name, value in body.items() if (code := _problem(value))}
    if problems:
        raise RequestInvalidError(problems)
    return Question(asked[0], body[asked[0]], body.get("after", ""))


def _problem(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        return "missing"
    return "too_long" if len(value) > LONGEST_VALUE else ""
