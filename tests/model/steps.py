"""Which of the five steps is the first one open, and how it is shown: worked out from the rows alone, by the
journey as docs/how-it-works.md tells it. Nothing here asks the product.
"""

from datetime import datetime, timedelta

from association.facts import AcceptedBy, Facts, Record
from association.further_applications import FurtherApplication
from association.partition import Check, Grant, MailStatus, Prerequisite, Result
from association.steps import State, Step

SPREADS = timedelta(minutes=15)
OUTAGE = timedelta(days=1)
Listed = tuple[FurtherApplication, ...]


def stands(record: Record, now: datetime, listed: Listed) -> tuple[Step, State]:
    """The first step that is open and its state, with `listed` the further applications."""
    facts = record.facts
    if facts.generation:
        return Step.DONE, State.DONE
    is_accepted = facts.signed_in_at is not None and facts.accepted_by is not AcceptedBy.NOBODY
    has_access = facts.access_proven_at is not None
    if is_accepted and has_access and facts.conflict_at:
        # another customer has this tenant: said before all else
        return Step.PREREQUISITES, State.BLOCKED
    if not is_accepted or not is_link_open(facts, now):
        return Step.IDENTIFICATION, _of_identification(record, now)
    if not has_access:
        return Step.AUTHORISATION, _of_authorisation(facts, now)
    if not has_all_checks(record) or not listed:
        return Step.PREREQUISITES, _away(facts) or _of_checks(record)
    return Step.APPLICATIONS, _away(facts) or _of_applications(record, now, listed)


def shown(record: Record, now: datetime, listed: Listed) -> list[State]:
    """The states of all five: what is before the open step is done, what is after it is to come."""
    step, state = stands(record, now, listed)
    here = list(Step).index(step)
    return [State.DONE] * here + [state] + [State.TO_COME] * (4 - here)


def is_link_open(facts: Facts, now: datetime) -> bool:
    """Whether the association link leads anywhere."""
    is_ended = facts.closed_at or facts.link_revoked_at
    return not is_ended and facts.link_expires_at is not None and now < facts.link_expires_at


def has_all_checks(record: Record) -> bool:
    """Whether the three rows say ok of the person and tenant signed in."""
    return [check.result for check in _checks(record)] == [Result.OK] * len(Prerequisite)


def lacking(record: Record, tenant_id: str, listed: Listed) -> list[str]:
    """The further applications that the tenant neither was seen to grant nor was spared."""
    grants = {each.key: record.grants.get((each.key, tenant_id)) for each in listed}
    return [key for key, grant in grants.items() if not grant or not (grant.proven_at or grant.waived_at)]


def _checks(record: Record) -> list[Check]:
    mine = (record.facts.tenant_id, record.facts.object_id)
    return [each for each in record.checks.values() if (each.tenant_id, each.object_id) == mine]


def _away(facts: Facts) -> State | None:
    return State.WAITING if facts.left_at else None


def _of_checks(record: Record) -> State:
    is_met = all(check.result is Result.OK for check in _checks(record))
    return State.CURRENT if is_met else State.BLOCKED


def _of_identification(record: Record, now: datetime) -> State:
    facts = record.facts
    if facts.signed_in_at or not is_link_open(facts, now):
        return State.BLOCKED
    sent = [each for each in record.outbox.values() if each.kind == "invitation"]
    of_link = sorted((each.created_at, each.status) for each in sent if each.number == facts.link_number)
    if of_link and of_link[-1][1] is MailStatus.FAILED:
        return State.BLOCKED
    return _away(facts) or State.CURRENT


def _of_authorisation(facts: Facts, now: datetime) -> State:
    if not facts.access_lost_at and _spreads(facts.consented_at, facts.access_unread_at, now):
        return State.BLOCKED if facts.access_refused_at else State.WAITING
    has_failed = facts.consented_at or facts.access_lost_at or facts.consent_refused_at
    return _away(facts) or (State.BLOCKED if has_failed else State.CURRENT)


def _of_applications(record: Record, now: datetime, listed: Listed) -> State:
    tenant_id = record.facts.tenant_id
    grants = [record.grants.get((key, tenant_id)) for key in lacking(record, tenant_id, listed)]
    if grants and all(grant and _is_spreading(grant, now) for grant in grants):
        return State.WAITING
    return State.BLOCKED if any(grant and grant.refused_at for grant in grants) else State.CURRENT


def _is_spreading(grant: Grant, now: datetime) -> bool:
    return not grant.refused_at and _spreads(grant.consented_at, grant.unread_at, now)


def _spreads(consented_at: datetime | None, unread_at: datetime | None, now: datetime) -> bool:
    """Whether a consent may still begin to work; where Microsoft could not be asked, as long as an outage."""
    return consented_at is not None and now - consented_at <= (OUTAGE if unread_at else SPREADS)
