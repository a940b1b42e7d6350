"""What a tenant is made of: people, groups, roles, subscriptions, licences, service principals.

All of it is data. Guests, roles held through groups or only eligible (PIM), suspended subscriptions and
plans that are switched off or still being provisioned need no further code.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

if TYPE_CHECKING:
    from sandbox.microsoft.crowd import Crowd


@dataclass(frozen=True, slots=True)
class Licence:
    """A product given to a user or a group; `disabled` and `pending` name service plans of it."""

    product: str
    disabled: frozenset[str] = frozenset()
    pending: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RoleAssignment:
    """A directory role by template id; `scope` "/" is tenant-wide, `eligible` means not activated (PIM)."""

    template_id: str
    scope: str = "/"
    eligible: bool = False

    @property
    def is_active_everywhere(self) -> bool:
        return self.scope == "/" and not self.eligible


@dataclass(slots=True)
class User:
    """A user object of one tenant; a guest names the account it stands for in `home_account`.

    `foreign` stands for somebody who acts in the tenant without being a user of it (a partner by delegated
    administration): they sign in and have roles, and Graph knows no user of that id.
    """

    id: str
    upn: str
    name: str
    user_type: str = "Member"
    enabled: bool = True
    home_account: str | None = None
    foreign: bool = False
    roles: list[RoleAssignment] = field(default_factory=list)
    licences: list[Licence] = field(default_factory=list)


@dataclass(slots=True)
class Group:
    """A group; `members` are user addresses or names of other groups of the tenant."""

    id: str
    name: str
    members: list[str] = field(default_factory=list)
    roles: list[RoleAssignment] = field(default_factory=list)
    licences: list[Licence] = field(default_factory=list)


@dataclass(slots=True)
class Subscription:
    """Units of one product; status is one of Enabled, Warning, Suspended, LockedOut, Deleted.

    `ends_in_days` is when the next state comes, counted from the opening of the directory.
    """

    product: str
    units: int
    status: str = "Enabled"
    trial: bool = False
    ends_in_days: int = 365


@dataclass(frozen=True, slots=True)
class AppRoleAssignment:
    """An application permission granted to a service principal; tokens carry it from `effective_at` on."""

    id: str
    permission: str
    created_at: float
    effective_at: float


@dataclass(frozen=True, slots=True)
class DelegatedGrant:
    """Delegated scopes granted for everybody (`principal_id` None) or for one user."""

    id: str
    principal_id: str | None
    scopes: tuple[str, ...]
    effective_at: float


@dataclass(slots=True)
class ServicePrincipal:
    """An application in a tenant. Nobody sees it before `visible_at` (the directory is replicated), and Graph
    honours the permissions in its tokens from `honoured_at` on.
    """

    id: str
    app_id: str
    name: str
    visible_at: float
    app_role_assignments: list[AppRoleAssignment] = field(default_factory=list)
    grants: list[DelegatedGrant] = field(default_factory=list)
    honoured_at: float = 0


@dataclass(slots=True)
class Condition:
    """What lasts in a tenant (sandbox/microsoft/conditions.py); `left` times, None until it is lifted."""

    values: dict[str, Any]
    left: int | None = None


@dataclass(slots=True)
class Tenant:
    """One organisation. `name` is ours; `domains` start with the own one and end with the initial."""

    name: str
    id: str
    display_name: str
    domains: list[str]
    users: list[User]
    groups: list[Group]
    subscriptions: list[Subscription]
    consent_propagation_seconds: float = 0
    page_size: int = 100
    service_principals: dict[str, ServicePrincipal] = field(default_factory=dict)
    conditions: dict[str, Condition] = field(default_factory=dict)
    crowd: "Crowd | None" = None

    @property
    def stages(self) -> tuple[float, float, float]:
        """Seconds after a consent until the application is seen, tokens have roles, Graph honours them."""
        if condition := self.conditions.get("slow_consent"):
            visible, roles, graph = condition.values["stages"]
            return visible, visible + roles, visible + roles + graph
        seconds = self.consent_propagation_seconds
        return seconds / 2, seconds, seconds

    def user(self, id_or_upn: str) -> User | None:
        """The user with this object id or (in any case) this address."""
        wanted = id_or_upn.lower()
        found = next((user for user in self.users if wanted in (user.id, user.upn.lower())), None)
        return found or (self.crowd.find(wanted) if self.crowd else None)

    def object_id(self, kind: str, name: str) -> str:
        """A stable object id for a thing of this tenant."""
        return object_id(self.id, kind, name)


def object_id(tenant_id: str, kind: str, name: str) -> str:
    """A GUID that is always the same for the same thing of the same tenant."""
    return str(uuid5(NAMESPACE_URL, f"{tenant_id}/{kind}/{name.lower()}"))
