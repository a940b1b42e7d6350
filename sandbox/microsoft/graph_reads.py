"""What Graph says about the tenant and its people: one function for each kind of object.

https://learn.microsoft.com/graph/api/overview
"""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.microsoft.directory import Directory
from sandbox.microsoft.graph_errors import not_found
from sandbox.microsoft.identifiers import ROLE_NAMES
from sandbox.microsoft.licensing import licence_details, subscribed_skus
from sandbox.microsoft.registrations import Registration
from sandbox.microsoft.state import Tenant, User
from sandbox.microsoft.tenants import Json

_ROLE_READERS = {"RoleManagement.Read.Directory", "Directory.Read.All"}
_FULL_ORGANIZATION = {"Organization.Read.All", "Directory.Read.All"}


@dataclass(frozen=True, slots=True)
class Reading:
    """One authorised read: `user` is the person asked about, `named` the values in the path."""

    directory: Directory
    registrations: dict[str, Registration]
    tenant: Tenant
    user: User | None
    permissions: frozenset[str]
    named: dict[str, str]
    filter: str | None


Read = Callable[[Reading], Json | list[Json]]


def read_organization(reading: Reading) -> list[Json]:
    """The tenant itself; with User.Read alone only its name and domains."""
    tenant = reading.tenant
    limited = not reading.permissions & _FULL_ORGANIZATION
    domains = [
        {
            "capabilities": "Email, OfficeCommunicationsOnline",
            "isDefault": number == 0,
            "isInitial": number == len(tenant.domains) - 1,
            "name": domain,
            "type": "Managed",
        }
        for number, domain in enumerate(tenant.domains)
    ]
    full: Json = {
        "id": tenant.id,
        "displayName": tenant.display_name,
        "verifiedDomains": domains,
        "tenantType": "AAD",
        "countryLetterCode": "FR",
        "preferredLanguage": "fr",
        "createdDateTime": "2019-03-04T08:15:00Z",
        "technicalNotificationMails": [user.upn for user in tenant.users[:1]],
        "businessPhones": [],
        "onPremisesSyncEnabled": None,
        "assignedPlans": [],
        "provisionedPlans": [],
    }
    shown = {"id", "displayName", "verifiedDomains"}
    return [{name: value if name in shown or not limited else None for name, value in full.items()}]


def read_subscribed_skus(reading: Reading) -> list[Json]:
    """What the tenant has subscribed to."""
    return subscribed_skus(reading.tenant)


def read_user(reading: Reading) -> Json:
    """The basic fields of a person."""
    user = _person(reading)
    given, _, family = user.name.partition(" ")
    return {
        "businessPhones": [],
        "displayName": user.name,
        "givenName": given,
        "jobTitle": None,
        "mail": user.home_account or user.upn,
        "mobilePhone": None,
        "officeLocation": None,
        "preferredLanguage": "fr-FR",
        "surname": family,
        "userPrincipalName": user.upn,
        "id": user.id,
    }


def read_licence_details(reading: Reading) -> list[Json]:
    """The licences of a person."""
    return licence_details(reading.tenant, _person(reading))


def read_directory_roles(reading: Reading) -> list[Json]:
    """The active tenant-wide roles of a person; without the right to read roles nothing but their ids."""
    roles = reading.directory.active_roles(reading.tenant, _person(reading))
    return [_directory_role(reading, template_id) for template_id in roles]


def read_memberships(reading: Reading) -> list[Json]:
    """Groups and roles of a person, through groups too."""
    groups = [
        {"@odata.type": "#microsoft.graph.group", "id": group.id, "displayName": group.name}
        for group in reading.directory.groups_of(reading.tenant, _person(reading))
    ]
    return groups + read_directory_roles(reading)


def _person(reading: Reading) -> User:
    if reading.user is None:
        raise not_found(reading.named.get("user", "me"))
    return reading.user


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
