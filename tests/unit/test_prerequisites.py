"""The three checks, judged from what Microsoft told: each verdict, each cause, and what counts as unread."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from association.identity import Licence, PersonFacts, Role, Subscription, TenantFacts
from association.partition import Check, Prerequisite, Result
from association.prerequisites import GLOBAL_ADMINISTRATOR, judge
from association.products import MOST_NAMES, is_compatible, product_name
from sandbox.microsoft.licensing import plan_ids, products
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
    "KIOSK": "4a82b400-a79f-41a4-b4e2-e94f5787b113",
    "TEAMS": "57ff2da0-773e-42df-b2af-ffb7a2317929",
    "E1": "743dd19e-1ce3-4c62-a3ad-49ba8f63a2f6",
    "SMB": "3c53ea51-d578-46fa-a4c0-fd0a92809a60",
}
EXCHANGE_ADMINISTRATOR = "29232cdf-9323-42fd-ade2-1d097af3e4de"


def bought(
    sku_id: str, *plans: str, status: str = "Enabled", trial: bool = False, until: datetime | None = None
) -> Subscription:
    guids = frozenset(PLANS[plan] for plan in plans)
    return Subscription(
        sku_id=sku_id,
        part_number="PART",
        status=status,
        plan_ids=guids,
        is_trial=trial,
        next_change=until,
    )


def assigned(sku_id: str, **plans: str) -> Licence:
    return Licence(
        sku_id=sku_id, part_number="PART", plans={PLANS[name]: status for name, status in plans.items()}
    )


def role(template_id: str, name: str = "", group: str | None = None) -> Role:
    return Role(template_id=template_id, name=name, group=group)


def judged(tenant: TenantFacts, person: PersonFacts, **who: Any) -> dict[str, Check]:
    return {check.key: check for check in judge(identity(Memory(), **who), tenant, person, NOW)}


def premium_check(subscriptions: list[Subscription], licences: list[Licence], **person: Any) -> Check:
    tenant = tenant_facts(subscriptions=tuple(subscriptions))
    return judged(tenant, person_facts(licences=tuple(licences), **person))[Prerequisite.PREMIUM]


def premium(
    subscriptions: list[Subscription], licences: list[Licence], **person: Any
) -> tuple[str, str, str]:
    check = premium_check(subscriptions, licences, **person)
    return check.result, check.cause, check.evidence


def subscription(*subscriptions: Subscription) -> tuple[str, str, str]:
    check = judged(tenant_facts(subscriptions=subscriptions), person_facts())[Prerequisite.SUBSCRIPTION]
    return check.result, check.cause, check.evidence


def subscription_check(*subscriptions: Subscription) -> Check:
    return judged(tenant_facts(subscriptions=subscriptions), person_facts())[Prerequisite.SUBSCRIPTION]


def administrator(*roles: Role, is_guest: bool = False, **person: Any) -> tuple[str, str, str]:
    facts = person_facts(roles=roles, **person)
    check = judged(tenant_facts(), facts, is_guest=is_guest)[Prerequisite.ADMINISTRATOR]
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
        pytest.param([role(EXCHANGE_ADMINISTRATOR, "Exchange")], "failed other_roles", id="another"),
        pytest.param([role(EXCHANGE_ADMINISTRATOR)], "failed not_held", id="another without a name"),
        pytest.param([role(GLOBAL_ADMINISTRATOR, "GA", group="Direction")], "ok by_group", id="by a group"),
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
        "other_roles",
        "Global Administrator",
    )


def test_the_roles_somebody_has_instead_are_the_evidence() -> None:
    held = (role(EXCHANGE_ADMINISTRATOR, "Exchange Administrator"), role(NEVER_HEARD_OF, "Billing"))
    assert administrator(*held)[2] == "Billing, Exchange Administrator"


def test_a_group_that_gives_the_role_is_named_if_it_can_be() -> None:
    assert administrator(role(GLOBAL_ADMINISTRATOR, "GA", group="Direction"))[2] == "Direction"
    assert administrator(role(GLOBAL_ADMINISTRATOR, "GA", group="")) == ("ok", "by_group", "")


GUEST_OK = ("ok", "guest", "GA")


def test_the_role_of_a_guest_counts_and_is_told_as_a_guests() -> None:
    held = role(GLOBAL_ADMINISTRATOR, "GA")
    assert administrator(held, is_guest=True) == GUEST_OK, "by the id_token"
    facts = person_facts(roles=(held,), is_guest=True)
    check = judged(tenant_facts(), facts)[Prerequisite.ADMINISTRATOR]
    assert (check.result, check.cause, check.evidence) == GUEST_OK, "by the directory"


@pytest.mark.parametrize(
    ("roles", "eligible", "expected"),
    [
        pytest.param([], {GLOBAL_ADMINISTRATOR}, "failed eligible", id="eligible, not active"),
        pytest.param(
            [role(EXCHANGE_ADMINISTRATOR, "Exchange")],
            {GLOBAL_ADMINISTRATOR},
            "failed eligible",
            id="beside another role",
        ),
        pytest.param(
            [role(GLOBAL_ADMINISTRATOR)], {GLOBAL_ADMINISTRATOR}, "ok ok", id="eligible and activated"
        ),
        pytest.param([], {EXCHANGE_ADMINISTRATOR}, "failed not_held", id="eligible for another"),
        pytest.param([], set(), "failed not_held", id="eligible for none"),
        pytest.param([], None, "failed not_held", id="not told"),
        pytest.param([role("")], {GLOBAL_ADMINISTRATOR}, "unknown unreadable", id="which role is hidden"),
    ],
)
def test_a_role_to_activate_is_told_only_where_microsoft_tells_it(
    roles: list[Role], eligible: set[str] | None, expected: str
) -> None:
    read = None if eligible is None else frozenset(eligible)
    assert " ".join(administrator(*roles, eligible_roles=read)[:2]) == expected


def test_somebody_who_is_no_user_of_the_tenant_holds_neither_role_nor_licence_there() -> None:
    facts = PersonFacts(has_user_object=False)
    checks = judged(tenant_facts(), facts)
    told = {key: f"{check.result} {check.cause}" for key, check in checks.items()}
    assert told == {
        "administrator": "failed no_user_object",
        "premium": "failed no_user_object",
        "subscription": "ok ok",
    }


@pytest.mark.parametrize(
    ("subscriptions", "licences", "expected"),
    [
        pytest.param([bought(P1, "P1")], [assigned(P1, P1="Success")], "ok ok", id="P1"),
        pytest.param([bought(P2, "P2")], [assigned(P2, P2="Success")], "ok p2", id="P2 instead"),
        pytest.param(
            [bought(P2, "P1", "P2")], [assigned(P2, P1="Success", P2="Success")], "ok p2", id="P2 with P1"
        ),
        pytest.param(
            [bought(P2, "P1", "P2")], [assigned(P2, P1="Success", P2="Disabled")], "ok ok", id="P1 out of P2"
        ),
        pytest.param(
            [bought(NEVER_HEARD_OF, "P1", "MAILBOX")],
            [assigned(NEVER_HEARD_OF, P1="Success")],
            "ok ok",
            id="in a product nobody has heard of",
        ),
        pytest.param(
            [bought(P1, "P1", status="Warning")],
            [assigned(P1, P1="Success")],
            "ok ending",
            id="in its grace time",
        ),
        pytest.param([bought(P1, "P1", trial=True)], [assigned(P1, P1="Success")], "ok trial", id="on trial"),
        pytest.param(
            [bought(P1, "P1", trial=True), bought(P2, "P2")],
            [assigned(P1, P1="Success"), assigned(P2, P2="Success")],
            "ok p2",
            id="on trial, and another one for good",
        ),
        pytest.param(
            [bought(P1, "P1", status="Suspended"), bought(P2, "P2")],
            [assigned(P1, P1="Success"), assigned(P2, P2="Success")],
            "ok p2",
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
            "failed suspended",
            id="suspended",
        ),
        pytest.param(
            [bought(P1, "P1", status="Deleted")],
            [assigned(P1, P1="Success")],
            "failed ended",
            id="deleted",
        ),
        pytest.param([], [assigned(P1, P1="Success")], "failed ended", id="not bought any more"),
        pytest.param(
            [bought(P1, "P1", status="LockedOut")], [], "failed ended", id="locked out, assigned to nobody"
        ),
        pytest.param(
            [bought(P1, "P1", status="Suspended"), bought(P2, "P2", status="Deleted")],
            [],
            "failed suspended",
            id="one that can be brought back",
        ),
        pytest.param(
            [bought(P1, "P1", status="Suspended"), bought(P2, "P2")],
            [],
            "failed not_assigned",
            id="suspended, and another to assign",
        ),
        pytest.param([bought(P1, "P1")], [], "failed not_assigned", id="bought, not assigned"),
        pytest.param(
            [bought(P1, "P1")],
            [assigned(BUSINESS_STANDARD, MAILBOX="Success")],
            "failed not_assigned",
            id="something else is assigned",
        ),
        pytest.param(
            [bought(P1, "P1")], [assigned(P1, P1="Disabled")], "failed plan_disabled", id="plan switched off"
        ),
        pytest.param(
            [bought(P2, "P1", "P2")],
            [assigned(P2, P1="Disabled", P2="Disabled")],
            "failed plan_disabled",
            id="both plans switched off",
        ),
        pytest.param(
            [bought(P1, "P1")], [assigned(P1, P1="Error")], "failed plan_error", id="plan that fails"
        ),
        pytest.param(
            [bought(P1, "P1"), bought(P2, "P2")],
            [assigned(P1, P1="Disabled"), assigned(P2, P2="PendingProvisioning")],
            "failed pending",
            id="one switched off, another on its way",
        ),
        pytest.param(
            [bought(P1, "P1"), bought(P2, "P2")],
            [assigned(P1, P1="Disabled"), assigned(P2, P2="Error")],
            "failed plan_error",
            id="one switched off, another that fails",
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
        pytest.param(bought(BUSINESS_STANDARD, status="Warning"), "ok ending", id="in its grace time"),
        pytest.param(bought(BUSINESS_STANDARD, trial=True), "ok trial", id="on trial"),
        pytest.param(bought(NEVER_HEARD_OF, "MAILBOX", "E1"), "ok ok", id="a variant of E1 without Teams"),
        pytest.param(
            bought(NEVER_HEARD_OF, "MAILBOX", "SMB"), "failed incompatible", id="a variant of Business Basic"
        ),
        pytest.param(bought(NEVER_HEARD_OF, "MAILBOX"), "failed incompatible", id="a mailbox and no more"),
        pytest.param(bought(NEVER_HEARD_OF, "KIOSK", "P1", "TEAMS"), "failed incompatible", id="F3"),
        pytest.param(bought(NEVER_HEARD_OF, "TEAMS", "P1"), "failed no_mailbox", id="F1"),
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
        pytest.param(bought(APPS_FOR_BUSINESS, "BUSINESS_DESKTOP"), "failed no_mailbox", id="apps alone"),
        pytest.param(bought(P1, "P1"), "failed absent", id="no office at all"),
        pytest.param(bought(OFFICE_E3, status="Suspended"), "failed suspended", id="suspended"),
        pytest.param(bought(OFFICE_E3, "LARGE_MAILBOX", status="Deleted"), "failed ended", id="deleted"),
        pytest.param(
            bought(BUSINESS_BASIC, "MAILBOX", status="Suspended"),
            "failed absent",
            id="the wrong one, suspended",
        ),
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


def test_of_many_products_only_the_first_are_named() -> None:
    free = [replace(bought(f"{number}"), part_number=f"FREE_{number}") for number in range(9)]
    named = subscription_check(*free).evidence
    assert named.startswith("FREE_0, FREE_1") and named.endswith(", …")
    assert named.count(",") == MOST_NAMES


# Guests


def test_a_guest_without_a_licence_here_is_told_so() -> None:
    assert premium([bought(P1, "P1")], [], is_guest=True) == ("failed", "guest", "Microsoft Entra ID P1")
    assert premium([], [], is_guest=True) == ("failed", "guest", "")


def test_a_guest_with_a_licence_here_has_one() -> None:
    assert premium([bought(P1, "P1")], [assigned(P1, P1="Success")], is_guest=True)[:2] == ("ok", "ok")


# Ends


SOON, LATER = NOW + timedelta(days=3), NOW + timedelta(days=30)


@pytest.mark.parametrize(
    ("subscriptions", "expected"),
    [
        pytest.param([bought(P1, "P1", trial=True, until=SOON)], ("trial", SOON), id="trial"),
        pytest.param([bought(P1, "P1", status="Warning", until=SOON)], ("ending", SOON), id="grace"),
        pytest.param([bought(P1, "P1", until=SOON)], ("ok", None), id="a renewal is no end"),
        pytest.param([bought(P1, "P1", trial=True)], ("trial", None), id="a trial without a date"),
        pytest.param([bought(P1, "P1", status="Suspended", until=SOON)], ("suspended", SOON), id="suspended"),
        pytest.param([bought(P1, "P1", status="Deleted", until=SOON)], ("ended", None), id="over"),
    ],
)
def test_the_end_of_a_p1_is_told(
    subscriptions: list[Subscription], expected: tuple[str, datetime | None]
) -> None:
    check = premium_check(subscriptions, [assigned(P1, P1="Success")])
    assert (check.cause, check.until) == expected


def test_the_last_end_counts_and_what_ends_does_not_when_something_lasts() -> None:
    trials = [
        bought(BUSINESS_STANDARD, trial=True, until=SOON),
        bought(OFFICE_E3, trial=True, until=LATER),
        bought(OFFICE_E1, status="Warning", until=LATER + timedelta(days=1)),
    ]
    check = subscription_check(*trials)
    assert (check.cause, check.until) == ("trial", LATER)
    assert check.evidence == "Microsoft 365 Business Standard, Office 365 E3"
    lasting = subscription_check(*trials, bought(NEVER_HEARD_OF, "MAILBOX", "DESKTOP"))
    assert (lasting.cause, lasting.until, lasting.evidence) == ("ok", None, "PART")


# Variants, by their real products


@pytest.mark.parametrize(
    ("part_number", "expected"),
    [
        ("STANDARDPACK", True),
        ("Office_365_E1_(no_Teams)", True),
        ("Office_365_w/o_Teams_Bundle_E1", True),
        ("ENTERPRISEPACK", True),
        ("O365_w/o_Teams_Bundle_E3", True),
        ("ENTERPRISEPREMIUM", True),
        ("O365_BUSINESS_PREMIUM", True),
        ("Microsoft_365_Business_Standard_EEA_(no_Teams)", True),
        ("SPB", True),
        ("SPE_E3", True),
        ("SPE_E5", True),
        ("O365_BUSINESS_ESSENTIALS", False),
        ("Microsoft_365_Business_Basic_EEA_(no_Teams)", False),
        ("Microsoft_365_Business_Basic_(no Teams)", False),
        ("O365_BUSINESS", False),
        ("OFFICESUBSCRIPTION", False),
        ("SPE_F1", False),
        ("DESKLESSPACK", False),
        ("AAD_PREMIUM", False),
    ],
)
def test_real_products_are_judged_by_their_plans_alone(part_number: str, expected: bool) -> None:
    product = products()[part_number]
    plans = frozenset(plan_ids()[name] for name in product.plans)
    unknown = Subscription(sku_id=NEVER_HEARD_OF, part_number="", status="Enabled", plan_ids=plans)
    assert is_compatible(unknown) is expected
    assert is_compatible(replace(unknown, sku_id=product.sku_id)) is expected
    assert product_name(product.sku_id, "") == product.name
