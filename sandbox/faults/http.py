"""What can happen to an HTTP exchange on its way, over aiohttp: reset, hang, drip, cut off.

Status codes and bodies of a refusal are the business of whoever is disturbed; here is only what any server
does alike. RFC 9112 §8 on incomplete messages.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import Awaitable, Callable

from aiohttp import web

from sandbox.faults.plan import Disturbance

_LOOK_SECONDS = 0.1
_ENDLESS = 1_000_000
# SO_LINGER with a time of 0: close() sends RST instead of FIN.
_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Refusal = Callable[[web.Request, Disturbance], web.Response]


async def disturbed(
    request: web.Request, handler: Handler, disturbance: Disturbance, refusal: Refusal
) -> web.StreamResponse:
    """The exchange under a disturbance. `refusal` makes the answer of a fault that is one."""
    match disturbance.fault.name:
        case "reset":
            return await _reset(request)
        case "hang":
            await _until_gone(request)
            return web.Response()
        case "answer_lost":
            await handler(request)
            return await _reset(request)
        case "truncated_body":
            return await _cut_off(request, await handler(request))
        case "slow_drip":
            return await _drip(request, await handler(request), disturbance.seconds)
    return refusal(request, disturbance)


async def _reset(request: web.Request) -> web.Response:
    transport = request.transport
    if transport is not None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        transport.abort()
        await asyncio.sleep(0)
    return web.Response()


async def _until_gone(request: web.Request) -> None:
    """Until the client has left; the end of the server cancels it."""
    while _is_there(request):  # noqa: ASYNC110 - aiohttp has no event for it
        await asyncio.sleep(_LOOK_SECONDS)


async def _cut_off(request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
    """Half of the body, then an orderly end; of an answer without body, hardly a head."""
    body = _body(answer)
    transport = request.transport
    if transport is None:
        return answer
    if not body:
        transport.write(b"HTTP/1.")
        transport.close()
        return answer
    cut = await _begun(request, answer, len(body))
    await cut.write(body[: len(body) // 2])
    transport.close()
    return cut


async def _drip(request: web.Request, answer: web.StreamResponse, seconds: float) -> web.StreamResponse:
    """The body one byte at a time, and blanks when it has ended."""
    drip = await _begun(request, answer, _ENDLESS)
    remaining = iter(_body(answer))
    while _is_there(request):
        await drip.write(bytes([next(remaining, 0x20)]))
        await asyncio.sleep(seconds)
    return drip


async def _begun(request: web.Request, answer: web.StreamResponse, length: int) -> web.StreamResponse:
    """An answer with the head of `answer`, announcing `length` bytes."""
    status = answer.status if answer.status != web.HTTPNoContent.status_code else web.HTTPOk.status_code
    begun = web.StreamResponse(status=status, headers=answer.headers)
    begun.content_length = length
    await begun.prepare(request)
    return begun


def _body(answer: web.StreamResponse) -> bytes:
    body = answer.body if isinstance(answer, web.Response) else None
    return body if isinstance(body, bytes) else b""


def _is_there(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()
