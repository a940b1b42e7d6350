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
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestInvalidError({"body": "not_json"}) from error


def require_key_in_header(req: func.HttpRequest) -> None:
    """The host takes a key from `?code=` too, where proxies and logs keep it: refused (rule S7)."""
    if "code" in query(req) or "x-functions-key" not in req.headers:
        raise KeyInQueryError
