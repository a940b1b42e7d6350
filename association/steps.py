"""The five steps, their states, the causes that hold somebody up, and who has to act: the shared words."""

from datetime import datetime
from enum import StrEnum

from association.dataclass import dataclass


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
    ACCESS_REFUSED = "access_refused"
    ACCESS_MISSING = "access_missing"
    CHECKS_TO_RUN = "checks_to_run"
    CHECKS_FAILED = "checks_failed"
    CHECKS_UNKNOWN = "checks_unknown"
    APPLICATIONS_TO_CONSENT = "applications_to_consent"
    APPLICATIONS_REFUSED = "applications_refused"
    APPLICATIONS_AWAITED = "applications_awaited"
    READY_TO_BIND = "ready_to_bind"
    TENANT_BOUND_ELSEWHERE = "tenant_bound_elsewhere"
    ORDER_CLOSED = "order_closed"
    NONE = ""


@dataclass(frozen=True, slots=True)
class StepState:
    """One line of the step list; `at` is when a done step was done, `by` the number of who did it."""

    step: Step
    state: State
    at: datetime | None = None
    by: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """Where an association stands. `since` is when the present cause began."""

    step: Step
    state: State
    cause: Cause
    who: Who
    since: datetime
    steps: tuple[StepState, ...]
