"""httpx's transport, which also closes the connection of a TLS handshake that is given up.

httpcore 1.0 closes it when the handshake fails, but not when whoever waits for it is cancelled, as at the end
of a request's time: the connection would then stay open for as long as the worker lives.
What it tells meanwhile: https://www.encode.io/httpcore/extensions/#trace
"""

from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from httpcore import AsyncNetworkStream


class Transport(httpx.AsyncHTTPTransport):
    """As httpx's own, and leaves no connection behind."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As httpx's own."""
        request.extensions = {**request.extensions, "trace": _Handshake().told}
        return await super().handle_async_request(request)


class _Handshake:
    """The connection under it, from when it is made until the handshake has ended."""

    def __init__(self) -> None:
        self._connection: AsyncNetworkStream | None = None

    async def told(self, event: str, values: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            self._connection = values["return_value"]
        elif event == "connection.start_tls.failed" and self._connection:
            await self._connection.aclose()
