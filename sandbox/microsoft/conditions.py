"""The closed list of lasting conditions: set and lifted through the control application, asked where they
matter. Traffic that fails is another matter: sandbox/faults.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sandbox.microsoft.authority import Authority
from sandbox.microsoft.crowd import Crowd
from sandbox.microsoft.errors import EntraError, UnlistedError
from sandbox.microsoft.registrations import Registration, Secret, read_certificates
from sandbox.microsoft.state import Condition, Tenant


class Subject(StrEnum):
    """What a condition is one of."""

    TENANT = "tenant"
    REGISTRATION = "registration"
    KEYS = "keys"


@dataclass(frozen=True, slots=True)
class Listed:
    """One condition: of what, what is then seen, and its fields with what they are if not said."""

    name: str
    subject: Subject
    what: str
    fields: tuple[tuple[str, Any], ...] = ()


CONDITIONS = {
    one.name: one
    for one in (
        Listed(
            "slow_consent",
            Subject.TENANT,
            "after a consent 700016, then a token without roles, then Graph's 403, then all is well",
            (("stages", (10, 10, 10)),),
        ),
        Listed(
            "not_provisioned",
            Subject.TENANT,
            "650051 on the consent redirect, the given number of times",
            (("times", 1),),
        ),
        Listed(
            "consent_error",
            Subject.TENANT,
            "any AADSTS number on the consent redirect",
            (("number", 999999), ("error", "access_denied"), ("times", None)),
        ),
        Listed(
            "sign_in_error",
            Subject.TENANT,
            "any AADSTS number on the sign-in redirect",
            (("number", 999999), ("error", "access_denied"), ("times", None)),
        ),
        Listed("conditional_access", Subject.TENANT, "53003 at the token endpoint for the code grant"),
        Listed(
            "application_disabled",
            Subject.TENANT,
            "7000112 at the token endpoint for client credentials: an administrator has switched it off",
        ),
        Listed(
            "tenant_restrictions",
            Subject.TENANT,
            "500021 or 500022 on Microsoft's own page: nobody comes back",
            (("number", 500021),),
        ),
        Listed(
            "approval_required",
            Subject.TENANT,
            "90094 or 90095 on Microsoft's own page, whoever asks: nobody comes back",
            (("number", 90094),),
        ),
        Listed(
            "large",
            Subject.TENANT,
            "very many users and products, on many pages",
            (("users", 20_000), ("products", 400)),
        ),
        Listed("secret_expired", Subject.REGISTRATION, "7000222 for every client secret"),
        Listed("secret_replaced", Subject.REGISTRATION, "7000215 for every client secret known so far"),
        Listed(
            "certificate_added",
            Subject.REGISTRATION,
            "two certificates are valid at once",
            (("certificate", ""),),
        ),
        Listed(
            "old_certificates_removed",
            Subject.REGISTRATION,
            "700027 for every certificate but the newest",
        ),
        Listed("keys_rotated", Subject.KEYS, "a new key signs tokens, the keys before stay published"),
        Listed("old_keys_removed", Subject.KEYS, "only the newest key is published"),
    )
}


class ConditionError(Exception):
    """A condition that cannot be set or lifted; `fields` name what is wrong."""

    def __init__(self, message: str, *fields: str) -> None:
        self.fields = sorted(fields)
        super().__init__(message)


def redirected_error(tenant: Tenant, *names: str) -> None:
    """Raises EntraError, to be redirected, if one of these conditions is on; counts it."""
    for name in names:
        if condition := _struck(tenant, name):
            if name == "not_provisioned":
                raise EntraError(650051, tenant=tenant.display_name)
            raise UnlistedError(condition.values["number"], condition.values["error"])


def refuse_restricted(tenant: Tenant) -> None:
    """Raises EntraError, to be shown on a page, where tenant restrictions keep everybody out."""
    if condition := tenant.conditions.get("tenant_restrictions"):
        raise EntraError(condition.values["number"], tenant=tenant.display_name)


def refuse_by_policy(tenant: Tenant) -> None:
    """Raises EntraError at the token endpoint where Conditional Access blocks."""
    if "conditional_access" in tenant.conditions:
        claims = f'{{"access_token":{{"capolids":{{"essential":true,"values":["{tenant.id}"]}}}}}}'
        raise EntraError(53003, suberror="message_only", claims=claims)


def refuse_disabled(tenant: Tenant, client_id: str) -> None:
    """Raises EntraError at the token endpoint where the tenant has switched applications off."""
    if "application_disabled" in tenant.conditions:
        raise EntraError(7000112, app=client_id)


def approval_number(tenant: Tenant) -> int | None:
    """The number of the page on which an approval has to be asked for, None if administrators consent."""
    condition = tenant.conditions.get("approval_required")
    return condition.values["number"] if condition else None


def set_on_tenant(tenant: Tenant, name: str, fields: dict[str, Any]) -> None:
    """Set a condition of a tenant; it replaces one of that name. Raises ConditionError."""
    values = _values(Subject.TENANT, name, fields)
    tenant.conditions[name] = Condition(values, values.get("times"))
    if name == "large":
        tenant.crowd = Crowd(tenant.id, tenant.domains[0], values["users"], values["products"])


def lift_from_tenant(tenant: Tenant, name: str) -> None:
    """Raises ConditionError for one that isn't on."""
    if tenant.conditions.pop(name, None) is None:
        raise ConditionError(f"{name} isn't on", "lift")
    if name == "large":
        tenant.crowd = None


