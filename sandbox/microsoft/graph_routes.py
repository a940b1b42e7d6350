"""Which Graph address needs which permission, after Microsoft's own permissions table.

https://learn.microsoft.com/graph/permissions-reference
"""

import re
from dataclasses import dataclass

from sandbox.microsoft import graph_applications as applications
from sandbox.microsoft import graph_reads as reads
from sandbox.microsoft import graph_roles as roles

_DIRECTORY = frozenset({"Directory.Read.All"})
_PERSON = r"(?:me|users/(?P<user>[^/]+))"
_PRINCIPAL = r"servicePrincipals(?:/(?P<principal_id>[^/()]+)|\(appId='(?P<app_id>[^']*)'\))"
_ROLE_CAST = r"(?:microsoft\.)?graph\.directoryRole"
_GROUP_CAST = r"(?:microsoft\.)?graph\.group"


@dataclass(frozen=True, slots=True)
class Route:
    """An address below /v1.0, who may read it, and how.

    `about_self` suffices for delegated reads about the signed-in person; `context` is the fragment of
    @odata.context; `advanced` asks for $count=true with ConsistencyLevel: eventual.
    """

    path: re.Pattern[str]
    read: reads.Read
    context: str
    application: frozenset[str]
    delegated: frozenset[str]
    about_self: frozenset[str] = frozenset()
    options: frozenset[str] = frozenset({"$select"})
    advanced: bool = False


_LICENCES = _DIRECTORY | {"LicenseAssignment.Read.All", "User.Read.All"}
_PEOPLE = _DIRECTORY | {"User.Read.All"}
_SKUS = _DIRECTORY | {"LicenseAssignment.Read.All", "Organization.Read.All"}
_ORGANIZATION = _DIRECTORY | {"Organization.Read.All", "User.Read.All"}
_ROLES = _DIRECTORY | {"RoleManagement.Read.Directory", "RoleManagement.Read.All"}
_ELIGIBILITY = _ROLES - _DIRECTORY | {"RoleEligibilitySchedule.Read.Directory"}
_APPLICATIONS = _DIRECTORY | {"Application.Read.All"}
_SELF = frozenset({"User.Read"})
_PAGED = frozenset({"$select", "$top", "$count"})

ROUTES = (
    Route(
        re.compile("organization"),
        reads.read_organization,
        "organization",
        application=_ORGANIZATION,
        delegated=_ORGANIZATION | _SELF,
    ),
    Route(
        re.compile("subscribedSkus"),
        reads.read_subscribed_skus,
        "subscribedSkus",
        application=_SKUS,
        delegated=_SKUS,
    ),
    Route(
        re.compile("directory/subscriptions"),
        reads.read_company_subscriptions,
        "directory/subscriptions",
        application=_DIRECTORY | {"Organization.Read.All"},
        delegated=_DIRECTORY | {"Organization.Read.All"},
        options=_PAGED,
    ),
    Route(
        re.compile("users"),
        reads.read_users,
        "users",
        application=_PEOPLE | {"User.ReadBasic.All"},
        delegated=_PEOPLE | {"User.ReadBasic.All"},
        options=_PAGED,
    ),
    Route(
        re.compile(_PERSON),
        reads.read_user,
        "users/$entity",
        application=_PEOPLE | {"User.ReadBasic.All"},
        delegated=_PEOPLE | {"User.ReadBasic.All"},
        about_self=_SELF,
    ),
    Route(
        re.compile(f"{_PERSON}/licenseDetails"),
        reads.read_licence_details,
        "users/licenseDetails",
        application=_LICENCES,
        delegated=_LICENCES,
        about_self=_SELF,
    ),
    Route(
        re.compile(f"{_PERSON}/transitiveMemberOf/{_ROLE_CAST}"),
        roles.read_directory_roles,
        "directoryRoles",
        application=_PEOPLE,
        delegated=_PEOPLE,
        about_self=_SELF,
        options=_PAGED,
        advanced=True,
    ),
    Route(
        re.compile(f"{_PERSON}/memberOf/{_ROLE_CAST}"),
        roles.read_direct_directory_roles,
        "directoryRoles",
        application=_PEOPLE,
        delegated=_PEOPLE,
        about_self=_SELF,
        options=_PAGED,
        advanced=True,
    ),
    Route(
        re.compile(f"{_PERSON}/transitiveMemberOf/{_GROUP_CAST}"),
        roles.read_groups,
        "groups",
        application=_PEOPLE,
        delegated=_PEOPLE,
        about_self=_SELF,
        options=_PAGED,
        advanced=True,
    ),
    Route(
        re.compile("roleManagement/directory/roleAssignments"),
        roles.read_role_assignments,
        "roleManagement/directory/roleAssignments",
        application=_ROLES,
        delegated=_ROLES,
        options=_PAGED | {"$filter", "$expand"},
    ),
    Route(
        re.compile(
            r"roleManagement/directory/roleEligibilityScheduleInstances"
            r"/filterByCurrentUser\(on='principal'\)"
        ),
        roles.read_own_eligible_roles,
        "Collection(unifiedRoleEligibilityScheduleInstance)",
        # an application is nobody who could activate a role
        application=frozenset(),
        delegated=_ELIGIBILITY,
        options=_PAGED,
    ),
    Route(
        re.compile(f"{_PERSON}/transitiveMemberOf"),
        roles.read_memberships,
        "directoryObjects",
        application=_PEOPLE,
        delegated=_PEOPLE,
        about_self=_SELF,
        options=_PAGED,
    ),
    Route(
        re.compile("servicePrincipals"),
        applications.read_service_principals,
        "servicePrincipals",
        application=_APPLICATIONS,
        delegated=_APPLICATIONS,
        options=_PAGED | {"$filter"},
    ),
    Route(
        re.compile(_PRINCIPAL),
        applications.read_service_principal,
        "servicePrincipals/$entity",
        application=_APPLICATIONS,
        delegated=_APPLICATIONS,
    ),
    Route(
        re.compile(f"{_PRINCIPAL}/appRoleAssignments"),
        applications.read_app_role_assignments,
        "appRoleAssignments",
        application=_APPLICATIONS,
        delegated=_APPLICATIONS,
        options=_PAGED,
    ),
    Route(
        re.compile(f"{_PRINCIPAL}/oauth2PermissionGrants"),
        applications.read_oauth2_permission_grants,
        "oauth2PermissionGrants",
        application=_DIRECTORY,
        delegated=_DIRECTORY,
        options=_PAGED,
    ),
)
