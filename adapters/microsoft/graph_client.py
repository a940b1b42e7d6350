"""Graph's HTTP: one client per worker, the SDK's pipeline with the native response, pages followed.

Building the models of one licence imports about 1,200 modules and takes a second; the builders and the
SDK's pipeline without the models cost a hundredth of that, so JSON is read into our own values (rule P2).
"""

import asyncio
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from adapters.deadline import seconds_to_ask
from adapters.microsoft.graph_answers import checked, items_of
from adapters.microsoft.retries import REPEATS_OF_CONNECTION, PassingError, Retries
from association.microsoft_errors import MicrosoftUnavailableError

if TYPE_CHECKING:
    import httpx
    from kiota_abstractions.request_information import RequestInformation
    from msgraph.graph_request_adapter import GraphRequestAdapter

MOST_PAGES = 50


class GraphClient:
    """Sends requests to Graph at `url`; each attempt may take `timeout` seconds in all, and no longer than
    the request at hand has left. All are reads, so each is asked again as far as `retries` allow (rule R3).

    Opened on first use on the loop that uses it.
    """

    def __init__(self, url: str, timeout: float, retries: Retries) -> None:
        self._url = url
        self._timeout = timeout
        self._retries = retries
        self._adapter: GraphRequestAdapter | None = None
        self._transport: httpx.AsyncHTTPTransport | None = None

    @property
    def adapter(self) -> "GraphRequestAdapter":
        """What the SDK's request builders are made with."""
        if self._adapter is None:
            from adapters.microsoft.graph_transport import Transport

            # at INFO it logs every address, and those hold people's ids (rule S5)
            logging.getLogger("httpx").setLevel(logging.WARNING)
            # kept in hand: closing the SDK's client does not reach the transport under its middleware
            self._transport = Transport()
            self._adapter = _adapter(self._url, self._transport, self._timeout)
        return self._adapter

    async def read(self, request: "RequestInformation", token: str, *, repeat: bool = True) -> dict[str, Any]:
        """One object, or one page. Raises MicrosoftRefusedError, MicrosoftUnavailableError."""
        _natively(request)
        request.headers.remove("Authorization")
        request.headers.add("Authorization", f"Bearer {token}")
        if not repeat:
            return await self._send(request)
        return await self._retries.repeat(lambda: self._send(request))

    async def _send(self, request: "RequestInformation") -> dict[str, Any]:
        import httpx

        try:
            # httpx begins its times anew with every byte; this one is for the whole answer
            async with asyncio.timeout(seconds_to_ask(self._timeout)):
                response: httpx.Response = await self.adapter.send_primitive_async(request, "bytes", {})
        except (TimeoutError, httpx.TimeoutException):
            raise MicrosoftUnavailableError("call=graph kind=Timeout") from None
        except httpx.TransportError as error:
            detail = f"call=graph kind={type(error).__name__}"
            raise PassingError(detail, repeats=REPEATS_OF_CONNECTION) from None
        except httpx.HTTPError as error:
            raise MicrosoftUnavailableError(f"call=graph kind={type(error).__name__}") from None
        return checked(response)

    async def read_all(
        self, request: "RequestInformation", token: str, *, repeat: bool = True
    ) -> list[dict[str, Any]]:
        """Every item of a collection, following `@odata.nextLink` on our own Graph host only.

        Raises as `read`.
        """
        items: list[dict[str, Any]] = []
        for _ in range(MOST_PAGES):
            page = await self.read(request, token, repeat=repeat)
            items.extend(items_of(page))
            following = page.get("@odata.nextLink")
            if not following:
                return items
            request = self._next(str(following), request)
        raise MicrosoftUnavailableError("call=graph reason=endless_paging")

    async def close(self) -> None:
        """Close the connections; they open again on use."""
        transport, self._transport, self._adapter = self._transport, None, None
        if transport is not None:
            await transport.aclose()

    def _next(self, link: str, before: "RequestInformation") -> "RequestInformation":
        from kiota_abstractions.request_information import RequestInformation

        here, there = urlsplit(self._url), urlsplit(link)
        if (here.scheme, here.netloc) != (there.scheme, there.netloc):
            raise MicrosoftUnavailableError("call=graph reason=next_link_elsewhere")
        following = RequestInformation(before.http_method)
        following.url = link
        following.headers.add_all(before.headers)
        return following


def _adapter(url: str, transport: "httpx.AsyncHTTPTransport", timeout: float) -> "GraphRequestAdapter":
    """The SDK's adapter over one HTTP client, without kiota's own retries (rule R3) and redirects."""
    import httpx
    from kiota_abstractions.authentication import AnonymousAuthenticationProvider
    from kiota_http.middleware.options import RedirectHandlerOption, RetryHandlerOption
    from msgraph.graph_request_adapter import GraphRequestAdapter, options
    from msgraph_core import GraphClientFactory

    client = GraphClientFactory.create_with_default_middleware(
        client=httpx.AsyncClient(transport=transport, timeout=timeout),
        options={
            **options,
            RetryHandlerOption.get_key(): RetryHandlerOption(max_retries=0, should_retry=False),
            RedirectHandlerOption.get_key(): RedirectHandlerOption(should_redirect=False),
        },
    )
    adapter = GraphRequestAdapter(AnonymousAuthenticationProvider(), client=client)
    adapter.base_url = url
    return adapter


def _natively(request: "RequestInformation") -> None:
    from kiota_abstractions.native_response_handler import NativeResponseHandler
    from kiota_http.middleware.options import ResponseHandlerOption

    request.add_request_options([ResponseHandlerOption(NativeResponseHandler())])