def set_on_registration(app: Registration, name: str, fields: dict[str, Any]) -> Registration:
    """The registration with the condition. Raises ConditionError."""
    values = _values(Subject.REGISTRATION, name, fields)
    return _REGISTRATIONS[name](app, values)


def set_on_keys(authority: Authority, name: str, fields: dict[str, Any]) -> None:
    """Raises ConditionError."""
    _values(Subject.KEYS, name, fields)
    act = {"keys_rotated": authority.tokens.rotate, "old_keys_removed": authority.tokens.withdraw_old}
    act[name]()


def _struck(tenant: Tenant, name: str) -> Condition | None:
    condition = tenant.conditions.get(name)
    if condition is None or condition.left is None:
        return condition
    condition.left -= 1
    if condition.left == 0:
        del tenant.conditions[name]
    return condition


def _values(subject: Subject, name: str, fields: dict[str, Any]) -> dict[str, Any]:
    listed = CONDITIONS.get(name)
    if listed is None or listed.subject is not subject:
        known = ", ".join(one.name for one in CONDITIONS.values() if one.subject is subject)
        raise ConditionError(f"a {subject} can have {known}", "condition")
    usual = dict(listed.fields)
    if unknown := fields.keys() - usual.keys():
        raise ConditionError(f"unknown fields: {', '.join(sorted(unknown))}", *unknown)
    if wrong := [field for field, value in fields.items() if not _KINDS[field](value)]:
        raise ConditionError(f"cannot be used: {', '.join(wrong)}", *wrong)
    return usual | fields


def _added(app: Registration, values: dict[str, Any]) -> Registration:
    try:
        added = read_certificates(values["certificate"])
    except ValueError:
        raise ConditionError("certificate is a PEM text", "certificate") from None
    return replace(app, certificates=(*app.certificates, *added))


_REGISTRATIONS: dict[str, Callable[[Registration, dict[str, Any]], Registration]] = {
    "secret_expired": lambda app, _: replace(
        app, secrets=tuple(replace(secret, expires_at=1.0) for secret in app.secrets)
    ),
    "secret_replaced": lambda app, _: replace(app, secrets=(Secret("another than anybody knows"),)),
    "certificate_added": _added,
    "old_certificates_removed": lambda app, _: replace(app, certificates=app.certificates[-1:]),
}


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _stages(value: object) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == 3
        and all(isinstance(one, int | float) and one >= 0 for one in value)
    )


_KINDS: dict[str, Callable[[object], bool]] = {
    **dict.fromkeys(("number", "users", "products", "times"), _count),
    "error": lambda value: isinstance(value, str) and value.isidentifier(),
    "certificate": lambda value: isinstance(value, str),
    "stages": _stages,
}
