"""From facts to what people see: the step, the blocking cause, who has to act, and since when.

Customer, partner and support all read this one function, so the three can never disagree.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from association.facts import AcceptedBy, Check, Facts, MailStatus, Prerequisite, Record, Result

# Entra's directory is eventually consistent; past this, waiting longer has stopped being the answer.
PROPAGATION_LIMIT = timedelta(minutes=15)


class Step(StrEnum):
    """The five words shown everywhere."""

    IDENTIFICATION = "identification"
    AUTHORISATION = "authorisation"
    PREREQUISITES = "prerequisites"
    APPLICATIONS = "applications"
    DONE = "done"


class State(StrEnum):
    """How a step is shown."""

    DONE = "done"
    CURRENT = "current"
    BLOCKED = "blocked"
    WAITING = "waiting"
    TO_COME = "to_come"


class Who(StrEnum):
    """Who has to act next."""

    ADMINISTRATOR = "administrator"
    PARTNER = "partner"
    MICROSOFT = "microsoft"
    SUPPORT = "support"
    NOBODY = "nobody"


class Cause(StrEnum):
    """Why the association isn't further than it is."""

    ORDER_INCOMPLETE = "order_incomplete"
    LINK_REVOKED = "link_revoked"
    LINK_EXPIRED = "link_expired"
    MAIL_FAILED = "mail_failed"
    NOT_STARTED = "not_started"
    LEFT_FOR_MICROSOFT = "left_for_microsoft"
    TENANT_UNEXPECTED = "tenant_unexpected"
    NOT_SEEN_AS_ADMINISTRATOR = "not_seen_as_administrator"
    CONSENT_TO_GIVE = "consent_to_give"
    CONSENT_REFUSED = "consent_refused"
    ACCESS_AWAITED = "access_awaited"
    ACCESS_MISSING = "access_missing"
    CHECKS_TO_RUN = "checks_to_run"
    CHECKS_FAILED = "checks_failed"
    CHECKS_UNKNOWN = "checks_unknown"
    TENANT_BOUND_ELSEWHERE = "tenant_bound_elsewhere"
    NONE = ""


@dataclass(frozen=True, slots=True)
class StepState:
    """One line of the step list; `at` is when a done step was done."""

    step: Step
    state: State
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """Where an association stands. `since` is when the present cause began."""

    step: Step
    state: State
    cause: Cause
    who: Who
    since: datetime
    steps: tuple[StepState, ...]


@dataclass(frozen=True, slots=True)
class _Position:
    step: Step
    cause: Cause
    who: Who
    since: datetime
    state: State = State.CURRENT


