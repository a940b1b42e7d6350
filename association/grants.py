"""Where a tenant stands with each further application: derived from its `app:<key>` rows, never stored."""

from datetime import datetime, timedelta
from enum import StrEnum

from association.facts import Record
from association.further_applications import FurtherApplication
from association.partition import Grant

# Entra's directory is eventually consistent; past this, waiting longer has stopped being the answer.
PROPAGATION_LIMIT = timedelta(minutes=15)


class Standing(StrEnum):
    """How far one further application has come in the tenant."""

    TO_CONSENT = "to_consent"
    REFUSED = "refused"
    AWAITED = "awaited"
    MISSING = "missing"
    PROVEN = "proven"


def grant_of(record: Record, application: FurtherApplication) -> Grant | None:
    """The grant of the tenant that is bound, or else signed in; what another tenant granted says nothing."""
    facts, grant = record.facts, record.grants.get(application.key)
    return grant if grant and grant.tenant_id == (facts.bound_tenant_id or facts.tenant_id) else None


def standing(record: Record, application: FurtherApplication, now: datetime) -> Standing:
    """Where the tenant stands with `application`: missing means consented to, but never seen to work."""
    grant = grant_of(record, application)
    if grant is None:
        return Standing.TO_CONSENT
    if grant.proven_at:
        return Standing.PROVEN
    if grant.refused_at:
        return Standing.REFUSED
    if grant.consented_at is None:
        return Standing.TO_CONSENT
    return Standing.AWAITED if now - grant.consented_at <= PROPAGATION_LIMIT else Standing.MISSING


def missing_applications(
    record: Record, applications: tuple[FurtherApplication, ...]
) -> tuple[FurtherApplication, ...]:
    """Those of `applications` that the tenant has not been seen to grant."""
    grants = {application.key: grant_of(record, application) for application in applications}
    return tuple(each for each in applications if not ((grant := grants[each.key]) and grant.proven_at))
