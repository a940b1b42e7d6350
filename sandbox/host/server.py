"""The host over HTTP: one aiohttp server in front of the functions, with the limits of Kestrel.

https://learn.microsoft.com/aspnet/core/fundamentals/servers/kestrel/options#request-limits
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from aiohttp import web
from azure.functions.queue import QueueMessage

from sandbox.host.configuration import HostConfiguration
from sandbox.host.conversion import Answer, UnusableResultError, joined_headers, to_answer, to_request
from sandbox.host.indexing import IndexedFunction
from sandbox.host.invocation import Invoker
from sandbox.host.keys import Keys
from sandbox.host.routing import decode_path, find_route, routes_of
from sandbox.host.timers import schedule_of, timer_request

log = logging.getLogger("host")
REQUEST_LINE_BYTES = 8 * 1024
HEADER_BYTES = 32 * 1024
HEADER_COUNT = 100
BODY_BYTES = 104_857_600
ADMIN = "/admin/"


class FunctionsServer:
    """Answers requests with the functions of one app."""

    def __init__(
        self, functions: Sequence[IndexedFunction], configuration: HostConfiguration, invoker: Invoker
    ) -> None:
        self._routes = routes_of(functions, configuration.route_prefix)
        self._others = {f.name.lower(): f for f in functions if f.kind != "httpTrigger"}
        self._keys = Keys(configuration.function_key, configuration.master_key)
        self._values: Mapping[str, str] = configuration.values
        self._invoker = invoker
        self._admin_runs: set[asyncio.Task[Any]] = set()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request; never raises for what a function does."""
        return await _send(request, await self._answer(request))

    async def _answer(self, request: web.BaseRequest) -> Answer:
        if refused := _refused(request):
            return Answer(refused)
        target = _origin_form(request.raw_path)
        raw_path, _, query = target.partition("?")
        path = decode_path(raw_path)
        headers = [
            (name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in request.raw_headers
        ]
        if path.lower().startswith(ADMIN):
            return await self._administer(request, path, joined_headers(headers), query)
        found = find_route(self._routes, request.method, path)
        if found is None:
            return Answer(404)
        route, values = found
        if not self._keys.allow(str(route.function.trigger["authLevel"]), joined_headers(headers), query):
            return Answer(401)
        url = f"http://{request.headers.get('Host', '')}{target}"
        return await self._call(
            route.function, to_request(request.method, url, headers, values, await _body(request))
        )

    async def _call(self, function: IndexedFunction, request: Any) -> Answer:
        try:
            return to_answer(await self._invoker.run(function, request))
        except UnusableResultError as error:
            log.error("unusable_result function=%s reason=%s", function.name, error)  # noqa: TRY400 - no stack of use
        except Exception:  # noqa: BLE001 - logged by the invoker; Azure answers 500 whatever it was
            log.debug("answered_500 function=%s", function.name)
        return Answer(500)

    async def _administer(
        self, request: web.BaseRequest, path: str, headers: Mapping[str, str], query: str
    ) -> Answer:
        """POST /admin/functions/NAME runs a function that has no address of its own."""
        if not self._keys.allow("admin", headers, query):
            return Answer(401)
        name = path.lower().removeprefix(ADMIN).removeprefix("functions/").strip("/")
        function = self._others.get(name)
        if function is None or request.method != "POST":
            return Answer(404)
        try:
            text = _admin_input(await _body(request))
        except ValueError:
            return Answer(400)
        run = asyncio.create_task(self._call_by_admin(function, text))
        self._admin_runs.add(run)
        run.add_done_callback(self._admin_runs.discard)
        return Answer(202)

    async def _call_by_admin(self, function: IndexedFunction, text: str) -> None:
        if function.kind == "timerTrigger":
            value: object = timer_request(schedule_of(function, self._values), datetime.now(UTC))
        else:
            value = QueueMessage(id=str(uuid4()), body=text, dequeue_count=1)
        try:
            await self._invoker.run(function, value)
        except Exception:  # noqa: BLE001 - logged by the invoker; the caller had its 202
            log.debug("admin_run_failed function=%s", function.name)


def _refused(request: web.BaseRequest) -> int | None:
    line = len(request.method) + len(request.raw_path) + len(" HTTP/1.1\r\n") + 1
    if line > REQUEST_LINE_BYTES:
        return 414
    size = sum(len(name) + len(value) + len(": \r\n") for name, value in request.raw_headers)
    if size > HEADER_BYTES or len(request.raw_headers) > HEADER_COUNT:
        return 431
    if "%00" in request.raw_path.partition("?")[0]:
        return 400
    return 413 if (request.content_length or 0) > BODY_BYTES else None


def _origin_form(target: str) -> str:
    if target.startswith("/"):
        return target
    path = target.partition("://")[2].partition("/")[2]
    return f"/{path}"


async def _body(request: web.BaseRequest) -> bytes:
    # The host passes on only a body that Content-Length announces: a chunked request arrives empty.
    length = request.content_length
    return await request.content.readexactly(length) if length else b""


def _admin_input(body: bytes) -> str:
    document = json.loads(body or b"{}")
    if not isinstance(document, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - one kind of error for one kind of bad body
    return str(document.get("input") or "")


async def _send(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status)
    response.headers["Server"] = "Kestrel"
    for name, value in answer.headers:
        response.headers.add(name, value)
    body = b"" if request.method == "HEAD" or answer.status in {204, 304} else answer.body
    if (
        "Content-Length" not in response.headers
        and answer.status not in {204, 304}
        and request.method != "HEAD"
    ):
        if body and request.version >= (1, 1):
            response.enable_chunked_encoding()
        else:
            response.content_length = len(body)
    await response.prepare(request)
    if body:
        await response.write(body)
    await response.write_eof()
    return response
