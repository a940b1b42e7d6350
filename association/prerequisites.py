"""The three required checks, judged from what was read. Pure: facts in, results out.

What could not be read is unknown, never failed. States of a subscription:
https://learn.microsoft.com/graph/api/resources/subscribedsku
"""

from collections.abc import Iterable
from datetime import datetime

from association.dataclass import dataclass
from association.identity import Identity, Licence, PersonFacts, Role, Subscription, TenantFacts
from association.partition import Check, Prerequisite, Result
from association.products import (
    KIOSK_MAILBOX_PLAN,
    MAILBOX_PLANS,
    OFFICE_PLANS,
    P2_PLAN,
    PREMIUM_PLANS,
    is_compatible,
    product_names,
)

GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
USABLE = ("Enabled", "Warning")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check came to, in the words of `Check`."""

    result: Result
    cause: str
    evidence: str = ""
    until: datetime | None = None


UNREADABLE = Verdict(Result.UNKNOWN, "unreadable")


def judge(who: Identity, tenant: TenantFacts, person: PersonFacts, now: datetime) -> tuple[Check, ...]:
    """One Check per prerequisite for `who`, judged from what was read of the tenant and the person."""
    if tenant.tenant_id != who.tenant_id:
        # the organisation did not show itself as this tenant: nothing read beside it counts
        tenant = TenantFacts()
    is_guest = who.is_guest or person.is_guest
    verdicts = {
        Prerequisite.ADMINISTRATOR: _administrator(person, is_guest),
        Prerequisite.PREMIUM: _premium(tenant, person, is_guest),
        Prerequisite.SUBSCRIPTION: _subscription(tenant),
    }
    return tuple(
        Check(
            key=key,
            result=verdict.result,
            cause=verdict.cause,
            evidence=verdict.evidence,
            until=verdict.until,
            at=now,
            tenant_id=who.tenant_id,
            object_id=who.object_id,
        )
        for key, verdict in verdicts.items()
    )


def _administrator(person: PersonFacts, is_guest: bool) -> Verdict:
    if person.has_user_object is False:
        return Verdict(Result.FAILED, "no_user_object")
    if person.roles is None:
        return UNREADABLE
    for role in person.roles:
        if role.template_id == GLOBAL_ADMINISTRATOR:
            return _held(role, is_guest)
    return _not_held(person.roles, person.eligible_roles or frozenset())


def _not_held(roles: tuple[Role, ...], eligible: frozenset[str]) -> Verdict:
    names = ", ".join(sorted({role.name for role in roles if role.name}))
    if any(not role.template_id for role in roles):
        # Graph lists a role but hides which one when the permission to read roles is missing.
        return Verdict(Result.UNKNOWN, "unreadable", names)
    if GLOBAL_ADMINISTRATOR in eligible:
        return Verdict(Result.FAILED, "eligible", names)
    if names:
        return Verdict(Result.FAILED, "other_roles", names)
    return Verdict(Result.FAILED, "not_held")


def _held(role: Role, is_guest: bool) -> Verdict:
    if is_guest:
        return Verdict(Result.OK, "guest", role.name)
    if role.group is not None:
        return Verdict(Result.OK, "by_group", role.group)
    return Verdict(Result.OK, "ok", role.name)


def _premium(tenant: TenantFacts, person: PersonFacts, is_guest: bool) -> Verdict:
    if person.has_user_object is False:
        return Verdict(Result.FAILED, "no_user_object")
    if tenant.subscriptions is None or person.licences is None:
        return UNREADABLE
    bought = {each.sku_id: each for each in tenant.subscriptions}
    held = [licence for licence in person.licences if PREMIUM_PLANS & licence.plans.keys()]
    usable = [each for each in held if each.sku_id in bought and bought[each.sku_id].status in USABLE]
    active = [each for each in usable if "Success" in _premium_states(each)]
    if active:
        return _premium_held(active, [bought[each.sku_id] for each in active])
    if usable:
        return _premium_not_working(usable)
    if held:
        return _dormant([bought[each.sku_id] for each in held if each.sku_id in bought], held)
    return _premium_missing(
        [each for each in tenant.subscriptions if PREMIUM_PLANS & each.plan_ids], is_guest
    )


def _premium_held(licences: list[Licence], subscriptions: list[Subscription]) -> Verdict:
    verdict = _met(subscriptions)
    if verdict.cause == "ok" and any(each.plans.get(P2_PLAN) == "Success" for each in licences):
        return Verdict(Result.OK, "p2", verdict.evidence)
    return verdict


def _premium_not_working(licences: list[Licence]) -> Verdict:
    states = {state for licence in licences for state in _premium_states(licence)}
    if any(state.startswith("Pending") for state in states):
        return Verdict(Result.FAILED, "pending", product_names(licences))
    if states == {"Disabled"}:
        return Verdict(Result.FAILED, "plan_disabled", product_names(licences))
    return Verdict(Result.FAILED, "plan_error", product_names(licences))


def _premium_missing(bought: list[Subscription], is_guest: bool) -> Verdict:
    usable = [each for each in bought if each.status in USABLE]
    if is_guest:
        return Verdict(Result.FAILED, "guest", product_names(usable))
    if usable:
        return Verdict(Result.FAILED, "not_assigned", product_names(usable))
    return _dormant(bought, bought) if bought else Verdict(Result.FAILED, "absent")


def _premium_states(licence: Licence) -> set[str]:
    return {state for plan, state in licence.plans.items() if plan in PREMIUM_PLANS}


def _subscription(tenant: TenantFacts) -> Verdict:
    if tenant.subscriptions is None:
        return UNREADABLE
    fitting = [each for each in tenant.subscriptions if is_compatible(each)]
    usable = [each for each in tenant.subscriptions if each.status in USABLE]
    if any(each in usable for each in fitting):
        return _met([each for each in fitting if each in usable])
    if fitting:
        return _dormant(fitting, fitting)
    office = [each for each in usable if OFFICE_PLANS & each.plan_ids]
    if any((MAILBOX_PLANS | {KIOSK_MAILBOX_PLAN}) & each.plan_ids for each in office):
        return Verdict(Result.FAILED, "incompatible", product_names(office))
    if office:
        return Verdict(Result.FAILED, "no_mailbox", product_names(office))
    return Verdict(Result.FAILED, "absent", product_names(usable))


def _met(subscriptions: list[Subscription]) -> Verdict:
    """Met by these; if only by ones that end (a trial, a time of grace), then with the last of their ends."""
    lasting = [each for each in subscriptions if each.status == "Enabled" and not each.is_trial]
    if lasting:
        return Verdict(Result.OK, "ok", product_names(lasting))
    trials = [each for each in subscriptions if each.status == "Enabled"]
    if trials:
        return Verdict(Result.OK, "trial", product_names(trials), _last_change(trials))
    return Verdict(Result.OK, "ending", product_names(subscriptions), _last_change(subscriptions))


def _dormant(subscriptions: list[Subscription], named: Iterable[Licence | Subscription]) -> Verdict:
    """Bought once, usable no more: suspended ones can be brought back, the others can't."""
    suspended = [each for each in subscriptions if each.status == "Suspended"]
    if suspended:
        return Verdict(Result.FAILED, "suspended", product_names(suspended), _last_change(suspended))
    return Verdict(Result.FAILED, "ended", product_names(named))


def _last_change(subscriptions: list[Subscription]) -> datetime | None:
    return max((each.next_change for each in subscriptions if each.next_change), default=None)
