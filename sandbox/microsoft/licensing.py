"""Licences computed from subscriptions and assignments: what a tenant owns, what a user has.

Products and service plans: https://learn.microsoft.com/entra/identity/users/licensing-service-plan-reference
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from sandbox.microsoft.state import Licence, Subscription, Tenant, User
from sandbox.microsoft.tenants import Json

_UNITS = {"Enabled": "enabled", "Warning": "warning", "Suspended": "suspended", "LockedOut": "lockedOut"}


@dataclass(frozen=True, slots=True)
class Product:
    """A product by its skuPartNumber, with its service plans by name."""

    part_number: str
    sku_id: str
    name: str
    plans: tuple[str, ...]


@cache
def _table() -> Json:
    table: Json = json.loads((Path(__file__).parent / "licences.json").read_text(encoding="utf-8"))
    return table


def plan_ids() -> dict[str, str]:
    """The GUIDs of all service plans by name."""
    return dict(_table()["plans"])


@cache
def products() -> dict[str, Product]:
    """All products by skuPartNumber."""
    return {
        part_number: Product(part_number, row["sku_id"], row["name"], tuple(row["plans"]))
        for part_number, row in _table()["products"].items()
    }


def subscribed_skus(tenant: Tenant) -> list[Json]:
    """`subscribedSku` objects: one for every product, over all subscriptions to it.

    https://learn.microsoft.com/graph/api/resources/subscribedsku
    """
    part_numbers = dict.fromkeys(subscription.product for subscription in tenant.subscriptions)
    own = [_subscribed_sku(tenant, products()[part_number]) for part_number in part_numbers]
    return [*_crowd_of_skus(tenant, own[0]), *own] if tenant.crowd and own else own


def company_subscriptions(tenant: Tenant, opened_at: float) -> list[Json]:
    """`companySubscription` objects: one for every purchase; days count from `opened_at` (Unix seconds).

    https://learn.microsoft.com/graph/api/resources/companysubscription
    """
    return [
        _company_subscription(tenant, number, one, opened_at)
        for number, one in enumerate(tenant.subscriptions)
    ]


def has_plan(tenant: Tenant, plan: str) -> bool:
    """Whether the tenant has a product with this service plan that is in use or in its time of grace."""
    usable = [one for one in tenant.subscriptions if one.status in ("Enabled", "Warning")]
    return any(plan in products()[one.product].plans for one in usable)


def free_units(tenant: Tenant, part_number: str) -> int:
    """Units that can still be assigned."""
    units = _prepaid_units(tenant, part_number)
    return units["enabled"] + units["warning"] - _consumed_units(tenant, part_number)


def licence_details(tenant: Tenant, user: User) -> list[Json]:
    """`licenseDetails` objects of a user: assigned directly and through groups, products merged.

    https://learn.microsoft.com/graph/api/user-list-licensedetails
    """
    return [
        {
            "id": tenant.object_id("licence", f"{user.id}/{product.sku_id}"),
            "skuId": product.sku_id,
            "skuPartNumber": product.part_number,
            "servicePlans": [
                _plan(name, _provisioning_status(name, licences)) for name in sorted(product.plans)
            ],
        }
        for product, licences in _licences_of(tenant, user).items()
    ]


def _licences_of(tenant: Tenant, user: User) -> dict[Product, list[Licence]]:
    found: dict[Product, list[Licence]] = {}
    # Groups give licences to their own members only, not to those of groups inside them.
    direct = [group for group in tenant.groups if user.upn.lower() in map(str.lower, group.members)]
    for licence in user.licences + [licence for group in direct for licence in group.licences]:
        found.setdefault(products()[licence.product], []).append(licence)
    return found


def _provisioning_status(plan: str, licences: list[Licence]) -> str:
    """A plan is on if one of the assignments of its product leaves it on."""
    on = [licence for licence in licences if plan not in licence.disabled]
    if not on:
        return "Disabled"
    return "PendingProvisioning" if all(plan in licence.pending for licence in on) else "Success"


def _plan(name: str, status: str) -> Json:
    return {
        "servicePlanId": _table()["plans"][name],
        "servicePlanName": name,
        "provisioningStatus": status,
        "appliesTo": "Company" if name in _table()["company_plans"] else "User",
    }


def _crowd_of_skus(tenant: Tenant, pattern: Json) -> list[Json]:
    """As many products that nobody needs to know, before those that somebody looks for."""
    if tenant.crowd is None:
        return []
    plan, units = _plan("EXCHANGE_S_FOUNDATION", "Success"), _prepaid_units(tenant, "") | {"enabled": 25}
    frame = pattern | {"capabilityStatus": "Enabled", "consumedUnits": 0, "subscriptionIds": []}
    return [
        frame
        | {"id": f"{tenant.id}_{sku_id}", "skuId": sku_id, "skuPartNumber": part_number}
        | {"prepaidUnits": units, "servicePlans": [plan]}
        for sku_id, part_number in tenant.crowd.product_ids()
    ]


def _subscribed_sku(tenant: Tenant, product: Product) -> Json:
    units = _prepaid_units(tenant, product.part_number)
    return {
        "accountId": tenant.id,
        "accountName": tenant.domains[-1].partition(".")[0],
        "appliesTo": "User",
        "capabilityStatus": _capability_status(units),
        "consumedUnits": _consumed_units(tenant, product.part_number),
        "id": f"{tenant.id}_{product.sku_id}",
        "skuId": product.sku_id,
        "skuPartNumber": product.part_number,
        "subscriptionIds": [
            tenant.object_id("subscription", f"{one.product}/{number}")
            for number, one in enumerate(tenant.subscriptions)
            if one.product == product.part_number
        ],
        "prepaidUnits": units,
        "servicePlans": [_plan(name, "Success") for name in sorted(product.plans)],
    }


def _company_subscription(tenant: Tenant, number: int, one: Subscription, opened_at: float) -> Json:
    product = products()[one.product]
    day = datetime.fromtimestamp(opened_at, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    ends = day + timedelta(days=one.ends_in_days)
    identifier = tenant.object_id("subscription", f"{one.product}/{number}")
    return {
        "commerceSubscriptionId": identifier,
        "createdDateTime": "2024-02-05T00:00:00Z",
        "id": identifier,
        "isTrial": one.trial,
        "nextLifecycleDateTime": ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "ownerId": None,
        "ownerTenantId": None,
        "ownerType": None,
        "serviceStatus": [_plan(name, "Success") for name in sorted(product.plans)],
        "skuId": product.sku_id,
        "skuPartNumber": product.part_number,
        "status": one.status,
        "totalLicenses": one.units,
    }


def _prepaid_units(tenant: Tenant, part_number: str) -> dict[str, int]:
    units = dict.fromkeys(_UNITS.values(), 0)
    for subscription in tenant.subscriptions:
        if subscription.product == part_number and subscription.status in _UNITS:
            units[_UNITS[subscription.status]] += subscription.units
    return units


def _capability_status(units: dict[str, int]) -> str:
    return next((status for status, kind in _UNITS.items() if units[kind] > 0), "Deleted")


def _consumed_units(tenant: Tenant, part_number: str) -> int:
    product = products()[part_number]
    return sum(product in _licences_of(tenant, user) for user in tenant.users)
