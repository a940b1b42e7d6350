"""The directory of all tenants and its rules: who is who, which roles are active, what was consented to.

Time: `clock()` is the directory's own and can be moved forward. It rules what the directory does by itself
(consent spreading, lifetime of codes). Time stamps inside tokens come from `now()`, the real clock, because
whoever checks them has not moved his own; for one who has, it can be moved, too.
"""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from uuid import uuid4

from sandbox.microsoft.identifiers import (
    APPLICATION_ADMINISTRATOR,
    CLOUD_APPLICATION_ADMINISTRATOR,
    GLOBAL_ADMINISTRATOR,
    OPENID_SCOPES,
    PRIVILEGED_ROLE_ADMINISTRATOR,
)
from sandbox.microsoft.registrations import Registration
from sandbox.microsoft.state import (
    AppRoleAssignment,
    DelegatedGrant,
    Group,
    RoleAssignment,
    ServicePrincipal,
    Tenant,
    User,
)
from sandbox.microsoft.tenants import TENANTS_FILE, Json, build_tenant, read_tenants

_CONSENT_TO_ANYTHING = {GLOBAL_ADMINISTRATOR, PRIVILEGED_ROLE_ADMINISTRATOR}
_CONSENT_WITHOUT_GRAPH_ROLES = {APPLICATION_ADMINISTRATOR, CLOUD_APPLICATION_ADMINISTRATOR}


