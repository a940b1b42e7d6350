"""Microsoft Graph, read into our own values: a tenant, a person, and what applications were granted."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from adapters.microsoft import graph_requests as requests
from adapters.microsoft.graph_answers import (
    NotThereError,
    eligible_roles,
    giving_group,
    licence,
    role,
    subscription,
    well_formed,
)
from adapters.microsoft.graph_client import GraphClient
from adapters.microsoft.id_token import roles_of
from adapters.microsoft.retries import Retries
from association.answer import NOT_THERE_YET, SAYS_NOTHING_OF_THE_TENANT
from association.identity import PersonFacts, Role, TenantFacts
from association.microsoft_errors import MicrosoftRefusedError, MicrosoftUnavailableError
from association.settings import Settings

if TYPE_CHECKING:
    from kiota_abstractions.request_information import RequestInformation

AppToken = Callable[[str], Awaitable[str]]


class Graph:
    """Graph at `settings.graph_url`; `app_token` gives a fresh app-only token for a tenant id."""

    def __init__(
        self, settings: Settings, app_token: AppToken, timeout: float = 8.0, retries: Retries | None = None
    ) -> None:
        self._app_token = app_token
        self._client = GraphClient(settings.graph_url, timeout, retries or Retries())

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
        adapter = self._client.adapter
        organisations, subscriptions, purchases = await asyncio.gather(
            self._read_or_none(requests.organization(adapter), token),
            self._read_or_none(requests.subscribed_skus(adapter), token),
            self._read_if_told(requests.company_subscriptions(adapter), token),
        )
        organisation = organisations[0] if organisations else {}
        with well_formed():
            return TenantFacts(
                roles=roles_of(token),
                tenant_id=str(organisation.get("id", "")).lower(),
                organisation=str(organisation.get("displayName") or "")[:200],
                domains=frozenset(
                    str(domain.get("name", "")).lower()
                    for domain in organisation.get("verifiedDomains") or ()
                ),
                subscriptions=None
                if subscriptions is None
                else tuple(subscription(item, purchases or ()) for item in subscriptions),
            )

    async def person_facts(self, access_token: str) -> PersonFacts:
        """The roles and licences of the token's own person; None for what can't be read.

        Raises MicrosoftUnavailableError when Microsoft does not answer.
        """
        adapter = self._client.adapter
        user, roles, direct, licences, eligible = await asyncio.gather(
            self._user(access_token),
            self._read_or_none(requests.directory_roles(adapter), access_token),
            self._read_if_told(requests.direct_directory_roles(adapter), access_token),
            self._read_or_none(requests.licence_details(adapter), access_token),
            self._read_if_told(requests.own_eligible_roles(adapter), access_token),
        )
        with well_formed():
            return PersonFacts(
                roles=None if roles is None else await self._roles(roles, direct, access_token),
                licences=None if licences is None else tuple(licence(item) for item in licences),
                has_user_object=None if user is None else bool(user),
                is_guest=bool(user) and user.get("userType") == "Guest",
                eligible_roles=None if eligible is None else eligible_roles(eligible),
            )

    async def application_roles(
        self, tenant_id: str, client_ids: Collection[str]
    ) -> Mapping[str, frozenset[str]]:
        """The values of the application roles that each application holds in the tenant (`Mail.Read`).

        An application without a service principal in the tenant is not in the answer. Raises
        MicrosoftRefusedError when this may not be read, MicrosoftUnavailableError when Microsoft does not
        answer. https://learn.microsoft.com/graph/api/serviceprincipal-list-approleassignments
        """
        token = await self._app_token(tenant_id)
        wanted = list(dict.fromkeys(client_ids))
        found = await asyncio.gather(*(self._assignments(client_id, token) for client_id in wanted))
        assignments = {
            client_id: held for client_id, held in zip(wanted, found, strict=True) if held is not None
        }
        resources = {resource for held in assignments.values() for resource, _ in held}
        values = await self._role_values(sorted(resources), token)
        return {
            client_id: frozenset(values[each] for each in held if values.get(each))
            for client_id, held in assignments.items()
        }

    async def lets_in(self, tenant_id: str) -> bool:
        """Whether Graph takes a fresh app-only token of the tenant: some moments later than it is given.

        Raises MicrosoftUnavailableError when Microsoft does not answer, MicrosoftRefusedError when its
        refusal tells of more than a consent that isn't there (yet).
        """
        token = await self._app_token(tenant_id)
        try:
            await self._client.read(requests.organization(self._client.adapter), token)
        except MicrosoftRefusedError as error:
            if error.answer not in NOT_THERE_YET:
                raise
            return False
        return True

    async def close(self) -> None:
        """Close the connections; they open again on use."""
        await self._client.close()

    async def _user(self, token: str) -> dict[str, Any] | None:
        """The token's person as a user of the tenant; empty when they are none, None when it isn't told."""
        try:
            return await self._client.read(requests.me(self._client.adapter), token)
        except NotThereError:
            return {}
        except (MicrosoftRefusedError, MicrosoftUnavailableError):
            return None

    async def _roles(
        self, roles: list[dict[str, Any]], direct: list[dict[str, Any]] | None, token: str
    ) -> tuple[Role, ...]:
        """The roles, with the group that gives one that isn't held directly, if Graph tells which."""
        own = {item.get("id") for item in direct or ()}
        by_group = [item for item in roles if item.get("roleTemplateId") and item.get("id") not in own]
        if direct is None or not by_group:
            return tuple(role(item) for item in roles)
        adapter = self._client.adapter
        groups, *assignments = await asyncio.gather(
            self._read_if_told(requests.groups(adapter), token),
            *(
                self._read_if_told(requests.role_assignments(adapter, item["roleTemplateId"]), token)
                for item in by_group
            ),
        )
        names = {
            item["id"]: giving_group(held or (), groups or ())
            for item, held in zip(by_group, assignments, strict=True)
        }
        return tuple(role(item, names.get(item.get("id"))) for item in roles)

    async def _assignments(self, client_id: str, token: str) -> list[tuple[str, str]] | None:
        """Resource and role id of each granted application role; None without a service principal."""
        adapter = self._client.adapter
        try:
            principal = await self._client.read(requests.service_principal_of(adapter, client_id), token)
            with well_formed():
                held = requests.app_role_assignments(adapter, str(principal["id"]))
            items = await self._client.read_all(held, token)
        except NotThereError:
            return None
        return [(str(item.get("resourceId", "")), str(item.get("appRoleId", ""))) for item in items]

    async def _role_values(self, resources: list[str], token: str) -> dict[tuple[str, str], str]:
        """The value of each role of these resources, by resource and role id."""
        adapter = self._client.adapter
        offers = await asyncio.gather(
            *(self._client.read(requests.app_roles(adapter, resource), token) for resource in resources)
        )
        with well_formed():
            return {
                (resource, str(offered.get("id", ""))): str(offered.get("value") or "")
                for resource, offer in zip(resources, offers, strict=True)
                for offered in offer.get("appRoles") or ()
            }

    async def _read_if_told(self, request: "RequestInformation", token: str) -> list[dict[str, Any]] | None:
        """What only explains a result: nobody waits for a second answer, the checks work without one."""
        try:
            return await self._client.read_all(request, token, repeat=False)
        except (MicrosoftRefusedError, MicrosoftUnavailableError):
            return None

    async def _read_or_none(self, request: "RequestInformation", token: str) -> list[dict[str, Any]] | None:
        try:
            return await self._client.read_all(request, token)
        except MicrosoftRefusedError:
            return None
