"""From facts to what people see: the step, the blocking cause, who has to act, and since when.

Customer, partner and support all read this one function, so the three can never disagree.
"""

from datetime import datetime

from association.dataclass import dataclass
from association.facts import AcceptedBy, Facts, Record
from association.further_applications import FurtherApplication
from association.grants import Standing, grant_of, is_awaited, standing
from association.links import is_withdrawn, link_mails
from association.partition import Check, Mail, MailStatus, Prerequisite, Result
from association.steps import Cause, Progress, State, Step, StepState, Who

# The event that ends a step.
DONE_WITH = {
    Step.IDENTIFICATION: "signed_in",
    Step.AUTHORISATION: "consent_returned",
    Step.PREREQUISITES: "checked",
    Step.APPLICATIONS: "application_returned",
    Step.DONE: "bound",
}


@dataclass(frozen=True, slots=True)
class _Position:
    step: Step
    cause: Cause
    who: Who
    since: datetime
    state: State = State.CURRENT


def progress(record: Record, now: datetime, applications: tuple[FurtherApplication, ...]) -> Progress:
    """Where `record` stands at `now`, with `applications` the further ones that the settings list."""
    position = _position(record, now, applications)
    return Progress(
        step=position.step,
        state=position.state,
        cause=position.cause,
        who=position.who,
        since=position.since,
        steps=_steps(record, position),
    )


def current_checks(record: Record) -> tuple[Check, ...]:
    """The check results of the person and tenant now signed in, in the order of the pages."""
    facts = record.facts
    mine = (record.checks.get(key) for key in Prerequisite)
    return tuple(
        check
        for check in mine
        if check and (check.tenant_id, check.object_id) == (facts.tenant_id, facts.object_id)
    )


def is_proven(record: Record) -> bool:
    """Whether every required check of the signed-in person and tenant is ok."""
    checks = current_checks(record)
    return len(checks) == len(Prerequisite) and all(check.result is Result.OK for check in checks)


def _position(record: Record, now: datetime, applications: tuple[FurtherApplication, ...]) -> _Position:
    facts = record.facts
    if facts.is_bound:
        return _Position(Step.DONE, Cause.NONE, Who.NOBODY, facts.bound_at or facts.created_at, State.DONE)
    if facts.conflict_at and facts.access_proven_at and facts.accepted_by is not AcceptedBy.NOBODY:
        # where a step before it is open again, that one comes first
        return _blocked(Step.PREREQUISITES, Cause.TENANT_BOUND_ELSEWHERE, Who.SUPPORT, facts.conflict_at)
    return (
        _link(record, now)
        or _identification(record)
        or _authorisation(facts, now)
        or _checks(record, applications)
        or _applications(record, now, applications)
    )


def _blocked(step: Step, cause: Cause, who: Who, since: datetime) -> _Position:
    return _Position(step, cause, who, since, State.BLOCKED)


def _link(record: Record, now: datetime) -> _Position | None:
    facts = record.facts
    if facts.closed_at:
        return _blocked(Step.IDENTIFICATION, Cause.ORDER_CLOSED, Who.SUPPORT, facts.closed_at)
    if not facts.link_issued_at or not facts.link_expires_at:
        return _blocked(Step.IDENTIFICATION, Cause.ORDER_INCOMPLETE, Who.PARTNER, facts.created_at)
    if facts.link_revoked_at and is_withdrawn(record):
        return _blocked(Step.IDENTIFICATION, Cause.LINK_REVOKED, Who.SUPPORT, facts.link_revoked_at)
    if facts.link_revoked_at:
        # closed with it, and open again by an order that isn't complete yet
        since = max(order.received_at for order in record.orders.values())
        return _blocked(Step.IDENTIFICATION, Cause.ORDER_INCOMPLETE, Who.PARTNER, since)
    if facts.link_expires_at <= now:
        return _blocked(Step.IDENTIFICATION, Cause.LINK_EXPIRED, Who.SUPPORT, facts.link_expires_at)
    return None


def _identification(record: Record) -> _Position | None:
    facts, step = record.facts, Step.IDENTIFICATION
    # once the recorded address is erased, nobody can be mailed the link or sent a code
    who = Who.ADMINISTRATOR if facts.has_address else Who.SUPPORT
    if not facts.signed_in_at:
        invitation = _newest_invitation(record)
        if invitation and invitation.status is MailStatus.FAILED:
            return _blocked(step, Cause.MAIL_FAILED, Who.SUPPORT, invitation.created_at)
        if facts.left_at:
            return _Position(step, Cause.LEFT_FOR_MICROSOFT, Who.ADMINISTRATOR, facts.left_at, State.WAITING)
        since = facts.link_issued_at or facts.created_at
        return _Position(step, Cause.NOT_STARTED, who, since)
    if facts.accepted_by is AcceptedBy.NOBODY:
        return _blocked(step, Cause.TENANT_UNEXPECTED, who, facts.signed_in_at)
    return None


def _newest_invitation(record: Record) -> Mail | None:
    """The last mail of the live link: the first, or one that was sent again since."""
    return max(link_mails(record), key=lambda mail: mail.created_at, default=None)