class Directory:
    """All tenants by their sandbox name, in `tenants`."""

    def __init__(self, sources: Iterable[Json], now: Callable[[], float] = time.time) -> None:
        self._sources = {source["name"]: source for source in sources}
        self._real = now
        self._ahead = 0.0
        self._advanced = 0.0
        self.opened_at = now()
        self.tenants = {name: build_tenant(source) for name, source in self._sources.items()}
        # Names of tenants by id and domain, and by the address of an account: there may be thousands.
        self._named: dict[str, str] = {}
        self._homes: dict[str, str] = {}
        for tenant in self.tenants.values():
            self._index(tenant)

    @classmethod
    def load(cls, path: Path = TENANTS_FILE, now: Callable[[], float] = time.time) -> "Directory":
        """The directory of a JSON file; `now` gives Unix seconds."""
        return cls(read_tenants(path), now)

    def now(self) -> float:
        """The time that tokens are stamped with, in Unix seconds."""
        return self._real() + self._ahead

    def clock(self) -> float:
        """The directory's time in Unix seconds."""
        return self.now() + self._advanced

    def advance(self, seconds: float, *, tokens: bool = False) -> None:
        """Moves the directory's clock forward, with `tokens` together with the one that stamps them."""
        if tokens:
            self._ahead += seconds
        else:
            self._advanced += seconds

    def reset(self, name: str) -> None:
        """Puts a tenant back as its file describes it: no consents, no changes."""
        self.tenants[name] = build_tenant(self._sources[name])

    def found(self, source: Json) -> Tenant:
        """Adds a tenant from its JSON; raises ValueError for unknown fields, KeyError for missing ones."""
        tenant = build_tenant(source)
        if tenant.name in self._sources:
            self._forget(tenant.name)
        self._sources[tenant.name] = source
        self.tenants[tenant.name] = tenant
        self._index(tenant)
        return tenant

    def _index(self, tenant: Tenant) -> None:
        for word in (tenant.id, *tenant.domains):
            self._named.setdefault(word, tenant.name)
        for user in tenant.users:
            if user.home_account is None:
                self._homes.setdefault(user.upn.lower(), tenant.name)

    def _forget(self, name: str) -> None:
        for index in (self._named, self._homes):
            for word in [word for word, owner in index.items() if owner == name]:
                del index[word]

    # Who is who

    def tenant(self, word: str) -> Tenant | None:
        """The tenant with this GUID or verified domain."""
        name = self._named.get(word.lower())
        return self.tenants[name] if name else None

    def tenant_named(self, name: str) -> Tenant | None:
        """The tenant with this sandbox name, GUID or verified domain."""
        return self.tenants.get(name) or self.tenant(name)

    def account(self, upn: str) -> tuple[Tenant, User] | None:
        """The account that signs in with this address: home tenant and user there."""
        name = self._homes.get(upn.lower()) or self._named.get(upn.lower().rpartition("@")[2])
        tenant = self.tenants[name] if name else None
        user = tenant.user(upn) if tenant else None
        return (tenant, user) if tenant and user and user.home_account is None else None

    def identity(self, upn: str, tenant: Tenant) -> User | None:
        """The user object that an account has in a tenant: its own one at home, its guest elsewhere."""
        wanted = upn.lower()
        found = (one for one in tenant.users if wanted == (one.home_account or one.upn).lower())
        return next(found, None) or (tenant.crowd.find(wanted) if tenant.crowd else None)

    def groups_of(self, tenant: Tenant, user: User) -> list[Group]:
        """The groups a user is in, directly or through other groups."""
        found: list[Group] = []
        names = {user.upn.lower()}
        while more := [
            group
            for group in tenant.groups
            if group not in found and names & {member.lower() for member in group.members}
        ]:
            found += more
            names |= {group.name.lower() for group in more}
        return found

    def role_assignments(self, tenant: Tenant, user: User) -> list[RoleAssignment]:
        """All roles of a user, own and through groups, active or not, whatever their scope."""
        return user.roles + [role for group in self.groups_of(tenant, user) for role in group.roles]

    def eligible_roles(self, tenant: Tenant, user: User) -> list[RoleAssignment]:
        """Roles of a user, own and through groups, that Privileged Identity Management lets them activate."""
        return [role for role in self.role_assignments(tenant, user) if role.eligible]

    def active_roles(self, tenant: Tenant, user: User) -> list[str]:
        """Template ids of the roles that are active now in the whole tenant."""
        assignments = self.role_assignments(tenant, user)
        return sorted({role.template_id for role in assignments if role.is_active_everywhere})

    # Consents

    def may_consent(self, tenant: Tenant, user: User, application_permissions: Iterable[str]) -> bool:
        """Whether a user may consent for the tenant, given the Graph application permissions asked for.

        https://learn.microsoft.com/entra/identity/enterprise-apps/grant-admin-consent
        """
        roles = set(self.active_roles(tenant, user))
        if roles & _CONSENT_TO_ANYTHING:
            return True
        return bool(roles & _CONSENT_WITHOUT_GRAPH_ROLES) and not any(True for _ in application_permissions)

    def grant_admin_consent(
        self, tenant: Tenant, app: Registration, permissions: Iterable[str], scopes: Iterable[str]
    ) -> None:
        """Grants exactly these application permissions and scopes for everybody; earlier ones go."""
        now = self.clock()
        _, roles, graph = tenant.stages
        effective_at = now + roles
        principal = self._service_principal(tenant, app)
        if graph > roles and not principal.app_role_assignments:
            principal.honoured_at = now + graph
        kept = {one.permission: one for one in principal.app_role_assignments}
        principal.app_role_assignments = [
            kept.get(permission) or AppRoleAssignment(str(uuid4()), permission, now, effective_at)
            for permission in permissions
        ]
        personal = [grant for grant in principal.grants if grant.principal_id]
        earlier = {scope for grant in principal.grants if not grant.principal_id for scope in grant.scopes}
        wanted = tuple(scopes)
        spread_at = now if earlier.issuperset(wanted) else effective_at
        principal.grants = [*personal, DelegatedGrant(str(uuid4()), None, wanted, spread_at)]

    def grant_user_consent(
        self, tenant: Tenant, app: Registration, user: User, scopes: Iterable[str]
    ) -> None:
        """Adds delegated scopes for one user."""
        principal = self._service_principal(tenant, app)
        principal.grants.append(DelegatedGrant(str(uuid4()), user.id, tuple(scopes), self.clock()))

    def withdraw_consent(self, tenant: Tenant, client_id: str) -> bool:
        """Removes an application from a tenant; False if it was not there."""
        return tenant.service_principals.pop(client_id, None) is not None

    def service_principal(self, tenant: Tenant, client_id: str) -> ServicePrincipal | None:
        """The application in the tenant, once the directory shows it."""
        principal = tenant.service_principals.get(client_id)
        return principal if principal and principal.visible_at <= self.clock() else None

    def granted_permissions(self, principal: ServicePrincipal) -> list[str]:
        """Application permissions that tokens carry by now."""
        now = self.clock()
        return [one.permission for one in principal.app_role_assignments if one.effective_at <= now]

    def granted_scopes(self, tenant: Tenant, client_id: str, user: User) -> set[str]:
        """Delegated scopes that hold by now for this user; signing in alone needs no consent."""
        principal = tenant.service_principals.get(client_id)
        grants = principal.grants if principal else []
        now = self.clock()
        holding = [one for one in grants if one.principal_id in (None, user.id) and one.effective_at <= now]
        return set(OPENID_SCOPES) | {scope for grant in holding for scope in grant.scopes}

    def _service_principal(self, tenant: Tenant, app: Registration) -> ServicePrincipal:
        visible_at = self.clock() + tenant.stages[0]
        new = ServicePrincipal(str(uuid4()), app.client_id, app.name, visible_at)
        return tenant.service_principals.setdefault(app.client_id, new)
