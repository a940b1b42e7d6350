"""HTTP messages into azure.functions.HttpRequest and out of HttpResponse, with all that gets lost."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

import azure.functions as func
from azure.functions.http import HttpRequest

from sandbox.host.cookies import rewrite_cookies

_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class UnusableResultError(Exception):
    """What the function returned cannot be sent: the caller answers 500 with an empty body."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out: headers in order, Set-Cookie possibly repeated."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


def to_request(
    method: str, url: str, headers: Iterable[tuple[str, str]], route_params: Mapping[str, str], body: bytes
) -> func.HttpRequest:
    """The request as the function sees it; `url` is whole, percent-encoded and with its query."""
    return HttpRequest(
        method=method,
        url=url,
        headers=joined_headers(headers),
        params=single_valued(url.partition("?")[2]),
        route_params=route_params,
        body_type="bytes",
        body=body,
    )


def joined_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Names in lower case, repeated ones joined with a comma."""
    joined: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        joined[key] = f"{joined[key]},{value}" if key in joined else value
    return joined


def single_valued(query: str) -> dict[str, str]:
    """`a=1&a=2&A=3` becomes `{"a": "1,2,3"}`; empty values vanish."""
    names: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, errors="replace"):
        names.setdefault(name.lower(), name)
        values.setdefault(name.lower(), []).append(value)
    joined = {names[key]: ",".join(v for v in items if v) for key, items in values.items()}
    return {name: value for name, value in joined.items() if value}


def to_answer(result: object) -> Answer:
    """The function's HttpResponse as it leaves the host.

    Raises:
        UnusableResultError: no HttpResponse, or a header that cannot be sent.
    """
    if not isinstance(result, func.HttpResponse):
        raise UnusableResultError(f"the function returned {type(result).__name__}, not HttpResponse")
    try:
        cookies = rewrite_cookies(result.headers.getlist("Set-Cookie"))
    except Exception as error:
        raise UnusableResultError(f"Set-Cookie cannot be converted: {error}") from error
    last: dict[str, tuple[str, str]] = {}
    for name, value in result.headers.items():
        last[name.lower()] = (name, str(value))
    last.pop("set-cookie", None)
    last.setdefault("content-type", ("Content-Type", _content_type(result)))
    headers = (*last.values(), *(("Set-Cookie", cookie) for cookie in cookies))
    for name, value in headers:
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise UnusableResultError(f"the header {name!a} has characters that cannot be sent")
    return Answer(int(result.status_code), headers, result.get_body())


def _content_type(response: func.HttpResponse) -> str:
    return (
        f"{response.mimetype}; charset={response.charset}"
        if response.mimetype.startswith("text/")
        else response.mimetype
    )