def _authorisation(facts: Facts, now: datetime) -> _Position | None:
    step, administrator = Step.AUTHORISATION, Who.ADMINISTRATOR
    if facts.access_proven_at:
        return None
    if is_awaited(facts, now):
        return _awaited(facts)
    if facts.left_at:
        # at Microsoft's again, whatever came of it before
        return _Position(step, Cause.LEFT_FOR_MICROSOFT, administrator, facts.left_at, State.WAITING)
    missing_since = facts.access_lost_at or facts.consented_at
    if missing_since:
        return _blocked(step, Cause.ACCESS_MISSING, administrator, missing_since)
    if facts.consent_refused_at:
        return _blocked(step, Cause.CONSENT_REFUSED, administrator, facts.consent_refused_at)
    since = facts.accepted_at or facts.signed_in_at or facts.created_at
    cause = Cause.CONSENT_TO_GIVE if facts.is_administrator_hint else Cause.NOT_SEEN_AS_ADMINISTRATOR
    return _Position(step, cause, administrator, since)


def _awaited(facts: Facts) -> _Position:
    step, consented_at = Step.AUTHORISATION, facts.consented_at or facts.created_at
    if facts.access_refused_at:
        return _blocked(step, Cause.ACCESS_REFUSED, Who.ADMINISTRATOR, facts.access_refused_at)
    return _Position(step, Cause.ACCESS_AWAITED, Who.MICROSOFT, consented_at, State.WAITING)


def _checks(record: Record, applications: tuple[FurtherApplication, ...]) -> _Position | None:
    facts, checks = record.facts, current_checks(record)
    proven_at = facts.access_proven_at or facts.created_at
    step, administrator = Step.PREREQUISITES, Who.ADMINISTRATOR
    if is_proven(record) and applications:
        return None
    if facts.left_at:
        # to be shown again, whatever the checks had found
        return _Position(step, Cause.LEFT_FOR_MICROSOFT, administrator, facts.left_at, State.WAITING)
    failed = [check.at for check in checks if check.result is Result.FAILED]
    if failed:
        return _blocked(step, Cause.CHECKS_FAILED, administrator, min(failed))
    unread = [check.at for check in checks if check.result is Result.UNKNOWN]
    if unread:
        return _blocked(step, Cause.CHECKS_UNKNOWN, administrator, min(unread))
    return _Position(step, Cause.CHECKS_TO_RUN, administrator, proven_at)


def _applications(record: Record, now: datetime, applications: tuple[FurtherApplication, ...]) -> _Position:
    facts, step, administrator = record.facts, Step.APPLICATIONS, Who.ADMINISTRATOR
    checked_at = _checked_at(record) or facts.created_at
    stands = [standing(record, application, now) for application in applications]
    missing = [stand for stand in stands if stand not in (Standing.PROVEN, Standing.WAIVED)]
    if facts.left_at:
        return _Position(step, Cause.LEFT_FOR_MICROSOFT, administrator, facts.left_at, State.WAITING)
    if not missing:
        settled = [_settled_at(record, application) or checked_at for application in applications]
        return _Position(step, Cause.READY_TO_BIND, administrator, max([checked_at, *settled]))
    if all(stand is Standing.AWAITED for stand in missing):
        return _Position(step, Cause.APPLICATIONS_AWAITED, Who.MICROSOFT, checked_at, State.WAITING)
    if any(stand is Standing.REFUSED for stand in missing):
        return _blocked(step, Cause.APPLICATIONS_REFUSED, administrator, checked_at)
    return _Position(step, Cause.APPLICATIONS_TO_CONSENT, administrator, checked_at)


def _settled_at(record: Record, application: FurtherApplication) -> datetime | None:
    """Since when nothing more is wanted of the application."""
    grant = grant_of(record, application)
    return (grant.proven_at or grant.waived_at) if grant else None


def _steps(record: Record, position: _Position) -> tuple[StepState, ...]:
    facts = record.facts
    order = tuple(Step)
    here = order.index(position.step)
    done_at = {
        Step.IDENTIFICATION: facts.signed_in_at,
        Step.AUTHORISATION: facts.access_proven_at,
        Step.PREREQUISITES: facts.bound_at or _checked_at(record),
        Step.APPLICATIONS: facts.bound_at,
        Step.DONE: facts.bound_at,
    }
    states = (State.DONE,) * here + (position.state,) + (State.TO_COME,) * (len(order) - here - 1)
    return tuple(
        StepState(step, state, done_at[step], _done_by(record, step))
        if state is State.DONE
        else StepState(step, state)
        for step, state in zip(order, states, strict=True)
    )


def _done_by(record: Record, step: Step) -> int:
    """Who did `step`, as the history tells; from the checks on, whoever bound the tenant once it is bound."""
    if record.facts.is_bound and step not in (Step.IDENTIFICATION, Step.AUTHORISATION):
        return record.facts.bound_by
    what = DONE_WITH[step]
    return next((event.actor for event in reversed(record.events) if event.what == what), 0)


def _checked_at(record: Record) -> datetime | None:
    return max((check.at for check in current_checks(record)), default=None)
