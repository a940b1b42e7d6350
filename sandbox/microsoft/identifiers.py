"""Identifiers that Microsoft publishes and that are the same in every tenant.

Roles: https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference
Graph permissions: https://learn.microsoft.com/graph/permissions-reference
"""

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
GRAPH_RESOURCE = "https://graph.microsoft.com"
CONSUMER_TENANT_ID = "9188040d-6c67-4c5b-b112-36a304b66dad"
MICROSOFT_TENANT_ID = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"

GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
PRIVILEGED_ROLE_ADMINISTRATOR = "e8611ab8-c189-46e8-94e1-60213ab1f814"
APPLICATION_ADMINISTRATOR = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"
CLOUD_APPLICATION_ADMINISTRATOR = "158c047a-c907-4556-b7ef-446551a6b5f7"
# In `wids` of every member, without being a directory role that Graph lists for them.
DEFAULT_USER_ROLE = "b79fbf4d-3ef9-4689-8143-76b194e85509"

ROLES = {
    "Global Administrator": GLOBAL_ADMINISTRATOR,
    "Privileged Role Administrator": PRIVILEGED_ROLE_ADMINISTRATOR,
    "Application Administrator": APPLICATION_ADMINISTRATOR,
    "Cloud Application Administrator": CLOUD_APPLICATION_ADMINISTRATOR,
    "Application Developer": "cf1c38e5-3621-4004-a7cb-879624dced7c",
    "Global Reader": "f2ef992c-3afb-46b9-b7cf-a126ee74c451",
    "User Administrator": "fe930be7-5e62-47db-91af-98c3a49a38b1",
}
ROLE_NAMES = {template_id: name for name, template_id in ROLES.items()}

APPLICATION_PERMISSIONS = {
    "Application.Read.All": "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30",
    "Directory.Read.All": "7ab1d382-f21e-4acd-a863-ba3e13f7da61",
    "LicenseAssignment.Read.All": "e2f98668-2877-4f38-a2f4-8202e0717aa1",
    "Organization.Read.All": "498476ce-e0fe-48b0-b801-37ba7e2685c6",
    "RoleManagement.Read.Directory": "483bed4a-2ad3-4361-a73b-c83ccdbdc53c",
    "User.Read.All": "df021288-bdef-4463-88db-98f22de89214",
    "User.ReadBasic.All": "97235f07-e226-4f63-ace3-39588e11d3a1",
}
DELEGATED_PERMISSIONS = {
    "openid": "37f7f235-527c-4136-accd-4a02d197296e",
    "profile": "14dad69e-099b-42c9-810b-d002981feec1",
    "email": "64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0",
    "offline_access": "7427e0e9-2fba-42fe-b0c0-848c9e6a8182",
    "User.Read": "e1fe6dd8-ba31-4d61-89e7-88639da4683d",
    "User.Read.All": "a154be20-db9c-4678-8ab7-66f6cc099a59",
    "Application.Read.All": "c79f8feb-a9db-4090-85f9-90d820caa0eb",
    "Directory.Read.All": "06da0dbc-49e2-44d2-8312-53f166ab848a",
    "Organization.Read.All": "4908d5b9-3fb2-4b1e-9336-1888b7937185",
    "RoleManagement.Read.Directory": "741c54c3-0c1e-44a1-818b-3f97ab4e8c83",
}
OPENID_SCOPES = frozenset({"openid", "profile", "email", "offline_access"})
# Everything else that is delegated needs an administrator.
USER_CONSENTABLE = OPENID_SCOPES | {"User.Read"}


def role_template_id(role: str) -> str:
    """The template id of a role given by English name or by template id; KeyError for an unknown one."""
    return role if role in ROLE_NAMES else ROLES[role]
