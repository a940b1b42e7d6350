"""What Graph says about roles: active, given by groups, assigned to whom, eligible.

https://learn.microsoft.com/graph/api/resources/rolemanagement
"""

import re
from collections.abc import Iterable

from sandbox.microsoft.graph_errors import premium_needed, unsupported_query
from sandbox.microsoft.graph_reads import Reading, person
from sandbox.microsoft.identifiers import ROLE_NAMES
from sandbox.microsoft.licensing import has_plan
from sandbox.microsoft.state import Group, RoleAssignment, User
from sandbox.microsoft.tenants import Json

_ROLE_READERS = {"RoleManagement.Read.Directory", "Directory.Read.All"}
_GROUP_READERS = {"GroupMember.Read.All", "Group.Read.All", "Directory.Read.All"}
_ROLE_FILTER = re.compile(r"\s*roleDefinitionId\s+eq\s+'([^']*)'\s*")


def read_directory_roles(reading: Reading) -> list[Json]:
    """The active tenant-wide roles of a person; without the right to read roles nothing but their ids."""
    roles = reading.directory.active_roles(reading.tenant, person(reading))
    return [_directory_role(reading, template_id) for template_id in roles]


def read_direct_directory_roles(reading: Reading) -> list[Json]:
    """Those of them that no group gives."""
    roles = {role.template_id for role in person(reading).roles if role.is_active_everywhere}
    return [_directory_role(reading, template_id) for template_id in sorted(roles)]


def read_groups(reading: Reading) -> list[Json]:
    """The groups of a person, through groups too; without the right to read groups nothing but their ids."""
    visible = bool(reading.permissions & _GROUP_READERS)
    return [
        {
            "@odata.type": "#microsoft.graph.group",
            "id": group.id,
            "displayName": group.name if visible else None,
            "isAssignableToRole": bool(group.roles) if visible else None,
        }
        for group in reading.directory.groups_of(reading.tenant, person(reading))
    ]


def read_memberships(reading: Reading) -> list[Json]:
    """Groups and roles of a person, through groups too."""
    return read_groups(reading) + read_directory_roles(reading)


def read_role_assignments(reading: Reading) -> list[Json]:
    """Who holds a role, users and groups; the only filter is `roleDefinitionId eq '...'`.

    https://learn.microsoft.com/graph/api/rbacapplication-list-roleassignments
    """
    match = _ROLE_FILTER.fullmatch(reading.filter or "")
    if match is None:
        raise unsupported_query("The request needs a filter on 'roleDefinitionId' or 'principalId'.")
    holders: Iterable[User | Group] = [*reading.tenant.users, *reading.tenant.groups]
    return [
        _assignment(reading, holder, role)
        for holder in holders
        for role in holder.roles
        if role.template_id == match[1] and not role.eligible
    ]


def read_own_eligible_roles(reading: Reading) -> list[Json]:
    """The roles that the caller may activate.

    https://learn.microsoft.com/graph/api/unifiedroleeligibilityscheduleinstance-filterbycurrentuser
    """
    if not has_plan(reading.tenant, "AAD_PREMIUM_P2"):
        raise premium_needed()
    user = person(reading)
    return [
        {
            "id": reading.tenant.object_id("eligibility", f"{user.id}/{role.template_id}/{role.scope}"),
            "principalId": user.id,
            "roleDefinitionId": role.template_id,
            "directoryScopeId": role.scope,
            "appScopeId": None,
            "startDateTime": "2024-02-05T00:00:00Z",
            "endDateTime": None,
            "memberType": "Direct" if role in user.roles else "Group",
        }
        for role in reading.directory.eligible_roles(reading.tenant, user)
    ]


def _directory_role(reading: Reading, template_id: str) -> Json:
    name = ROLE_NAMES[template_id]
    visible = bool(reading.permissions & _ROLE_READERS)
    return {
        "@odata.type": "#microsoft.graph.directoryRole",
        "id": reading.tenant.object_id("directoryRole", template_id),
        "deletedDateTime": None,
        "description": name if visible else None,
        "displayName": name if visible else None,
        "roleTemplateId": template_id if visible else None,
    }


def _assignment(reading: Reading, holder: User | Group, role: RoleAssignment) -> Json:
    identifier = reading.tenant.object_id("roleAssignment", f"{holder.id}/{role.template_id}/{role.scope}")
    assignment: Json = {
        "id": identifier,
        "principalId": holder.id,
        "directoryScopeId": role.scope,
        "roleDefinitionId": role.template_id,
    }
    if reading.expand == "principal":
        kind = "user" if isinstance(holder, User) else "group"
        assignment["principal"] = {
            "@odata.type": f"#microsoft.graph.{kind}",
            "id": holder.id,
            "displayName": holder.name,
        }
    return assignment
