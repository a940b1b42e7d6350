"""Where a tenant stands with each further application: derived from its `app.<key>.<tenant>` rows."""

from datetime import datetime, timedelta
from enum import StrEnum

from association.facts import Facts, Record
from association.further_applications import FurtherApplication
from association.partition import Grant

# Entra's directory is eventually consistent; past this, waiting longer has stopped being the answer.
PROPAGATION_LIMIT = timedelta(minutes=15)
# What can't be read at the limit tells nothing of the tenant: it is looked for as long as an outage may last.
UNREAD_LIMIT = timedelta(days=1)


class Standing(StrEnum):
    """How far one further application has come in the tenant."""

    TO_CONSENT = "to_consent"
    REFUSED = "refused"
    AWAITED = "awaited"
    MISSING = "missing"
    PROVEN = "proven"
    WAIVED = "waived"


def is_awaited(facts: Facts, now: datetime) -> bool:
    """Whether consent has been given so recently that access may still be on its way, or it couldn't be read
    whether it has come.
    """
    if facts.access_proven_at or facts.access_lost_at or facts.consented_at is None:
        return False
    return is_looked_for(facts.consented_at, facts.access_unread_at, now)


def is_looked_for(consented_at: datetime, unread_at: datetime | None, now: datetime) -> bool:
    """Whether what that consent gives is still looked for; `unread_at` is when it could not be read last."""
    return now - consented_at <= (UNREAD_LIMIT if unread_at else PROPAGATION_LIMIT)


def grant_of(record: Record, application: FurtherApplication) -> Grant | None:
    """The grant of the tenant that is bound, or else signed in; what another tenant granted says nothing."""
    return record.grants.get((application.key, record.facts.present_tenant_id))


def standing(record: Record, application: FurtherApplication, now: datetime) -> Standing:
    """Where the tenant stands with `application`: missing means consented to, but never seen to work.

    A waiver covers everything but a proof.
    """
    grant = grant_of(record, application)
    if grant is None:
        return Standing.TO_CONSENT
    if grant.proven_at:
        return Standing.PROVEN
    if grant.waived_at:
        return Standing.WAIVED
    if grant.refused_at:
        return Standing.REFUSED
    if grant.consented_at is None:
        return Standing.TO_CONSENT
    return Standing.AWAITED if _may_still_come(grant, now) else Standing.MISSING


def is_on_its_way(record: Record, application: FurtherApplication, now: datetime) -> bool:
    """Whether a consent is still to be seen working: of a waived application too, which nobody waits for."""
    grant = grant_of(record, application)
    return grant is not None and not grant.proven_at and _may_still_come(grant, now)


def _may_still_come(grant: Grant, now: datetime) -> bool:
    """A refusal is noted without the consent before it."""
    return grant.consented_at is not None and is_looked_for(grant.consented_at, grant.unread_at, now)


def missing_applications(
    record: Record, applications: tuple[FurtherApplication, ...]
) -> tuple[FurtherApplication, ...]:
    """Those of `applications` that the tenant has not been seen to grant and still has to."""
    grants = {application.key: grant_of(record, application) for application in applications}
    return tuple(
        each
        for each in applications
        if not ((grant := grants[each.key]) and (grant.proven_at or grant.waived_at))
    )
