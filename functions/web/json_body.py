"""JSON requests: read within limits, and with the key where it belongs."""

import json
from typing import Any

import azure.functions as func

from association.errors import KeyInQueryError, RequestInvalidError
from functions.web.browser import query

LARGEST_BODY = 32 * 1024


def read_json(req: func.HttpRequest) -> Any:
    """The body of a request as parsed JSON (RFC 8259).

    Raises RequestInvalidError for a body too large or not JSON, KeyInQueryError.
    """
    require_key_in_header(req)
    body = req.get_body()
    if len(body) > LARGEST_BODY:
        raise RequestInvalidError({"body": "too_long"})
    try:
        return json.loads(body, parse_float=_number, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise RequestInvalidError({"body": "not_json"}) from error


def _number(text: str) -> int | float:
    """5.0 is the integer 5, as JSON Schema has it, however the caller's language writes its numbers."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _refuse(name: str) -> None:
    """Python reads NaN and Infinity, which no JSON may hold (RFC 8259 §6). Raises ValueError."""
    raise ValueError(name)


def read_object(req: func.HttpRequest, known: tuple[str, ...]) -> dict[str, Any]:
    """The body as a JSON object of `known` fields.

    Raises RequestInvalidError for anything else, naming every other field, and as `read_json` does.
    """
    return object_of(read_json(req), known)


def object_of(given: Any, known: tuple[str, ...]) -> dict[str, Any]:
    """`given` as an object of `known` fields. Raises RequestInvalidError."""
    if not isinstance(given, dict):
        raise RequestInvalidError({"body": "not_an_object"})
    problems = {str(name)[:40]: "unknown_field" for name in given if name not in known}
    if problems:
        raise RequestInvalidError(problems)
    return given


def text_of(body: dict[str, Any], name: str, otherwise: str = "") -> str:
    """The text of a field, `otherwise` where it isn't given. Raises RequestInvalidError."""
    value = body.get(name, otherwise)
    if not isinstance(value, str):
        raise RequestInvalidError({name: "not_text"})
    return value


def require_key_in_header(req: func.HttpRequest) -> None:
    """The host takes a key from `?code=` too, where proxies and logs keep it: refused (rule S7)."""
    if "code" in query(req) or "x-functions-key" not in req.headers:
        raise KeyInQueryError
