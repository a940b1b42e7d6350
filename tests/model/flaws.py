"""What is not as it should be at Microsoft's, and how it comes right again."""

from datetime import timedelta
from random import Random

from tests.model.microsoft import Microsoft, Tenant

FLAWS = (
    "consents",
    "applications",
    *("delay",) * 3,
    *("is_administrator", "is_licensed", "is_subscribed") * 2,
    "lists_domain",
    "token",
)
DELAYS = (timedelta(seconds=30), timedelta(minutes=20))
OLD_TOKENS = (timedelta(minutes=11), timedelta(hours=1))


def flaw(microsoft: Microsoft, chance: Random) -> None:
    """Something at Microsoft's isn't as it should be, or isn't any more."""
    first, other = microsoft.tenants.values()
    tenant = chance.choice((first, first, other))
    member = tenant.members[chance.choice(sorted(tenant.members))]
    what = chance.choice(FLAWS)
    if what == "consents":
        tenant.consents.pop(microsoft.client_id, None)
    elif what == "applications":
        for each in microsoft.applications:
            tenant.consents.pop(each, None)
    elif what == "delay":
        tenant.delay = chance.choice(DELAYS)
    elif what == "token":
        tenant.token_age = chance.choice(OLD_TOKENS)
    else:
        has_it = tenant if hasattr(tenant, what) else member
        setattr(has_it, what, not getattr(has_it, what))


def spreads_slowly(tenant: Tenant, chance: Random) -> None:
    """A consent takes its time there, so that somebody waits and the background looks."""
    tenant.delay = chance.choice(DELAYS)


def lack(tenant: Tenant, person: str, chance: Random) -> None:
    """One thing that a binding of `person` needs is not there."""
    member = tenant.members.get(person)
    what = chance.choice((*("role", "licence", "subscription") * 2, "domain", "consents"))
    if what == "role" and member:
        member.is_administrator = False
    elif what == "licence" and member:
        member.is_licensed = False
    elif what == "domain":
        tenant.lists_domain = False
    elif what == "consents":
        tenant.consents.clear()
    else:
        tenant.is_subscribed = False


def heal(tenant: Tenant) -> None:
    """Everything that is required is there; what was consented to begins to work."""
    tenant.is_subscribed = tenant.lists_domain = True
    tenant.delay = tenant.token_age = timedelta(0)
    for name, member in tenant.members.items():
        member.is_licensed = True
        member.is_administrator = name != "colleague"


def nearly(tenant: Tenant, chance: Random) -> None:
    """All is there but one thing that the last leg alone looks at: an old token, or a domain not listed."""
    heal(tenant)
    if chance.random() < 0.5:
        tenant.token_age = chance.choice(OLD_TOKENS)
    else:
        tenant.lists_domain = False
