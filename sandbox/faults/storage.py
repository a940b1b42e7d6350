"""A proxy before Azurite's table and queue endpoints that lets everything through but the planned faults.

It changes nothing that is signed or read: method, address as it was written, headers, body, status.
Error bodies: https://learn.microsoft.com/rest/api/storageservices/status-and-error-codes2
"""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from uuid import uuid4
from xml.sax.saxutils import escape

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from sandbox.faults.http import disturbed
from sandbox.faults.listed import Part
from sandbox.faults.plan import Call, Disturbance, Plan
from sandbox.storage import Storage
from sandbox.threads import loop_in_a_thread

# Of one connection only (RFC 9110 §7.6.1); lengths are written anew.
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "proxy-connection"}
)
_ADDED_BY_CLIENT = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
_REFUSALS = {
    "server_error": (500, "InternalError", "The server encountered an internal error."),
    "operation_timed_out": (500, "OperationTimedOut", "The operation was not completed in time."),
    "server_busy": (503, "ServerBusy", "The server is busy."),
}
_MOST_BYTES = 8 * 1024 * 1024


class StorageProxy:
    """Leads to one endpoint of Azurite (its port); `part` is STORAGE for tables, QUEUE for queues."""

    def __init__(self, plan: Plan, part: Part, port: int) -> None:
        self._plan = plan
        self._part = part
        self._origin = f"http://127.0.0.1:{port}"
        self._session: aiohttp.ClientSession | None = None

    def app(self) -> web.Application:
        """The application to be served."""
        app = web.Application(client_max_size=_MOST_BYTES)
        app.cleanup_ctx.append(self._connected)
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    async def _connected(self, _: web.Application) -> AsyncIterator[None]:
        connector = aiohttp.TCPConnector(limit=0)
        cookies = aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(
            connector=connector, cookie_jar=cookies, auto_decompress=False, skip_auto_headers=_ADDED_BY_CLIENT
        ) as session:
            self._session = session
            yield

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if not self._plan.concerns(self._part):
            return await self._forward(request)
        call = Call(part=self._part, method=request.method, path=request.raw_path)
        disturbance = self._plan.strikes(call)
        if disturbance is None:
            return await self._forward(request)
        return await disturbed(request, self._forward, disturbance, self._refusal)

    async def _forward(self, request: web.Request) -> web.Response:
        if self._session is None:
            raise web.HTTPServiceUnavailable
        address = URL(f"{self._origin}{request.raw_path}", encoded=True)
        headers, body = _end_to_end(request.headers), await request.read()
        async with self._session.request(
            request.method, address, headers=headers, data=body or None, allow_redirects=False
        ) as answer:
            return web.Response(
                body=await answer.read(),
                status=answer.status,
                reason=answer.reason,
                headers=_end_to_end(answer.headers),
            )

    def _refusal(self, _: web.Request, disturbance: Disturbance) -> web.Response:
        status, code, text = _REFUSALS[disturbance.fault.name]
        identifier, at = str(uuid4()), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
        message = f"{text}\nRequestId:{identifier}\nTime:{at}"
        headers = {"x-ms-request-id": identifier, "x-ms-version": "2019-02-02"}
        if self._part is Part.QUEUE:
            headers |= {"x-ms-error-code": code, "Content-Type": "application/xml"}
            body = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
            text = f'\ufeff<?xml version="1.0" encoding="utf-8"?>{body}'
        else:
            headers["Content-Type"] = "application/json;odata=minimalmetadata;streaming=true;charset=utf-8"
            error = {"code": code, "message": {"lang": "en-US", "value": message}}
            text = json.dumps({"odata.error": error})
        reason = HTTPStatus(status).phrase
        return web.Response(body=text.encode(), status=status, reason=reason, headers=headers)


def _end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _HOP_BY_HOP)


@asynccontextmanager
async def proxied(
    storage: Storage, plan: Plan, queue: socket.socket, table: socket.socket
) -> AsyncIterator[Storage]:
    """The storage as it is reached through two proxies, which serve on these bound sockets meanwhile."""
    async with AsyncExitStack() as stack:
        for part, port, bound in (
            (Part.QUEUE, storage.queue_port, queue),
            (Part.STORAGE, storage.table_port, table),
        ):
            app = StorageProxy(plan, part, port).app()
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.SockSite(runner, bound).start()
        yield replace(storage, queue_port=queue.getsockname()[1], table_port=table.getsockname()[1])


@contextmanager
def faulty_storage(storage: Storage, plan: Plan) -> Iterator[Storage]:
    """The storage through proxies on free ports, served from a thread of their own."""
    with socket.socket() as queue, socket.socket() as table, loop_in_a_thread() as run:
        for bound in (queue, table):
            bound.bind(("127.0.0.1", 0))
        proxies = proxied(storage, plan, queue, table)
        reached = run(proxies.__aenter__())
        try:
            yield reached
        finally:
            run(proxies.__aexit__(None, None, None))
