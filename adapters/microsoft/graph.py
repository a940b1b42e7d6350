"""Microsoft Graph through msgraph-sdk's request builders, with the native response (rule P2).

Building the models of one licence imports about 1,200 modules and takes a second; the builders and the
SDK's pipeline without the models cost a hundredth of that, so JSON is read into our own values here.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from adapters.microsoft.graph_answers import checked, licence, role, subscription
from adapters.microsoft.id_token import roles_of
from association.errors import (
    SAYS_NOTHING_OF_THE_TENANT,
    MicrosoftRefusedError,
    MicrosoftUnavailableError,
)
from association.identity import PersonFacts, TenantFacts
from association.settings import Settings

if TYPE_CHECKING:
    import httpx
    from kiota_abstractions.request_information import RequestInformation
    from msgraph.graph_request_adapter import GraphRequestAdapter

# kiota's stand-in, which the SDK's pipeline turns into /me
ME = "me-token-to-replace"
MOST_PAGES = 50

AppToken = Callable[[str], Awaitable[str]]


class Graph:
    """Graph at `settings.graph_url`; `app_token` gives a fresh app-only token for a tenant id.

    One HTTP client per worker, opened on first use on the loop that uses it.
    """

    def __init__(self, settings: Settings, app_token: AppToken, timeout: float = 8.0) -> None:
        self._url = settings.graph_url
        self._app_token = app_token
        self._timeout = timeout
        self._adapter: GraphRequestAdapter | None = None
        self._transport: httpx.AsyncHTTPTransport | None = None

    async def tenant_facts(self, tenant_id: str) -> TenantFacts:
        """What the tenant is and has bought, by the app's own access; None for what can't be read.

        Raises MicrosoftUnavailableError when Microsoft does not answer, MicrosoftRefusedError when its
        refusal says nothing of the tenant.
        """
        try:
            token = await self._app_token(tenant_id)
        except MicrosoftRefusedError as error:
            if error.answer in SAYS_NOTHING_OF_THE_TENANT:
                raise
            return TenantFacts()
        organisations, subscriptions = await asyncio.gather(
            self._read_or_none(self._organization(), token),
            self._read_or_none(self._subscribed_skus(), token),
        )
        organisation = organisations[0] if organisations else {}
        return TenantFacts(
            roles=roles_of(token),
            tenant_id=str(organisation.get("id", "")).lower(),
            organisation=str(organisation.get("displayName") or "")[:200],
            domains=frozenset(
                str(domain.get("name", "")).lower() for domain in organisation.get("verifiedDomains") or ()
            ),
            subscriptions=None
            if subscriptions is None
            else tuple(subscription(item) for item in subscriptions),
        )

    async def person_facts(self, access_token: str) -> PersonFacts:
        """The roles and licences of the token's own person; None for what can't be read.

        Raises MicrosoftUnavailableError when Microsoft does not answer.
        """
        roles, licences = await asyncio.gather(
            self._read_or_none(self._directory_roles(), access_token),
            self._read_or_none(self._licence_details(), access_token),
        )
        return PersonFacts(
            roles=None if roles is None else tuple(role(item) for item in roles),
            licences=None if licences is None else tuple(licence(item) for item in licences),
        )

    async def close(self) -> None:
        """Close the connections; they open again on use."""
        transport, self._transport, self._adapter = self._transport, None, None
        if transport is not None:
            await transport.aclose()

    async def _read_or_none(self, request: "RequestInformation", token: str) -> list[dict[str, Any]] | None:
        try:
            return await self._read_all(request, token)
        except MicrosoftRefusedError:
            return None

    async def _read_all(self, request: "RequestInformation", token: str) -> list[dict[str, Any]]:
        """Every item of a collection, following `@odata.nextLink` on our own Graph host only."""
        items: list[dict[str, Any]] = []
        for _ in range(MOST_PAGES):
            page = await self._read(request, token)
            items.extend(page.get("value") or ())
            following = page.get("@odata.nextLink")
            if not following:
                return items
            request = self._next(str(following), request)
        raise MicrosoftUnavailableError("call=graph reason=endless_paging")

    async def _read(self, request: "RequestInformation", token: str) -> dict[str, Any]:
        import httpx

        request.headers.remove("Authorization")
        request.headers.add("Authorization", f"Bearer {token}")
        try:
            response: httpx.Response = await self._open().send_primitive_async(request, "bytes", {})
            body = response.json() if response.content else {}
        except httpx.HTTPError as error:
            raise MicrosoftUnavailableError(f"call=graph kind={type(error).__name__}") from None
        except ValueError:
            raise MicrosoftUnavailableError("call=graph reason=not_json") from None
        return checked(response, body)

    def _next(self, link: str, before: "RequestInformation") -> "RequestInformation":
        from kiota_abstractions.request_information import RequestInformation

        here, there = urlsplit(self._url), urlsplit(link)
        if (here.scheme, here.netloc) != (there.scheme, there.netloc):
            raise MicrosoftUnavailableError("call=graph reason=next_link_elsewhere")
        following = RequestInformation(before.http_method)
        following.url = link
        following.headers.add_all(before.headers)
        return _natively(following)

    def _organization(self) -> "RequestInformation":
        from msgraph.generated.organization.organization_request_builder import (
            OrganizationRequestBuilder,
        )

        return _natively(OrganizationRequestBuilder(self._open(), {}).to_get_request_information())

    def _subscribed_skus(self) -> "RequestInformation":
        from msgraph.generated.subscribed_skus.subscribed_skus_request_builder import (
            SubscribedSkusRequestBuilder,
        )

        return _natively(SubscribedSkusRequestBuilder(self._open(), {}).to_get_request_information())

    def _licence_details(self) -> "RequestInformation":
        return _natively(self._me().license_details.to_get_request_information())

    def _directory_roles(self) -> "RequestInformation":
        from kiota_abstractions.base_request_configuration import RequestConfiguration
        from msgraph.generated.users.item.transitive_member_of.graph_directory_role import (
            graph_directory_role_request_builder as roles,
        )

        query = roles.GraphDirectoryRoleRequestBuilder.GraphDirectoryRoleRequestBuilderGetQueryParameters
        configuration = RequestConfiguration(query_parameters=query(count=True))
        builder = self._me().transitive_member_of.graph_directory_role
        request = builder.to_get_request_information(configuration)
        # the cast to directoryRole is an advanced query
        request.headers.add("ConsistencyLevel", "eventual")
        return _natively(request)

    def _me(self) -> Any:
        from msgraph.generated.users.users_request_builder import UsersRequestBuilder

        return UsersRequestBuilder(self._open(), {}).by_user_id(ME)

    def _open(self) -> "GraphRequestAdapter":
        if self._adapter is None:
            import httpx

            # kept in hand: closing the SDK's client does not reach the transport under its middleware
            self._transport = httpx.AsyncHTTPTransport()
            self._adapter = _adapter(self._url, self._transport, self._timeout)
        return self._adapter


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


def _natively(request: "RequestInformation") -> "RequestInformation":
    from kiota_abstractions.native_response_handler import NativeResponseHandler
    from kiota_http.middleware.options import ResponseHandlerOption

    request.add_request_options([ResponseHandlerOption(NativeResponseHandler())])
    return request