def progress(record: Record, now: datetime) -> Progress:
    """Where `record` stands at `now`."""
    position = _position(record, now)
    return Progress(
        step=position.step,
        state=position.state,
        cause=position.cause,
        who=position.who,
        since=position.since,
        steps=_steps(record.facts, position),
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


def _position(record: Record, now: datetime) -> _Position:
    facts = record.facts
    if facts.is_bound:
        return _Position(Step.DONE, Cause.NONE, Who.NOBODY, facts.bound_at or facts.created_at, State.DONE)
    if facts.conflict_at:
        return _blocked(Step.PREREQUISITES, Cause.TENANT_BOUND_ELSEWHERE, Who.SUPPORT, facts.conflict_at)
    return _link(facts, now) or _identification(record) or _authorisation(facts, now) or _checks(record)


def _blocked(step: Step, cause: Cause, who: Who, since: datetime) -> _Position:
    return _Position(step, cause, who, since, State.BLOCKED)


def _link(facts: Facts, now: datetime) -> _Position | None:
    if not facts.link_issued_at or not facts.link_expires_at:
        return _blocked(Step.IDENTIFICATION, Cause.ORDER_INCOMPLETE, Who.PARTNER, facts.created_at)
    if facts.link_revoked_at:
        return _blocked(Step.IDENTIFICATION, Cause.LINK_REVOKED, Who.SUPPORT, facts.link_revoked_at)
    if facts.link_expires_at <= now:
        return _blocked(Step.IDENTIFICATION, Cause.LINK_EXPIRED, Who.SUPPORT, facts.link_expires_at)
    return None


def _identification(record: Record) -> _Position | None:
    facts, step = record.facts, Step.IDENTIFICATION
    if not facts.signed_in_at:
        invitation = record.outbox.get(f"invitation-{facts.link_number}")
        if invitation and invitation.status is MailStatus.FAILED:
            return _blocked(step, Cause.MAIL_FAILED, Who.SUPPORT, invitation.created_at)
        if facts.left_at:
            return _Position(step, Cause.LEFT_FOR_MICROSOFT, Who.ADMINISTRATOR, facts.left_at, State.WAITING)
        since = facts.link_issued_at or facts.created_at
        return _Position(step, Cause.NOT_STARTED, Who.ADMINISTRATOR, since)
    if facts.accepted_by is AcceptedBy.NOBODY:
        return _blocked(step, Cause.TENANT_UNEXPECTED, Who.ADMINISTRATOR, facts.signed_in_at)
    return None


def _authorisation(facts: Facts, now: datetime) -> _Position | None:
    step, administrator = Step.AUTHORISATION, Who.ADMINISTRATOR
    if facts.access_proven_at:
        return None
    if facts.access_lost_at:
        return _blocked(step, Cause.ACCESS_MISSING, administrator, facts.access_lost_at)
    if facts.consented_at:
        return _awaited(facts.consented_at, now)
    if facts.consent_refused_at:
        return _blocked(step, Cause.CONSENT_REFUSED, administrator, facts.consent_refused_at)
    if facts.left_at:
        return _Position(step, Cause.LEFT_FOR_MICROSOFT, administrator, facts.left_at, State.WAITING)
    since = facts.accepted_at or facts.signed_in_at or facts.created_at
    cause = Cause.CONSENT_TO_GIVE if facts.is_administrator_hint else Cause.NOT_SEEN_AS_ADMINISTRATOR
    return _Position(step, cause, administrator, since)


def _awaited(consented_at: datetime, now: datetime) -> _Position:
    if now - consented_at > PROPAGATION_LIMIT:
        return _blocked(Step.AUTHORISATION, Cause.ACCESS_MISSING, Who.ADMINISTRATOR, consented_at)
    return _Position(Step.AUTHORISATION, Cause.ACCESS_AWAITED, Who.MICROSOFT, consented_at, State.WAITING)


def _checks(record: Record) -> _Position:
    facts, checks = record.facts, current_checks(record)
    proven_at = facts.access_proven_at or facts.created_at
    step, administrator = Step.PREREQUISITES, Who.ADMINISTRATOR
    failed = [check.at for check in checks if check.result is Result.FAILED]
    if failed:
        return _blocked(step, Cause.CHECKS_FAILED, administrator, min(failed))
    unread = [check.at for check in checks if check.result is Result.UNKNOWN]
    if unread:
        return _blocked(step, Cause.CHECKS_UNKNOWN, administrator, min(unread))
    if facts.left_at:
        return _Position(step, Cause.LEFT_FOR_MICROSOFT, administrator, facts.left_at, State.WAITING)
    return _Position(step, Cause.CHECKS_TO_RUN, administrator, proven_at)


def _steps(facts: Facts, position: _Position) -> tuple[StepState, ...]:
    order = tuple(Step)
    here = order.index(position.step)
    done_at = {
        Step.IDENTIFICATION: facts.signed_in_at,
        Step.AUTHORISATION: facts.access_proven_at,
        Step.PREREQUISITES: facts.bound_at,
        Step.APPLICATIONS: facts.bound_at,
        Step.DONE: facts.bound_at,
    }
    states = (State.DONE,) * here + (position.state,) + (State.TO_COME,) * (len(order) - here - 1)
    return tuple(
        StepState(step, state, done_at[step] if state is State.DONE else None)
        for step, state in zip(order, states, strict=True)
    )
