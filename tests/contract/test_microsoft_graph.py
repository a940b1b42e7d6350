"""Graph reads: permissions from the token, answers from the tenant's state, errors in Microsoft's shape."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import requests

from sandbox.control.changes import apply_change
from sandbox.microsoft.identifiers import APPLICATION_PERMISSIONS, GLOBAL_ADMINISTRATOR, GRAPH_APP_ID
from sandbox.microsoft.state import Subscription, Tenant, User
from tests.microsoft_application import (
    CLIENT_ID,
    HAPPY,
    HAPPY_ADMINISTRATOR,
    HAPPY_USER,
    Application,
)

pytest_plugins = ["tests.microsoft"]

ROLE_CAST = "transitiveMemberOf/microsoft.graph.directoryRole"
P1 = "AAD_PREMIUM"
HOLDERS = f"roleManagement/directory/roleAssignments?$filter=roleDefinitionId eq '{GLOBAL_ADMINISTRATOR}'"
ELIGIBLE = "roleManagement/directory/roleEligibilityScheduleInstances/filterByCurrentUser(on='principal')"


def person(application: Application, upn: str) -> tuple[Tenant, User]:
    found = application.directory.account(upn)
    assert found
    return found


def app_token(application: Application, *roles: str, tenant: str = HAPPY) -> str:
    """A token of the application itself with these roles, signed as the token endpoint signs."""
    claims = {"idtyp": "app", "appid": CLIENT_ID, "oid": "-", "roles": list(roles)}
    tokens = application.microsoft.authority.tokens
    return tokens.access_token(application.directory.tenants[tenant].id, claims)[0]


def user_token(application: Application, upn: str, *scopes: str) -> str:
    """A token that acts for this person with these scopes."""
    tenant, user = person(application, upn)
    claims = {"idtyp": "user", "appid": CLIENT_ID, "oid": user.id, "scp": " ".join(scopes)}
    return application.microsoft.authority.tokens.access_token(tenant.id, claims)[0]


def refusal(response: requests.Response) -> tuple[int, str]:
    error = response.json()["error"]
    assert error["innerError"]["request-id"] == response.headers["request-id"]
    assert error["innerError"]["client-request-id"] == response.headers["client-request-id"]
    assert error["message"]
    UUID(response.headers["request-id"])
    return response.status_code, error["code"]


def plans(application: Application, upn: str) -> dict[str, dict[str, str]]:
    """Of each product of a person: plan name → provisioning status."""
    answer = application.graph(user_token(application, upn, "User.Read"), "me/licenseDetails").json()
    return {
        product["skuPartNumber"]: {
            plan["servicePlanName"]: plan["provisioningStatus"] for plan in product["servicePlans"]
        }
        for product in answer["value"]
    }


def change(application: Application, name: str, **what: Any) -> None:
    """`to` and `from_` as the control page takes them."""
    fields = {key.rstrip("_"): value for key, value in what.items()}
    apply_change(application.directory, application.directory.tenants[name], fields)


# The token


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer not-a-token", "Basic YTpi"])
def test_without_a_readable_token_there_is_401(application: Application, authorization: str) -> None:
    response = application.graph("", "organization", Authorization=authorization)
    assert refusal(response) == (401, "InvalidAuthenticationToken")
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")


def test_an_id_token_does_not_open_graph(application: Application) -> None:
    id_token = application.sign_in(HAPPY_ADMINISTRATOR)["id_token"]
    assert refusal(application.graph(id_token, "me")) == (401, "InvalidAuthenticationToken")


@pytest.mark.parametrize(
    "claims",
    [{"aud": "https://elsewhere.example"}, {"exp": 1}, {"tid": "00000000-0000-0000-0000-000000000000"}],
    ids=["audience", "expired", "tenant"],
)
def test_a_token_that_does_not_hold_is_refused(application: Application, claims: dict[str, Any]) -> None:
    tokens = application.microsoft.authority.tokens
    full = {"idtyp": "app", "oid": "-", "roles": ["Organization.Read.All"]} | claims
    token = tokens.access_token(application.directory.tenants[HAPPY].id, full)[0]
    assert refusal(application.graph(token, "organization")) == (401, "InvalidAuthenticationToken")


def test_headers_name_the_request_and_echo_the_callers_id(application: Application) -> None:
    given = "2d6f1b9e-8c47-4a05-b3e1-f70a9d5c8b64"
    token = app_token(application, "Organization.Read.All")
    response = application.graph(token, "organization", **{"client-request-id": given})
    assert response.headers["client-request-id"] == given
    assert response.headers["request-id"] != given
    assert response.headers["Content-Type"].startswith("application/json;odata.metadata=minimal")
    assert "ServerInfo" in response.headers["x-ms-ags-diagnostic"]


# Permissions


@pytest.mark.parametrize(
    ("path", "enough", "not_enough"),
    [
        ("organization", "Organization.Read.All", "Application.Read.All"),
        ("organization", "Directory.Read.All", "LicenseAssignment.Read.All"),
        ("subscribedSkus", "Organization.Read.All", "User.Read.All"),
        ("subscribedSkus", "LicenseAssignment.Read.All", "Application.Read.All"),
        ("servicePrincipals", "Application.Read.All", "Organization.Read.All"),
        (f"servicePrincipals(appId='{GRAPH_APP_ID}')", "Application.Read.All", "User.Read.All"),
        (
            f"servicePrincipals(appId='{GRAPH_APP_ID}')/appRoleAssignments",
            "Application.Read.All",
            "User.Read",
        ),
        (
            f"servicePrincipals(appId='{GRAPH_APP_ID}')/oauth2PermissionGrants",
            "Directory.Read.All",
            "Application.Read.All",
        ),
        ("directory/subscriptions", "Organization.Read.All", "LicenseAssignment.Read.All"),
        (HOLDERS, "RoleManagement.Read.Directory", "User.Read.All"),
        (f"users/{HAPPY_USER}", "User.ReadBasic.All", "Organization.Read.All"),
        (f"users/{HAPPY_USER}/licenseDetails", "LicenseAssignment.Read.All", "User.ReadBasic.All"),
        (f"users/{HAPPY_USER}/transitiveMemberOf", "User.Read.All", "LicenseAssignment.Read.All"),
    ],
)
def test_each_application_read_needs_its_permission(
    application: Application, path: str, enough: str, not_enough: str
) -> None:
    assert application.graph(app_token(application, enough), path).status_code == 200
    refused = application.graph(app_token(application, not_enough), path)
    assert refusal(refused) == (403, "Authorization_RequestDenied")


def test_a_token_without_roles_reads_nothing(application: Application) -> None:
    assert refusal(application.graph(app_token(application), "organization"))[0] == 403


def test_an_application_has_no_me(application: Application) -> None:
    token = app_token(application, "Directory.Read.All")
    assert refusal(application.graph(token, "me/licenseDetails")) == (400, "Request_BadRequest")


@pytest.mark.parametrize("path", ["me", "me/licenseDetails", "me/transitiveMemberOf"])
def test_user_read_is_for_oneself(application: Application, path: str) -> None:
    token = user_token(application, HAPPY_ADMINISTRATOR, "User.Read")
    assert application.graph(token, path).status_code == 200
    assert application.graph(token, path.replace("me", f"users/{HAPPY_ADMINISTRATOR}", 1)).status_code == 200
    other = application.graph(token, path.replace("me", f"users/{HAPPY_USER}", 1))
    assert refusal(other) == (403, "Authorization_RequestDenied")


def test_signing_in_alone_reads_nothing(application: Application) -> None:
    token = application.sign_in(HAPPY_ADMINISTRATOR)["access_token"]
    assert refusal(application.graph(token, "me")) == (403, "Authorization_RequestDenied")


# Organisation and people


def test_organization_is_the_tokens_own_tenant(application: Application) -> None:
    tenant = application.directory.tenants[HAPPY]
    answer = application.graph(app_token(application, "Organization.Read.All"), "organization").json()
    (organization,) = answer["value"]
    assert (organization["id"], organization["tenantType"]) == (tenant.id, "AAD")
    domains = {one["name"]: (one["isDefault"], one["isInitial"]) for one in organization["verifiedDomains"]}
    assert domains == {
        "menuiserie-lambert.example": (True, False),
        "menuiserielambert.onmicrosoft.example": (False, True),
    }


def test_user_read_sees_a_limited_organization(application: Application) -> None:
    token = user_token(application, HAPPY_USER, "User.Read")
    (organization,) = application.graph(token, "organization").json()["value"]
    filled = {name for name, value in organization.items() if value is not None}
    assert filled == {"id", "displayName", "verifiedDomains"}


def test_a_person_is_found_by_object_id_and_by_an_encoded_guest_name(application: Application) -> None:
    guest = application.directory.tenants["special-cases"].users[-1]
    token = app_token(application, "User.Read.All", tenant="special-cases")
    encoded = guest.upn.replace("#", "%23").replace("@", "%40")
    for key in (guest.id, encoded):
        assert application.graph(token, f"users/{key}").json()["userPrincipalName"] == guest.upn


def test_a_person_of_another_tenant_is_not_found(application: Application) -> None:
    token = app_token(application, "User.Read.All")
    response = application.graph(token, "users/julien.petit@boulangerie-morel.example/licenseDetails")
    assert refusal(response) == (404, "Request_ResourceNotFound")


# Roles


@pytest.mark.parametrize(
    "path",
    [
        f"me/{ROLE_CAST}?$count=true",
        f"me/{ROLE_CAST}?%24count=true",
        "me/transitiveMemberOf/graph.directoryRole?%24count=true",
    ],
)
def test_roles_are_listed_under_both_spellings(application: Application, path: str) -> None:
    token = user_token(application, HAPPY_ADMINISTRATOR, "User.Read", "RoleManagement.Read.Directory")
    answer = application.graph(token, path, ConsistencyLevel="eventual").json()
    assert answer["@odata.count"] == 1
    assert [role["roleTemplateId"] for role in answer["value"]] == [GLOBAL_ADMINISTRATOR]
    assert answer["value"][0]["@odata.type"] == "#microsoft.graph.directoryRole"


@pytest.mark.parametrize(
    ("query", "headers"),
    [("", {"ConsistencyLevel": "eventual"}), ("?$count=true", {}), ("?$count=false", {})],
)
def test_the_cast_is_an_advanced_query(application: Application, query: str, headers: dict[str, str]) -> None:
    token = user_token(application, HAPPY_ADMINISTRATOR, "User.Read")
    response = application.graph(token, f"me/{ROLE_CAST}{query}", **headers)
    assert refusal(response) == (400, "Request_UnsupportedQuery")


def test_without_the_right_to_read_roles_only_their_ids_are_shown(application: Application) -> None:
    token = user_token(application, HAPPY_ADMINISTRATOR, "User.Read")
    answer = application.graph(token, f"me/{ROLE_CAST}?$count=true", ConsistencyLevel="eventual").json()
    (role,) = answer["value"]
    assert {name for name, value in role.items() if value is not None} == {"@odata.type", "id"}


@pytest.mark.parametrize(
    ("upn", "has_role"),
    [
        ("par.groupe@cas-particuliers.example", True),
        ("eligible@cas-particuliers.example", False),
        (HAPPY_USER, False),
    ],
)
def test_roles_count_through_groups_and_when_active(
    application: Application, upn: str, has_role: bool
) -> None:
    token = user_token(application, upn, "User.Read", "RoleManagement.Read.Directory")
    answer = application.graph(token, f"me/{ROLE_CAST}?$count=true", ConsistencyLevel="eventual").json()
    assert (GLOBAL_ADMINISTRATOR in [role["roleTemplateId"] for role in answer["value"]]) is has_role


def test_a_role_given_and_taken_is_seen_at_once(application: Application) -> None:
    token = user_token(application, HAPPY_USER, "User.Read", "RoleManagement.Read.Directory")
    counts = []
    given = {"give_role": "Global Administrator", "to": HAPPY_USER}
    taken = {"take_role": GLOBAL_ADMINISTRATOR, "from_": HAPPY_USER}
    for what in (given, taken):
        change(application, HAPPY, **what)
        answer = application.graph(token, f"me/{ROLE_CAST}?$count=true", ConsistencyLevel="eventual").json()
        counts.append(answer["@odata.count"])
    assert counts == [1, 0]


def test_roles_that_a_group_gives_are_not_direct(application: Application) -> None:
    upn = "par.groupe@cas-particuliers.example"
    token = user_token(application, upn, "User.Read", "RoleManagement.Read.Directory")
    direct = f"me/{ROLE_CAST.replace('transitiveMemberOf', 'memberOf')}?$count=true"
    assert application.graph(token, direct, ConsistencyLevel="eventual").json()["value"] == []
    own = user_token(application, HAPPY_ADMINISTRATOR, "User.Read", "RoleManagement.Read.Directory")
    (role,) = application.graph(own, direct, ConsistencyLevel="eventual").json()["value"]
    assert role["roleTemplateId"] == GLOBAL_ADMINISTRATOR


@pytest.mark.parametrize(
    ("scope", "names"), [("User.Read", {None}), ("GroupMember.Read.All", {"Équipe", "Administrateurs"})]
)
def test_names_of_groups_need_a_permission_of_their_own(
    application: Application, scope: str, names: set[str | None]
) -> None:
    application.directory.tenants["special-cases"].page_size = 100
    token = user_token(application, "par.groupe@cas-particuliers.example", "User.Read", scope)
    path = "me/transitiveMemberOf/microsoft.graph.group?$count=true&$select=id,displayName"
    groups = application.graph(token, path, ConsistencyLevel="eventual").json()["value"]
    assert {group["displayName"] for group in groups} == names
    assert len({group["id"] for group in groups}) == 2


def test_who_holds_a_role_is_told_with_groups_and_names(application: Application) -> None:
    tenant = application.directory.tenants["special-cases"]
    tenant.page_size = 100
    token = user_token(
        application, "par.groupe@cas-particuliers.example", "User.Read", "RoleManagement.Read.Directory"
    )
    held = application.graph(token, f"{HOLDERS}&$expand=principal").json()["value"]
    assert {(one["principal"]["displayName"], one["directoryScopeId"]) for one in held} == {
        ("Admin Applications", "/administrativeUnits/1"),
        ("Sophie Lambert", "/"),
        ("Administrateurs", "/"),
    }
    assert "principal" not in application.graph(token, HOLDERS).json()["value"][0]
    everything = HOLDERS.partition("?")[0]
    assert refusal(application.graph(token, everything)) == (400, "Request_UnsupportedQuery")


def test_a_role_that_can_be_activated_is_told_to_its_person(application: Application) -> None:
    upn = "eligible@cas-particuliers.example"
    token = user_token(application, upn, "User.Read", "RoleManagement.Read.Directory")
    (one,) = application.graph(token, ELIGIBLE).json()["value"]
    assert (one["roleDefinitionId"], one["directoryScopeId"]) == (GLOBAL_ADMINISTRATOR, "/")
    assert one["principalId"] == person(application, upn)[1].id
    other = user_token(application, "par.groupe@cas-particuliers.example", "RoleManagement.Read.Directory")
    assert application.graph(other, ELIGIBLE).json()["value"] == []


def test_eligible_roles_need_a_permission_a_person_and_p2(application: Application) -> None:
    upn = "eligible@cas-particuliers.example"
    without = application.graph(user_token(application, upn, "User.Read"), ELIGIBLE)
    assert refusal(without) == (403, "Authorization_RequestDenied")
    alone = application.graph(app_token(application, "RoleManagement.Read.Directory"), ELIGIBLE)
    assert refusal(alone) == (403, "Authorization_RequestDenied")
    poor = user_token(application, HAPPY_ADMINISTRATOR, "RoleManagement.Read.Directory")
    assert refusal(application.graph(poor, ELIGIBLE)) == (400, "AadPremiumLicenseRequired")


@pytest.mark.parametrize(
    "path", ["me", "me/licenseDetails", f"me/{ROLE_CAST}?$count=true"], ids=["me", "licences", "roles"]
)
def test_somebody_who_acts_without_being_a_user_is_not_found(application: Application, path: str) -> None:
    _, user = person(application, HAPPY_ADMINISTRATOR)
    user.foreign = True
    token = user_token(application, HAPPY_ADMINISTRATOR, "User.Read", "RoleManagement.Read.Directory")
    response = application.graph(token, path, ConsistencyLevel="eventual")
    user.foreign = False
    assert refusal(response) == (404, "Request_ResourceNotFound")


# Licences


def test_purchases_are_told_with_trials_and_ends(application: Application) -> None:
    tenant = application.directory.tenants[HAPPY]
    tenant.subscriptions[:] = [
        Subscription("SPB", 5, trial=True, ends_in_days=21),
        Subscription("SPB", 2, "Suspended", ends_in_days=90),
    ]
    token = app_token(application, "Organization.Read.All")
    trial, old = application.graph(token, "directory/subscriptions").json()["value"]
    (sku,) = application.graph(token, "subscribedSkus").json()["value"]
    assert (trial["isTrial"], trial["status"], trial["totalLicenses"]) == (True, "Enabled", 5)
    assert (old["isTrial"], old["status"]) == (False, "Suspended")
    assert sku["subscriptionIds"] == [trial["id"], old["id"]]
    assert {trial["skuId"], old["skuId"]} == {sku["skuId"]}
    ends = [datetime.fromisoformat(one["nextLifecycleDateTime"]) for one in (trial, old)]
    assert ends[1] - ends[0] == timedelta(days=69)
    assert 20 < (ends[0] - datetime.now(UTC)) / timedelta(days=1) <= 21


def test_licences_follow_from_what_is_bought_and_assigned(application: Application) -> None:
    upn = "marc.girard@transports-girard.example"
    assert plans(application, upn).keys() == {"O365_BUSINESS_PREMIUM"}
    change(application, "transports-girard", buy=P1, units=1)
    assert plans(application, upn).keys() == {"O365_BUSINESS_PREMIUM"}
    change(application, "transports-girard", assign=P1, to=upn)
    assert plans(application, upn)[P1][P1] == "Success"
    token = app_token(application, "Organization.Read.All", tenant="transports-girard")
    skus = {one["skuPartNumber"]: one for one in application.graph(token, "subscribedSkus").json()["value"]}
    assert (skus[P1]["consumedUnits"], skus[P1]["prepaidUnits"]["enabled"]) == (1, 1)
    assert skus["O365_BUSINESS_PREMIUM"]["consumedUnits"] == 2


def test_plans_can_be_off_pending_or_come_through_a_group(application: Application) -> None:
    application.directory.tenants["special-cases"].page_size = 100
    by_group = plans(application, "par.groupe@cas-particuliers.example")
    assert by_group["SPB"][P1] == "Disabled"
    assert by_group["AAD_PREMIUM_P2"]["AAD_PREMIUM_P2"] == "Success"
    assert plans(application, "eligible@cas-particuliers.example")["SPB"][P1] == "PendingProvisioning"


def test_somebody_without_licences_has_an_empty_list(application: Application) -> None:
    assert plans(application, "applications@cas-particuliers.example") == {}


def test_the_state_of_a_subscription_follows_its_units(application: Application) -> None:
    application.directory.tenants["special-cases"].page_size = 100
    token = app_token(application, "Organization.Read.All", tenant="special-cases")
    skus = {one["skuPartNumber"]: one for one in application.graph(token, "subscribedSkus").json()["value"]}
    states = {name: (sku["capabilityStatus"], sku["prepaidUnits"]) for name, sku in skus.items()}
    none = {"enabled": 0, "warning": 0, "suspended": 0, "lockedOut": 0}
    assert states == {
        "SPB": ("Enabled", none | {"enabled": 3}),
        P1: ("Suspended", none | {"suspended": 5}),
        "AAD_PREMIUM_P2": ("Warning", none | {"warning": 2}),
    }


# Applications


def test_an_application_appears_with_the_consent_and_shows_what_it_was_granted(
    application: Application,
) -> None:
    token = app_token(application, "Directory.Read.All")
    listing = f"servicePrincipals?$filter=appId eq '{CLIENT_ID}'&$select=id,appId"
    by_key = f"servicePrincipals(appId='{CLIENT_ID}')"
    assert application.graph(token, listing).json()["value"] == []
    assert refusal(application.graph(token, by_key)) == (404, "Request_ResourceNotFound")

    application.consent(HAPPY_ADMINISTRATOR, "organizations")
    (found,) = application.graph(token, listing).json()["value"]
    assert found.keys() == {"id", "appId"}
    assert application.graph(token, by_key).json()["displayName"] == "Sage Business Center"
    path = f"servicePrincipals/{found['id']}"
    assigned = application.graph(token, f"{path}/appRoleAssignments").json()["value"]
    wanted = {APPLICATION_PERMISSIONS[name] for name in ("Organization.Read.All", "Application.Read.All")}
    assert {one["appRoleId"] for one in assigned} == wanted
    (grant,) = application.graph(token, f"{path}/oauth2PermissionGrants").json()["value"]
    assert (grant["consentType"], grant["principalId"]) == ("AllPrincipals", None)
    assert grant["scope"] == "openid profile User.Read RoleManagement.Read.Directory"
    graph = application.graph(token, f"servicePrincipals/{assigned[0]['resourceId']}").json()
    assert graph["appId"] == GRAPH_APP_ID
    assert wanted < {role["id"] for role in graph["appRoles"]}


def test_the_percent_encoded_key_of_the_sdk_is_understood(application: Application) -> None:
    token = app_token(application, "Application.Read.All")
    encoded = f"servicePrincipals(appId=%27{GRAPH_APP_ID}%27)"
    assert application.graph(token, encoded).json()["displayName"] == "Microsoft Graph"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("servicePrincipals?$filter=displayName eq 'x'", "Request_UnsupportedQuery"),
        ("subscribedSkus?$filter=skuPartNumber eq 'SPB'", "Request_UnsupportedQuery"),
        ("organization?$select=nothing", "Request_BadRequest"),
        ("servicePrincipals?$top=0", "Request_BadRequest"),
        ("servicePrincipals?$skiptoken=zzz", "Request_BadRequest"),
        ("nothing/here", "Request_BadRequest"),
    ],
)
def test_queries_that_graph_does_not_know_are_refused(application: Application, path: str, code: str) -> None:
    token = app_token(application, "Directory.Read.All")
    assert refusal(application.graph(token, path)) == (400, code)


def test_graph_only_reads_here(application: Application) -> None:
    headers = {"Authorization": f"Bearer {app_token(application, 'Directory.Read.All')}"}
    url = f"{application.back_channel}/v1.0/organization"
    assert refusal(requests.post(url, json={}, headers=headers, timeout=30))[0] == 405


def test_pages_are_followed_by_next_links_that_keep_the_query(application: Application) -> None:
    token = app_token(application, "Organization.Read.All", tenant="special-cases")
    url = f"{application.back_channel}/v1.0/subscribedSkus?$select=skuPartNumber"
    seen: list[dict[str, str]] = []
    pages = 0
    while url:
        assert url.startswith(f"{application.back_channel}/v1.0/subscribedSkus?$select=skuPartNumber")
        page = requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=30).json()
        seen += page["value"]
        pages += 1
        url = page.get("@odata.nextLink")
    assert seen == [{"skuPartNumber": name} for name in ("SPB", P1, "AAD_PREMIUM_P2")]
    assert pages == 3
