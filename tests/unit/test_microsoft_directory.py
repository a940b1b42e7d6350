"""The sandbox's directory as data: what its files hold, and the rules that need no HTTP."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import sandbox
from sandbox.microsoft.directory import Directory
from sandbox.microsoft.identifiers import GLOBAL_ADMINISTRATOR
from sandbox.microsoft.licensing import free_units, licence_details, products, subscribed_skus
from sandbox.microsoft.tenants import build_tenant, read_tenants

CUSTOMERS = json.loads((Path(sandbox.__file__).parent / "customers.json").read_text(encoding="utf-8"))
BY_TENANT = {customer["tenant"]: customer for customer in CUSTOMERS}


def minimal(**more: Any) -> dict[str, Any]:
    base = {"name": "one", "tenant_id": "0" * 8, "display_name": "One", "domains": ["one.example"]}
    return base | {"users": [], "subscriptions": []} | more


def has_p1(directory: Directory, upn: str) -> bool:
    found = directory.account(upn)
    assert found
    plans = [plan for product in licence_details(*found) for plan in product["servicePlans"]]
    return any(
        plan["servicePlanName"] == "AAD_PREMIUM" and plan["provisioningStatus"] == "Success" for plan in plans
    )


def is_administrator(directory: Directory, upn: str) -> bool:
    found = directory.account(upn)
    assert found
    return GLOBAL_ADMINISTRATOR in directory.active_roles(*found)


# The demonstration


@pytest.mark.parametrize(
    ("tenant", "administrator", "p1"),
    [
        ("menuiserie-lambert", True, True),
        ("boulangerie-morel", False, True),
        ("transports-girard", True, False),
        ("cabinet-faure", True, False),
        ("vignobles-chastel", True, True),
        ("imprimerie-roussel", True, True),
        ("mont-blanc-outdoor", True, True),
        ("etudes-valmont", False, False),
        ("pharmacie-delorme", True, True),
        ("atelier-nogues", True, True),
    ],
)
def test_each_customer_is_in_the_situation_its_name_promises(
    tenant: str, administrator: bool, p1: bool
) -> None:
    directory, account = Directory.load(), BY_TENANT[tenant]["account"]
    assert (is_administrator(directory, account), has_p1(directory, account)) == (administrator, p1)


def test_p1_is_bought_in_one_tenant_without_being_assigned_to_its_administrator() -> None:
    directory = Directory.load()
    assert free_units(directory.tenants["cabinet-faure"], "AAD_PREMIUM") == 2
    assert free_units(directory.tenants["transports-girard"], "AAD_PREMIUM") == 0


def test_only_one_customer_signs_in_from_another_tenant_than_the_order_expects() -> None:
    directory = Directory.load()
    unexpected = set()
    for customer in CUSTOMERS:
        found = directory.account(customer["account"])
        expected = directory.tenant(customer["order"]["administrator_email"].partition("@")[2])
        assert found
        assert expected is directory.tenants[customer["tenant"]]
        if found[0] is not expected:
            unexpected.add(customer["tenant"])
    assert unexpected == {"imprimerie-roussel"}


def test_only_one_tenant_takes_its_time() -> None:
    waits = {one.name: one.consent_propagation_seconds for one in Directory.load().tenants.values()}
    assert {name: wait for name, wait in waits.items() if wait} == {"mont-blanc-outdoor": 20}


def test_orders_follow_the_rules_of_orders() -> None:
    orders = [customer["order"] for customer in CUSTOMERS]
    assert all(order["office365_users"] == order["azure_ad_users"] for order in orders)
    assert {order["model"] for order in orders} == {"DUL", "DUA", "DSU"}
    assert {order["subscription"] for order in orders} == {"sage", "elsewhere"}
    assert [order["language"] for order in orders].count("en") == 1
    for field in ("order_number", "customer_number", "mpn_id"):
        assert len({order[field] for order in orders}) == len(orders)


def test_tenants_and_domains_are_nobodys() -> None:
    tenants = Directory.load().tenants.values()
    domains = [domain for tenant in tenants for domain in tenant.domains]
    assert len(set(domains)) == len(domains)
    assert all(domain.endswith(".example") for domain in domains)
    assert all(len(tenant.domains) == 2 and ".onmicrosoft." in tenant.domains[-1] for tenant in tenants)
    assert len({UUID(tenant.id) for tenant in tenants}) == len(tenants)


# Reading


@pytest.mark.parametrize(
    "broken",
    [
        {"colour": "red"},
        {"users": [{"upn": "a@one.example", "name": "A", "role": []}]},
        {"groups": [{"name": "G", "people": []}]},
        {"subscriptions": [{"product": "SPB", "units": 1, "state": "Enabled"}]},
        {"users": [{"upn": "a@one.example", "name": "A", "licences": [{"product": "SPB", "off": []}]}]},
        {"users": [{"upn": "a@one.example", "name": "A", "roles": [{"role": "Global Reader", "since": 1}]}]},
    ],
)
def test_a_tenant_with_an_unknown_field_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="unknown fields"):
        build_tenant(minimal(**broken))


def test_a_role_that_does_not_exist_is_refused() -> None:
    with pytest.raises(KeyError):
        build_tenant(minimal(users=[{"upn": "a@one.example", "name": "A", "roles": ["King"]}]))


def test_object_ids_stay_the_same_from_start_to_start() -> None:
    first, second = (Directory.load().tenants["menuiserie-lambert"].users[0].id for _ in range(2))
    assert first == second


# Licences


def test_every_product_has_a_sku_id_of_its_own_and_known_plans() -> None:
    assert len({UUID(product.sku_id) for product in products().values()}) == len(products())
    everything = [{"product": name, "units": 1} for name in products()]
    skus = subscribed_skus(build_tenant(minimal(subscriptions=everything)))
    assert all(UUID(plan["servicePlanId"]) for sku in skus for plan in sku["servicePlans"])


def test_p1_comes_with_the_products_microsoft_says() -> None:
    with_p1 = {name for name, product in products().items() if "AAD_PREMIUM" in product.plans}
    alone = {"AAD_PREMIUM", "AAD_PREMIUM_P2", "EMS", "EMSPREMIUM"}
    suites = {"SPB", "SPE_E3", "SPE_E5", "M365_F1", "M365_F1_COMM", "SPE_F1"}
    assert with_p1 == alone | suites


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["Enabled"], "Enabled"),
        (["Suspended", "Enabled"], "Enabled"),
        (["Suspended", "Warning"], "Warning"),
        (["LockedOut"], "LockedOut"),
        (["Deleted"], "Deleted"),
    ],
)
def test_a_products_status_is_that_of_its_best_units(statuses: list[str], expected: str) -> None:
    bought = [{"product": "SPB", "units": 2, "status": status} for status in statuses]
    (sku,) = subscribed_skus(build_tenant(minimal(subscriptions=bought)))
    assert sku["capabilityStatus"] == expected
    assert len(set(sku["subscriptionIds"])) == len(statuses)


def test_a_group_gives_licences_to_its_own_members_and_roles_to_nested_ones_too() -> None:
    people = [{"upn": f"{name}@one.example", "name": name} for name in ("in", "nested")]
    groups = [
        {
            "name": "Outer",
            "members": ["in@one.example", "Inner"],
            "licences": ["SPB"],
            "roles": ["Global Administrator"],
        },
        {"name": "Inner", "members": ["nested@one.example", "Outer"]},
    ]
    directory = Directory([minimal(users=people, groups=groups)])
    tenant = directory.tenants["one"]
    assert [bool(licence_details(tenant, user)) for user in tenant.users] == [True, False]
    assert [directory.active_roles(tenant, user) for user in tenant.users] == [[GLOBAL_ADMINISTRATOR]] * 2


def test_the_files_tenants_can_be_read_again_after_a_reset() -> None:
    directory = Directory.load()
    for source in read_tenants():
        directory.reset(source["name"])
        assert directory.tenants[source["name"]] == build_tenant(source)
