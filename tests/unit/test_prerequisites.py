"""The three checks, judged from what Microsoft told: each verdict, each cause, and what counts as unread."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from association.identity import Licence, PersonFacts, Role, Subscription, TenantFacts
from association.partition import Check, Prerequisite, Result
from association.prerequisites import GLOBAL_ADMINISTRATOR, is_compatible, judge, product_name
from tests.memory import NOW, PERSON, TENANT, Memory, identity, person_facts, tenant_facts

P1 = "078d2b04-f1bd-4111-bbd4-b4b1b354cef4"
P2 = "84a661c4-e949-4bd2-a560-ed7766fcaf2b"
BUSINESS_BASIC = "3b555118-da6a-4418-894f-7df1e2096870"
BUSINESS_STANDARD = "f245ecc8-75af-4f8e-b61f-27d8114de5f3"
APPS_FOR_BUSINESS = "cdd28e44-67e3-425e-be4c-737fab2899d3"
OFFICE_E1 = "18181a46-0d4e-45cd-891e-60aabd171b4e"
OFFICE_E3 = "6fd2c87f-b296-42f0-b197-1e91e994b900"
NEVER_HEARD_OF = "00000000-0000-4000-8000-000000000001"
PLANS = {
    "P1": "41781fb2-bc02-4b7c-bd55-b576c07bb09d",
    "P2": "eec0eb4f-6444-4f95-aba0-50c24d67f998",
    "MAILBOX": "9aaf7827-d63c-4b61-89c3-182f06f82e5c",
    "LARGE_MAILBOX": "efb87545-963c-4e0d-99df-69c6916d9eb0",
    "DESKTOP": "43de0ff5-c92c-492b-9116-175376d08c38",
    "BUSINESS_DESKTOP": "094e7854-93fc-4d55-b2c0-3ab5369ebdc1",
    "TEAMS": "57ff2da0-773e-42df-b2af-ffb7a2317929",
}
EXCHANGE_ADMINISTRATOR = "29232cdf-9323-42fd-ade2-1d097af3e4de"


def bought(sku_id: str, *plans: str, status: str = "Enabled", part_number: str = "PART") -> Subscription:
    guids = frozenset(PLANS[plan] for plan in plans)
    return Subscription(sku_id=sku_id, part_number=part_number, status=status, plan_ids=guids)


def assigned(sku_id: str, **plans: str) -> Licence:
    return Licence(
        sku_id=sku_id, part_number="PART", plans={PLANS[name]: status for name, status in plans.items()}
    )


def role(template_id: str, name: str = "") -> Role:
    return Role(template_id=template_id, name=name)


def judged(tenant: TenantFacts, person: PersonFacts) -> dict[str, Check]:
    return {check.key: check for check in judge(identity(Memory()), tenant, person, NOW)}


def premium(subscriptions: list[Subscription], licences: list[Licence]) -> tuple[str, str, str]:
    tenant = tenant_facts(subscriptions=tuple(subscriptions))
    check = judged(tenant, person_facts(licences=tuple(licences)))[Prerequisite.PREMIUM]
    return check.result, check.cause, check.evidence


def subscription(*subscriptions: Subscription) -> tuple[str, str, str]:
    check = judged(tenant_facts(subscriptions=subscriptions), person_facts())[Prerequisite.SUBSCRIPTION]
    return check.result, check.cause, check.evidence


def administrator(*roles: Role) -> tuple[str, str, str]:
    check = judged(tenant_facts(), person_facts(roles=roles))[Prerequisite.ADMINISTRATOR]
    return check.result, check.cause, check.evidence


def test_all_three_are_judged_at_once_for_this_person_in_this_tenant() -> None:
    checks = judge(identity(Memory()), tenant_facts(), person_facts(), NOW)
    assert [check.key for check in checks] == list(Prerequisite)
    assert {(check.result, check.cause) for check in checks} == {(Result.OK, "ok")}
    assert {(check.tenant_id, check.object_id, check.at) for check in checks} == {(TENANT, PERSON, NOW)}


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        pytest.param([role(GLOBAL_ADMINISTRATOR, "Administrateur général")], "ok ok", id="held"),
        pytest.param(
            [role(EXCHANGE_ADMINISTRATOR, "Exchange"), role(GLOBAL_ADMINISTRATOR)], "ok ok", id="among others"
        ),
        pytest.param([], "failed not_held", id="none"),
        pytest.param([role(EXCHANGE_ADMINISTRATOR, "Exchange")], "failed not_held", id="another"),
        pytest.param([role("", "")], "unknown unreadable", id="limited information"),
        pytest.param(
            [role(EXCHANGE_ADMINISTRATOR), role("")], "unknown unreadable", id="partly limited information"
        ),
        pytest.param([role(""), role(GLOBAL_ADMINISTRATOR)], "ok ok", id="held, beside a hidden one"),
    ],
)
def test_the_role_is_told_by_its_template(roles: list[Role], expected: str) -> None:
    result, cause, _ = administrator(*roles)
    assert f"{result} {cause}" == expected


def test_a_role_that_is_only_called_so_is_not_the_role() -> None:
    assert administrator(role(NEVER_HEARD_OF, "Global Administrator")) == (
        "failed",
        "not_held",
        "Global Administrator",
    )


def test_the_roles_somebody_has_instead_are_the_evidence() -> None:
    held = (role(EXCHANGE_ADMINISTRATOR, "Exchange Administrator"), role(NEVER_HEARD_OF, "Billing"))
    assert administrator(*held)[2] == "Billing, Exchange Administrator"


@pytest.mark.parametrize(
    ("subscriptions", "licences", "expected"),
    [
        pytest.param([bought(P1, "P1")], [assigned(P1, P1="Success")], "ok ok", id="P1"),
        pytest.param([bought(P2, "P2")], [assigned(P2, P2="Success")], "ok ok", id="P2 instead"),
        pytest.param(
            [bought(NEVER_HEARD_OF, "P1", "MAILBOX")],
            [assigned(NEVER_HEARD_OF, P1="Success")],
            "ok ok",
            id="in a product nobody has heard of",
        ),
        pytest.param(
            [bought(P1, "P1", status="Warning")],
            [assigned(P1, P1="Success")],
            "ok ok",
            id="in its grace time",
        ),
        pytest.param(
            [bought(P1, "P1", status="Suspended"), bought(P2, "P2")],
            [assigned(P1, P1="Success"), assigned(P2, P2="Success")],
            "ok ok",
            id="one suspended, another not",
        ),
        pytest.param(
            [bought(P1, "P1")], [assigned(P1, P1="PendingActivation")], "failed pending", id="activating"
        ),
        pytest.param(
            [bought(P1, "P1")], [assigned(P1, P1="PendingInput")], "failed pending", id="awaiting input"
        ),
        pytest.param(
            [bought(P1, "P1", status="Suspended")],
            [assigned(P1, P1="Success")],
            "failed inactive",
            id="suspended",
        ),
        pytest.param(
            [bought(P1, "P1", status="Deleted")],
            [assigned(P1, P1="Success")],
            "failed inactive",
            id="deleted",
        ),
        pytest.param([], [assigned(P1, P1="Success")], "failed inactive", id="not bought any more"),
        pytest.param(
            [bought(P1, "P1", status="LockedOut")], [], "failed inactive", id="locked out, assigned to nobody"
        ),
        pytest.param([bought(P1, "P1")], [], "failed not_assigned", id="bought, not assigned"),
        pytest.param(
            [bought(P1, "P1")],
            [assigned(BUSINESS_STANDARD, MAILBOX="Success")],
            "failed not_assigned",
            id="something else is assigned",
        ),
        pytest.param(
            [bought(P1, "P1")], [assigned(P1, P1="Disabled")], "failed not_assigned", id="plan switched off"
        ),
        pytest.param(
            [bought(BUSINESS_STANDARD, "MAILBOX")],
            [assigned(BUSINESS_STANDARD, MAILBOX="Success")],
            "failed absent",
            id="not bought",
        ),
        pytest.param([], [], "failed absent", id="nothing bought"),
    ],
)
def test_premium_is_told_by_service_plan_and_by_person(
    subscriptions: list[Subscription], licences: list[Licence], expected: str
) -> None:
    result, cause, _ = premium(subscriptions, licences)
    assert f"{result} {cause}" == expected


def test_the_evidence_names_the_product_that_could_be_assigned() -> None:
    both = [bought(P1, "P1"), bought(P2, "P2", status="Suspended")]
    assert premium(both, [])[2] == "Microsoft Entra ID P1"


@pytest.mark.parametrize(
    ("bought_", "expected"),
    [
        pytest.param(bought(BUSINESS_STANDARD), "ok ok", id="Business Standard"),
        pytest.param(bought(OFFICE_E1, "MAILBOX"), "ok ok", id="Office 365 E1, on the list without desktop"),
        pytest.param(bought(BUSINESS_STANDARD, status="Warning"), "ok ok", id="in its grace time"),
        pytest.param(
            bought(NEVER_HEARD_OF, "MAILBOX", "BUSINESS_DESKTOP"),
            "ok ok",
            id="no-Teams variant of a business plan",
        ),
        pytest.param(
            bought(NEVER_HEARD_OF, "LARGE_MAILBOX", "DESKTOP", "TEAMS"),
            "ok ok",
            id="a new enterprise product",
        ),
        pytest.param(bought(BUSINESS_BASIC, "MAILBOX", "TEAMS"), "failed incompatible", id="Business Basic"),
        pytest.param(bought(APPS_FOR_BUSINESS, "BUSINESS_DESKTOP"), "failed absent", id="apps, no mailbox"),
        pytest.param(bought(P1, "P1"), "failed absent", id="no office at all"),
        pytest.param(bought(OFFICE_E3, status="Suspended"), "failed absent", id="suspended"),
        pytest.param(bought(OFFICE_E3, "LARGE_MAILBOX", status="Deleted"), "failed absent", id="deleted"),
    ],
)
def test_the_subscription_is_on_the_list_or_a_variant_by_its_plans(
    bought_: Subscription, expected: str
) -> None:
    result, cause, _ = subscription(bought_)
    assert f"{result} {cause}" == expected


def test_one_compatible_subscription_among_others_is_enough() -> None:
    assert subscription(bought(BUSINESS_BASIC, "MAILBOX"), bought(OFFICE_E3)) == (
        "ok",
        "ok",
        "Office 365 E3",
    )


def test_two_halves_in_two_products_make_no_compatible_one() -> None:
    halves = (bought(BUSINESS_BASIC, "MAILBOX"), bought(APPS_FOR_BUSINESS, "BUSINESS_DESKTOP"))
    assert not any(is_compatible(half) for half in halves)
    assert subscription(*halves)[:2] == ("failed", "incompatible")


@pytest.mark.parametrize(
    ("tenant", "person", "unread"),
    [
        pytest.param({"subscriptions": None}, {}, {"premium", "subscription"}, id="subscriptions"),
        pytest.param({}, {"licences": None}, {"premium"}, id="licences"),
        pytest.param({}, {"roles": None}, {"administrator"}, id="roles"),
        pytest.param(
            {"subscriptions": None},
            {"licences": None, "roles": None},
            {"administrator", "premium", "subscription"},
            id="nothing",
        ),
    ],
)
def test_what_cannot_be_read_is_unknown(
    tenant: dict[str, Any], person: dict[str, Any], unread: set[str]
) -> None:
    checks = judged(tenant_facts(**tenant), person_facts(**person))
    assert {key for key, check in checks.items() if check.result is Result.UNKNOWN} == unread
    assert {check.cause for key, check in checks.items() if key in unread} == {"unreadable"}
    assert {check.result for key, check in checks.items() if key not in unread} <= {Result.OK}


def any_subscriptions() -> st.SearchStrategy[tuple[Subscription, ...]]:
    made = st.builds(
        bought,
        st.sampled_from([P1, P2, BUSINESS_BASIC, OFFICE_E3, NEVER_HEARD_OF]),
        st.sampled_from(list(PLANS)),
        st.sampled_from(list(PLANS)),
        status=st.sampled_from(["Enabled", "Warning", "Suspended", "Deleted", "LockedOut", "New"]),
    )
    return st.lists(made, max_size=4).map(tuple)


@given(any_subscriptions(), st.booleans(), st.booleans())
def test_unknown_and_failed_never_stand_for_one_another(
    subscriptions: tuple[Subscription, ...], is_tenant_read: bool, is_person_read: bool
) -> None:
    tenant = tenant_facts(subscriptions=subscriptions if is_tenant_read else None)
    person = person_facts() if is_person_read else PersonFacts()
    for key, check in judged(tenant, person).items():
        needs_tenant, needs_person = key != "administrator", key != "subscription"
        is_read = (is_tenant_read or not needs_tenant) and (is_person_read or not needs_person)
        assert (check.result is Result.UNKNOWN) == (not is_read)


def test_a_product_that_we_do_not_know_is_shown_by_its_part_number() -> None:
    assert product_name(NEVER_HEARD_OF, " NEW_SKU ") == "NEW_SKU"
    assert product_name(P1, "AAD_PREMIUM") == "Microsoft Entra ID P1"
