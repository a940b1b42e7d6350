"""The requests that are sent to Graph, made with msgraph-sdk's builders.

Each takes the adapter that the builders are made with. https://learn.microsoft.com/graph/api/overview
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kiota_abstractions.request_information import RequestInformation
    from msgraph.graph_request_adapter import GraphRequestAdapter

# kiota's stand-in, which the SDK's pipeline turns into /me
ME = "me-token-to-replace"


def organization(adapter: "GraphRequestAdapter") -> "RequestInformation":
    from msgraph.generated.organization.organization_request_builder import OrganizationRequestBuilder

    return _get(OrganizationRequestBuilder(adapter, {}))


def subscribed_skus(adapter: "GraphRequestAdapter") -> "RequestInformation":
    from msgraph.generated.subscribed_skus.subscribed_skus_request_builder import (
        SubscribedSkusRequestBuilder,
    )

    return _get(SubscribedSkusRequestBuilder(adapter, {}))


def company_subscriptions(adapter: "GraphRequestAdapter") -> "RequestInformation":
    """What was bought, purchase by purchase, with trials and dates."""
    from msgraph.generated.directory.subscriptions.subscriptions_request_builder import (
        SubscriptionsRequestBuilder,
    )

    return _get(SubscriptionsRequestBuilder(adapter, {}))


def me(adapter: "GraphRequestAdapter") -> "RequestInformation":
    """Whether the person is a user of the tenant, and of which kind."""
    from msgraph.generated.users.item.user_item_request_builder import UserItemRequestBuilder

    query = UserItemRequestBuilder.UserItemRequestBuilderGetQueryParameters(select=["id", "userType"])
    return _get(_me(adapter), query)


def licence_details(adapter: "GraphRequestAdapter") -> "RequestInformation":
    return _get(_me(adapter).license_details)


def directory_roles(adapter: "GraphRequestAdapter") -> "RequestInformation":
    from msgraph.generated.users.item.transitive_member_of.graph_directory_role import (
        graph_directory_role_request_builder as roles,
    )

    query = roles.GraphDirectoryRoleRequestBuilder.GraphDirectoryRoleRequestBuilderGetQueryParameters
    return _advanced(_get(_me(adapter).transitive_member_of.graph_directory_role, query(count=True)))


def direct_directory_roles(adapter: "GraphRequestAdapter") -> "RequestInformation":
    """The roles that the person holds without a group between."""
    from msgraph.generated.users.item.member_of.graph_directory_role import (
        graph_directory_role_request_builder as roles,
    )

    query = roles.GraphDirectoryRoleRequestBuilder.GraphDirectoryRoleRequestBuilderGetQueryParameters
    return _advanced(_get(_me(adapter).member_of.graph_directory_role, query(count=True)))


def groups(adapter: "GraphRequestAdapter") -> "RequestInformation":
    """The groups that the person is in, through groups too: only their ids."""
    from msgraph.generated.users.item.transitive_member_of.graph_group import (
        graph_group_request_builder as groups_,
    )

    query = groups_.GraphGroupRequestBuilder.GraphGroupRequestBuilderGetQueryParameters
    builder = _me(adapter).transitive_member_of.graph_group
    return _advanced(_get(builder, query(count=True, select=["id"])))


def role_assignments(adapter: "GraphRequestAdapter", template_id: str) -> "RequestInformation":
    """Who holds a built-in role: users and groups, with their names."""
    from msgraph.generated.role_management.directory.role_assignments import (
        role_assignments_request_builder as assignments,
    )

    builder = assignments.RoleAssignmentsRequestBuilder
    query = builder.RoleAssignmentsRequestBuilderGetQueryParameters(
        filter=f"roleDefinitionId eq '{template_id}'", expand=["principal"]
    )
    return _get(builder(adapter, {}), query)


def own_eligible_roles(adapter: "GraphRequestAdapter") -> "RequestInformation":
    """The roles that Privileged Identity Management lets the person activate."""
    from msgraph.generated.role_management.directory.role_eligibility_schedule_instances import (
        role_eligibility_schedule_instances_request_builder as instances,
    )

    builder = instances.RoleEligibilityScheduleInstancesRequestBuilder(adapter, {})
    return _get(builder.filter_by_current_user_with_on("principal"))


def service_principal_of(adapter: "GraphRequestAdapter", client_id: str) -> "RequestInformation":
    """The tenant's service principal of an application, by its client id: only the object id."""
    from msgraph.generated.service_principals_with_app_id import (
        service_principals_with_app_id_request_builder as principals,
    )

    builder = principals.ServicePrincipalsWithAppIdRequestBuilder
    query = builder.ServicePrincipalsWithAppIdRequestBuilderGetQueryParameters
    return _get(builder(adapter, {}, client_id), query(select=["id"]))


def app_role_assignments(adapter: "GraphRequestAdapter", principal_id: str) -> "RequestInformation":
    """The application roles granted to a service principal, by its object id."""
    return _get(_service_principal(adapter, principal_id).app_role_assignments)


def app_roles(adapter: "GraphRequestAdapter", resource_id: str) -> "RequestInformation":
    """The application roles that a resource's service principal offers, by its object id."""
    from msgraph.generated.service_principals.item import service_principal_item_request_builder as item

    query = item.ServicePrincipalItemRequestBuilder.ServicePrincipalItemRequestBuilderGetQueryParameters
    return _get(_service_principal(adapter, resource_id), query(select=["id", "appRoles"]))


def _service_principal(adapter: "GraphRequestAdapter", object_id: str) -> Any:
    from msgraph.generated.service_principals.service_principals_request_builder import (
        ServicePrincipalsRequestBuilder,
    )

    return ServicePrincipalsRequestBuilder(adapter, {}).by_service_principal_id(object_id)


def _me(adapter: "GraphRequestAdapter") -> Any:
    from msgraph.generated.users.users_request_builder import UsersRequestBuilder

    return UsersRequestBuilder(adapter, {}).by_user_id(ME)


def _get(builder: Any, query: Any = None) -> "RequestInformation":
    from kiota_abstractions.base_request_configuration import RequestConfiguration

    request: RequestInformation = builder.to_get_request_information(
        RequestConfiguration(query_parameters=query)
    )
    return request


def _advanced(request: "RequestInformation") -> "RequestInformation":
    # https://learn.microsoft.com/graph/aad-advanced-queries: a cast asks for $count and this header
    request.headers.add("ConsistencyLevel", "eventual")
    return request
