"""The closed list of changes to a tenant; `app.py` documents their JSON.

A change is validated whole before anything happens: a refused change changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.microsoft.conditions import CONDITIONS, ConditionError, lift_from_tenant, set_on_tenant
from sandbox.microsoft.directory import Directory
from sandbox.microsoft.identifiers import role_template_id
from sandbox.microsoft.licensing import free_units, products
from sandbox.microsoft.state import Licence, RoleAssignment, Subscription, Tenant, User

_MOST_UNITS = 10_000


class ChangeError(Exception):
    """A change that was refused: `status` 400 does not make sense, 409 does not fit the tenant's state."""

    def __init__(self, message: str, fields: list[str], status: int = 400) -> None:
        self.fields = fields
        self.status = status
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class _Change:
    """What was asked: the verb's own value and the fields beside it."""

    directory: Directory
    tenant: Tenant
    verb: str
    value: Any
    fields: dict[str, Any]

    def product(self) -> str:
        """A product by skuPartNumber or skuId."""
        for product in products().values():
            if self.value in (product.part_number, product.sku_id):
                return product.part_number
        raise ChangeError(f"unknown product {self.value!r}", [self.verb])

    def role(self) -> str:
        """A role by name or template id."""
        try:
            return role_template_id(self.value)
        except (KeyError, TypeError):
            raise ChangeError(f"unknown role {self.value!r}", [self.verb]) from None

    def person(self, field: str) -> User:
        """The user named in `field`."""
        upn = self.fields.get(field)
        user = self.tenant.user(upn) if isinstance(upn, str) else None
        if user is None:
            raise ChangeError(f"no user {upn!r} in {self.tenant.name}", [field])
        return user


def apply_change(directory: Directory, tenant: Tenant, change: dict[str, Any]) -> None:
    """Applies one change; raises ChangeError, having changed nothing."""
    verbs = [name for name in change if name in _VERBS]
    if len(verbs) != 1:
        raise ChangeError(f"exactly one of {', '.join(_VERBS)} is needed", verbs or sorted(change))
    verb = verbs[0]
    act, fields = _VERBS[verb]
    unknown = sorted(change.keys() - fields - {verb})
    if unknown:
        raise ChangeError(f"unknown fields: {', '.join(unknown)}", unknown)
    beside = {name: value for name, value in change.items() if name != verb}
    act(_Change(directory, tenant, verb, change[verb], beside))


def _buy(change: _Change) -> None:
    units = change.fields.get("units", 1)
    if not isinstance(units, int) or isinstance(units, bool) or not 1 <= units <= _MOST_UNITS:
        raise ChangeError(f"units is a whole number from 1 to {_MOST_UNITS}", ["units"])
    change.tenant.subscriptions.append(Subscription(change.product(), units))


def _assign(change: _Change) -> None:
    product, user = change.product(), change.person("to")
    if any(licence.product == product for licence in user.licences):
        raise ChangeError(f"{user.upn} already has {product}", ["to"], status=409)
    if free_units(change.tenant, product) < 1:
        raise ChangeError(f"no unit of {product} is free, buy one", [change.verb], status=409)
    user.licences.append(Licence(product))


def _unassign(change: _Change) -> None:
    product, user = change.product(), change.person("from")
    kept = [licence for licence in user.licences if licence.product != product]
    if len(kept) == len(user.licences):
        raise ChangeError(f"{user.upn} has no {product} of their own", ["from"], status=409)
    user.licences = kept


def _give_role(change: _Change) -> None:
    role, user = change.role(), change.person("to")
    assignment = RoleAssignment(role)
    if assignment not in user.roles:
        user.roles.append(assignment)


def _take_role(change: _Change) -> None:
    role, user = change.role(), change.person("from")
    kept = [one for one in user.roles if one.template_id != role or one.eligible]
    if len(kept) == len(user.roles):
        raise ChangeError(f"{user.upn} does not have this role of their own", ["from"], status=409)
    user.roles = kept


def _withdraw_consent(change: _Change) -> None:
    if not isinstance(change.value, str):
        raise ChangeError("withdraw_consent takes a client id", [change.verb])
    if not change.directory.withdraw_consent(change.tenant, change.value):
        raise ChangeError(f"{change.value!r} has no consent here", [change.verb], status=409)


def _condition(change: _Change) -> None:
    try:
        set_on_tenant(change.tenant, str(change.value), change.fields)
    except ConditionError as error:
        raise ChangeError(str(error), error.fields) from error


def _lift(change: _Change) -> None:
    try:
        lift_from_tenant(change.tenant, str(change.value))
    except ConditionError as error:
        raise ChangeError(str(error), error.fields, status=409) from error


def _reset(change: _Change) -> None:
    if change.value is not True:
        raise ChangeError("reset takes true", [change.verb])
    change.directory.reset(change.tenant.name)


_VERBS: dict[str, tuple[Callable[[_Change], None], frozenset[str]]] = {
    "buy": (_buy, frozenset({"units"})),
    "assign": (_assign, frozenset({"to"})),
    "unassign": (_unassign, frozenset({"from"})),
    "give_role": (_give_role, frozenset({"to"})),
    "take_role": (_take_role, frozenset({"from"})),
    "withdraw_consent": (_withdraw_consent, frozenset()),
    "condition": (_condition, frozenset(name for one in CONDITIONS.values() for name, _ in one.fields)),
    "lift": (_lift, frozenset()),
    "reset": (_reset, frozenset()),
}
