"""Reads tenants from JSON. A field that is not known is refused, so that a typing error cannot hide."""

import json
from pathlib import Path
from typing import Any

from sandbox.microsoft.identifiers import role_template_id
from sandbox.microsoft.state import Group, Licence, RoleAssignment, Subscription, Tenant, User, object_id

TENANTS_FILE = Path(__file__).parent / "tenants.json"

_FIELDS = {
    "tenant": {
        *("name", "tenant_id", "display_name", "domains", "users", "groups", "subscriptions"),
        *("consent_propagation_seconds", "page_size"),
    },
    "user": {"upn", "name", "user_type", "enabled", "home_account", "foreign", "roles", "licences"},
    "group": {"name", "members", "roles", "licences"},
    "subscription": {"product", "units", "status", "trial", "ends_in_days"},
    "licence": {"product", "disabled", "pending"},
    "role": {"role", "scope", "eligible"},
}

Json = dict[str, Any]


def read_tenants(path: Path = TENANTS_FILE) -> list[Json]:
    """The tenants of a file as plain JSON, one object each; feed them to `build_tenant`."""
    document: list[Json] = json.loads(path.read_text(encoding="utf-8"))
    return document


def build_tenant(source: Json) -> Tenant:
    """A tenant from its JSON; raises ValueError naming unknown fields and KeyError for unknown roles."""
    _refuse_unknown("tenant", source)
    tenant_id = source["tenant_id"]
    return Tenant(
        name=source["name"],
        id=tenant_id,
        display_name=source["display_name"],
        domains=source["domains"],
        users=[_user(tenant_id, user) for user in source["users"]],
        groups=[_group(tenant_id, group) for group in source.get("groups", [])],
        subscriptions=[_subscription(item) for item in source["subscriptions"]],
        consent_propagation_seconds=source.get("consent_propagation_seconds", 0),
        page_size=source.get("page_size", 100),
    )


def _user(tenant_id: str, source: Json) -> User:
    _refuse_unknown("user", source)
    return User(
        id=object_id(tenant_id, "user", source["upn"]),
        upn=source["upn"],
        name=source["name"],
        user_type=source.get("user_type", "Member"),
        enabled=source.get("enabled", True),
        home_account=source.get("home_account"),
        foreign=source.get("foreign", False),
        roles=[_role(role) for role in source.get("roles", [])],
        licences=[_licence(licence) for licence in source.get("licences", [])],
    )


def _group(tenant_id: str, source: Json) -> Group:
    _refuse_unknown("group", source)
    return Group(
        id=object_id(tenant_id, "group", source["name"]),
        name=source["name"],
        members=list(source.get("members", [])),
        roles=[_role(role) for role in source.get("roles", [])],
        licences=[_licence(licence) for licence in source.get("licences", [])],
    )


def _subscription(source: Json) -> Subscription:
    _refuse_unknown("subscription", source)
    return Subscription(**source)


def _licence(source: str | Json) -> Licence:
    if isinstance(source, str):
        return Licence(source)
    _refuse_unknown("licence", source)
    return Licence(
        source["product"], frozenset(source.get("disabled", [])), frozenset(source.get("pending", []))
    )


def _role(source: str | Json) -> RoleAssignment:
    if isinstance(source, str):
        return RoleAssignment(role_template_id(source))
    _refuse_unknown("role", source)
    return RoleAssignment(
        role_template_id(source["role"]), source.get("scope", "/"), source.get("eligible", False)
    )


def _refuse_unknown(kind: str, source: Json) -> None:
    unknown = sorted(source.keys() - _FIELDS[kind])
    if unknown:
        raise ValueError(f"{kind}: unknown fields {', '.join(unknown)}")
