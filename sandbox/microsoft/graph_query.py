"""Query options of Graph: $select, $top, $count, and paging by @odata.nextLink.

https://learn.microsoft.com/graph/paging
"""

import base64
from binascii import Error as Base64Error
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from sandbox.microsoft.graph_errors import bad_request
from sandbox.microsoft.tenants import Json

_MOST_ON_A_PAGE = 999


def select(item: Json, wanted: str | None) -> Json:
    """An object with the selected properties only (all without $select); raises for unknown ones."""
    if not wanted:
        return item
    names = [name.strip() for name in wanted.split(",")]
    unknown = [name for name in names if name not in item]
    if unknown:
        raise bad_request(f"Could not find a property named '{unknown[0]}'.")
    return {name: value for name, value in item.items() if name in names or name.startswith("@odata.")}


def one_page(items: Sequence[Json], request: web.Request, base: str, page_size: int) -> dict[str, Any]:
    """The page that a request asks for, with the absolute address of the next one."""
    query = request.query
    size = min(page_size, _top(query.get("$top")))
    start = _offset(query.get("$skiptoken"))
    page: dict[str, Any] = {}
    if query.get("$count", "").lower() == "true":
        page["@odata.count"] = len(items)
    if start + size < len(items):
        others = [(name, value) for name, value in query.items() if name != "$skiptoken"]
        token = base64.urlsafe_b64encode(f"at:{start + size}".encode()).decode()
        path = request.rel_url.raw_path.partition("/v1.0")[2]
        page["@odata.nextLink"] = f"{base}{path}?{urlencode([*others, ('$skiptoken', token)], safe='$')}"
    return page | {"value": [select(item, query.get("$select")) for item in items[start : start + size]]}


def _top(value: str | None) -> int:
    if value is None:
        return _MOST_ON_A_PAGE
    if not (value.isascii() and value.isdecimal() and 1 <= int(value) <= _MOST_ON_A_PAGE):
        raise bad_request("Invalid page size specified. Must be between 1 and 999 inclusive.")
    return int(value)


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        word, _, number = base64.urlsafe_b64decode(token).decode().partition(":")
        offset = int(number) if word == "at" else -1
    except (Base64Error, ValueError):
        offset = -1
    if offset < 0:
        raise bad_request("The specified skip token is invalid.")
    return offset
