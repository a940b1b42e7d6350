"""The three required checks, judged from what was read. Pure: facts in, results out.

Licences are judged by service plan, because products appear faster than any list of them; names are for
people. Plan and product ids: Microsoft Entra's "Product names and service plan identifiers for licensing".
"""

from collections.abc import Iterable
from datetime import datetime

from association.identity import Identity, Licence, PersonFacts, Subscription, TenantFacts
from association.partition import Check, Prerequisite, Result

GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
PREMIUM_PLANS = frozenset(
    {
        "41781fb2-bc02-4b7c-bd55-b576c07bb09d",  # AAD_PREMIUM
        "eec0eb4f-6444-4f95-aba0-50c24d67f998",  # AAD_PREMIUM_P2
    }
)
MAILBOX_PLANS = frozenset(
    {
        "9aaf7827-d63c-4b61-89c3-182f06f82e5c",  # EXCHANGE_S_STANDARD
        "efb87545-963c-4e0d-99df-69c6916d9eb0",  # EXCHANGE_S_ENTERPRISE
    }
)
DESKTOP_PLANS = frozenset(
    {
        "43de0ff5-c92c-492b-9116-175376d08c38",  # OFFICESUBSCRIPTION
        "094e7854-93fc-4d55-b2c0-3ab5369ebdc1",  # OFFICE_BUSINESS
    }
)
PRODUCT_NAMES = {
    "078d2b04-f1bd-4111-bbd4-b4b1b354cef4": "Microsoft Entra ID P1",
    "84a661c4-e949-4bd2-a560-ed7766fcaf2b": "Microsoft Entra ID P2",
    "efccb6f7-5641-4e0e-bd10-b4976e1bf68e": "Enterprise Mobility + Security E3",
    "b05e124f-c7cc-45a0-a6aa-8cf78c946968": "Enterprise Mobility + Security E5",
    "3b555118-da6a-4418-894f-7df1e2096870": "Microsoft 365 Business Basic",
    "f245ecc8-75af-4f8e-b61f-27d8114de5f3": "Microsoft 365 Business Standard",
    "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46": "Microsoft 365 Business Premium",
    "cdd28e44-67e3-425e-be4c-737fab2899d3": "Microsoft 365 Apps for business",
    "c2273bd0-dff7-4215-9ef5-2c7bcfb06425": "Microsoft 365 Apps for enterprise",
    "05e9a617-0261-4cee-bb44-138d3ef5d965": "Microsoft 365 E3",
    "06ebc4ee-1bb5-47dd-8120-11324bc54e06": "Microsoft 365 E5",
    "18181a46-0d4e-45cd-891e-60aabd171b4e": "Office 365 E1",
    "6fd2c87f-b296-42f0-b197-1e91e994b900": "Office 365 E3",
    "c7df2760-2c81-4ef7-b578-5b5392b571df": "Office 365 E5",
}
# Sage's list (developer.sage.com, prerequisites); Office 365 E1 has a mailbox but no desktop apps, so
# the rule by service plans alone could not tell it from Business Basic, which is not on the list.
COMPATIBLE = frozenset(
    {
        "f245ecc8-75af-4f8e-b61f-27d8114de5f3",
        "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46",
        "05e9a617-0261-4cee-bb44-138d3ef5d965",
        "06ebc4ee-1bb5-47dd-8120-11324bc54e06",
        "18181a46-0d4e-45cd-891e-60aabd171b4e",
        "6fd2c87f-b296-42f0-b197-1e91e994b900",
        "c7df2760-2c81-4ef7-b578-5b5392b571df",
    }
)
USABLE = ("Enabled", "Warning")

Verdict = tuple[Result, str, str]


