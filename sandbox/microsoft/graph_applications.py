"""What Graph says about the applications in a tenant and what was granted to them.

https://learn.microsoft.com/graph/api/resources/serviceprincipal
"""

import re
from datetime import UTC, datetime

from sandbox.microsoft.graph_errors import not_found, unsupported_query
from sandbox.microsoft.graph_reads import Reading
from sandbox.microsoft.identifiers import (
    APPLICATION_PERMISSIONS,
    DELEGATED_PERMISSIONS,
    GRAPH_APP_ID,
    MICROSOFT_TENANT_ID,
    USER_CONSENTABLE,
)
from sandbox.microsoft.state import ServicePrincipal, Tenant
from sandbox.microsoft.tenants import Json

_APP_ID_FILTER = re.compile(r"\s*appId\s+eq\s+'([^']*)'\s*")


def read_service_principals(reading: Reading) -> list[Json]:
    """Applications in the tenant; the only filter is `appId eq '...'`."""
    if reading.filter is None:
        return _all_service_principals(reading)
    match = _APP_ID_FILTER.fullmatch(reading.filter)
    if match is None:
        raise unsupported_query("Unsupported or invalid query filter clause specified for property 'appId'.")
    return [one for one in _all_service_principals(reading) if one["appId"] == match[1].lower()]


def read_service_principal(reading: Reading) -> Json:
    """One application by its object id or by `(appId='...')`."""
    key, wanted = next(iter(reading.named.items()))
    field = {"app_id": "appId", "principal_id": "id"}[key]
    found = [one for one in _all_service_principals(reading) if one[field] == wanted.lower()]
    if not found:
        raise not_found(wanted)
    return found[0]


def read_app_role_assignments(reading: Reading) -> list[Json]:
    """Application permissions that an application holds."""
    principal = _principal(reading)
    now = reading.directory.clock()
    return [
        {
            "id": one.id,
            "deletedDateTime": None,
            "appRoleId": APPLICATION_PERMISSIONS[one.permission],
            "createdDateTime": _instant(one.created_at),
            "principalDisplayName": principal.name,
            "principalId": principal.id,
            "principalType": "ServicePrincipal",
            "resourceDisplayName": "Microsoft Graph",
            "resourceId": _graph_id(reading.tenant),
        }
        for one in principal.app_role_assignments
        if one.effective_at <= now
    ]


def read_oauth2_permission_grants(reading: Reading) -> list[Json]:
    """Delegated scopes granted to an application."""
    principal = _principal(reading)
    now = reading.directory.clock()
    return [
        {
            "clientId": principal.id,
            "consentType": "Principal" if grant.principal_id else "AllPrincipals",
            "id": grant.id,
            "principalId": grant.principal_id,
            "resourceId": _graph_id(reading.tenant),
            "scope": " ".join(grant.scopes),
        }
        for grant in principal.grants
        if grant.effective_at <= now
    ]


def _all_service_principals(reading: Reading) -> list[Json]:
    now = reading.directory.clock()
    principals = reading.tenant.service_principals.values()
    shown = [_service_principal(reading, one) for one in principals if one.visible_at <= now]
    return [_graph_service_principal(reading.tenant), *shown]


def _service_principal(reading: Reading, principal: ServicePrincipal) -> Json:
    app = reading.registrations.get(principal.app_id)
    owner = app.home_tenant_id if app else None
    return _service_principal_frame(principal.id, principal.app_id, principal.name, owner) | {
        "publisherName": app.publisher if app else None,
        "replyUrls": list(app.redirect_uris) if app else [],
    }


def _service_principal_frame(identifier: str, app_id: str, name: str, owner: str | None) -> Json:
    return {
        "id": identifier,
        "deletedDateTime": None,
        "accountEnabled": True,
        "appDisplayName": name,
        "appId": app_id,
        "appOwnerOrganizationId": owner,
        "appRoleAssignmentRequired": False,
        "displayName": name,
        "servicePrincipalType": "Application",
        "signInAudience": "AzureADMultipleOrgs",
        "appRoles": [],
        "oauth2PermissionScopes": [],
    }


def _graph_service_principal(tenant: Tenant) -> Json:
    frame = _service_principal_frame(_graph_id(tenant), GRAPH_APP_ID, "Microsoft Graph", MICROSOFT_TENANT_ID)
    roles = [
        {"id": identifier, "value": value, "allowedMemberTypes": ["Application"], "isEnabled": True}
        for value, identifier in APPLICATION_PERMISSIONS.items()
    ]
    scopes = [
        {"id": identifier, "value": value, "type": _consent_type(value), "isEnabled": True}
        for value, identifier in DELEGATED_PERMISSIONS.items()
    ]
    return frame | {"appRoles": roles, "oauth2PermissionScopes": scopes}


def _consent_type(scope: str) -> str:
    return "User" if scope in USER_CONSENTABLE else "Admin"


def _graph_id(tenant: Tenant) -> str:
    return tenant.object_id("servicePrincipal", GRAPH_APP_ID)


def _principal(reading: Reading) -> ServicePrincipal:
    shown = read_service_principal(reading)
    principal = reading.tenant.service_principals.get(shown["appId"])
    return principal or ServicePrincipal(shown["id"], shown["appId"], shown["displayName"], 0)


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
