"""What Graph says about the tenant and its people: one function for each kind of object.

https://learn.microsoft.com/graph/api/overview
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.microsoft.directory import Directory
from sandbox.microsoft.graph_errors import not_found
from sandbox.microsoft.licensing import company_subscriptions, licence_details, subscribed_skus
from sandbox.microsoft.registrations import Registration
from sandbox.microsoft.state import Tenant, User
from sandbox.microsoft.tenants import Json

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
    expand: str | None = None


Read = Callable[[Reading], Json | Sequence[Json]]


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


def read_company_subscriptions(reading: Reading) -> list[Json]:
    """What the tenant has subscribed to, purchase by purchase."""
    return company_subscriptions(reading.tenant, reading.directory.opened_at)


def read_user(reading: Reading) -> Json:
    """The basic fields of a person."""
    return _user(person(reading))


class _People(Sequence[Json]):
    """The users of a tenant, of whom only those on the page asked for are looked at."""

    def __init__(self, tenant: Tenant) -> None:
        self._users = (tenant.users, tenant.crowd or ())

    def __len__(self) -> int:
        return sum(map(len, self._users))

    def __getitem__(self, place: Any) -> Any:
        first, others = self._users
        numbers = range(len(self))[place]
        wanted = [numbers] if isinstance(numbers, int) else numbers
        found = [_user(first[one] if one < len(first) else others[one - len(first)]) for one in wanted]
        return found[0] if isinstance(numbers, int) else found


def read_users(reading: Reading) -> Sequence[Json]:
    """The people of the tenant. https://learn.microsoft.com/graph/api/user-list"""
    return _People(reading.tenant)


def _user(user: User) -> Json:
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
        "userType": user.user_type,
        "id": user.id,
    }


def read_licence_details(reading: Reading) -> list[Json]:
    """The licences of a person."""
    return licence_details(reading.tenant, person(reading))


def person(reading: Reading) -> User:
    """The user asked about; raises for one that the tenant doesn't have, be it that they act there."""
    if reading.user is None or reading.user.foreign:
        raise not_found(reading.named.get("user", "me"))
    return reading.user