def judge(who: Identity, tenant: TenantFacts, person: PersonFacts, now: datetime) -> tuple[Check, ...]:
    """One Check per prerequisite for `who`, judged from what was read of the tenant and the person."""
    if tenant.tenant_id != who.tenant_id:
        # the organisation did not show itself as this tenant: nothing read beside it counts
        tenant = TenantFacts()
    verdicts = {
        Prerequisite.ADMINISTRATOR: _administrator(person),
        Prerequisite.PREMIUM: _premium(tenant, person),
        Prerequisite.SUBSCRIPTION: _subscription(tenant),
    }
    return tuple(
        Check(
            key=key,
            result=result,
            cause=cause,
            evidence=evidence,
            at=now,
            tenant_id=who.tenant_id,
            object_id=who.object_id,
        )
        for key, (result, cause, evidence) in verdicts.items()
    )


def product_name(sku_id: str, part_number: str) -> str:
    """A product's name for people; Microsoft's part number where the table doesn't know it."""
    return PRODUCT_NAMES.get(sku_id, part_number.strip())


def _administrator(person: PersonFacts) -> Verdict:
    if person.roles is None:
        return Result.UNKNOWN, "unreadable", ""
    names = ", ".join(sorted(role.name for role in person.roles if role.name))
    for role in person.roles:
        if role.template_id == GLOBAL_ADMINISTRATOR:
            return Result.OK, "ok", role.name
    if any(not role.template_id for role in person.roles):
        # Graph lists a role but hides which one when the permission to read roles is missing.
        return Result.UNKNOWN, "unreadable", names
    return Result.FAILED, "not_held", names


def _premium(tenant: TenantFacts, person: PersonFacts) -> Verdict:
    if tenant.subscriptions is None or person.licences is None:
        return Result.UNKNOWN, "unreadable", ""
    status = {subscription.sku_id: subscription.status for subscription in tenant.subscriptions}
    held = [licence for licence in person.licences if PREMIUM_PLANS & licence.plans.keys()]
    usable = [licence for licence in held if status.get(licence.sku_id) in USABLE]
    for licence in usable:
        if any(licence.plans.get(plan) == "Success" for plan in PREMIUM_PLANS):
            return Result.OK, "ok", product_name(licence.sku_id, licence.part_number)
    return _premium_missing(tenant.subscriptions, held, usable)


def _premium_missing(
    subscriptions: tuple[Subscription, ...], held: list[Licence], usable: list[Licence]
) -> Verdict:
    for licence in usable:
        if any(licence.plans.get(plan, "").startswith("Pending") for plan in PREMIUM_PLANS):
            return Result.FAILED, "pending", product_name(licence.sku_id, licence.part_number)
    if held and not usable:
        return Result.FAILED, "inactive", _names(held)
    bought = [each for each in subscriptions if PREMIUM_PLANS & each.plan_ids]
    if any(each.status in USABLE for each in bought):
        return Result.FAILED, "not_assigned", _names(each for each in bought if each.status in USABLE)
    if bought:
        return Result.FAILED, "inactive", _names(bought)
    return Result.FAILED, "absent", ""


def _subscription(tenant: TenantFacts) -> Verdict:
    if tenant.subscriptions is None:
        return Result.UNKNOWN, "unreadable", ""
    usable = [each for each in tenant.subscriptions if each.status in USABLE]
    fitting = [each for each in usable if is_compatible(each)]
    if fitting:
        return Result.OK, "ok", _names(fitting)
    if any(MAILBOX_PLANS & each.plan_ids for each in usable):
        return Result.FAILED, "incompatible", _names(usable)
    return Result.FAILED, "absent", _names(usable)


def is_compatible(subscription: Subscription) -> bool:
    """Whether the product is on Sage's list, or is a variant of one: a mailbox and the desktop apps."""
    if subscription.sku_id in COMPATIBLE:
        return True
    plans = subscription.plan_ids
    return bool(MAILBOX_PLANS & plans and DESKTOP_PLANS & plans)


def _names(products: Iterable[Licence | Subscription]) -> str:
    return ", ".join(sorted({product_name(each.sku_id, each.part_number) for each in products}))
