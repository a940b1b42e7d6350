"""Where an association stands: each cause from its facts, and what holds for any facts at all."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from association.facts import AcceptedBy, Record
from association.further_applications import FurtherApplication
from association.grants import PROPAGATION_LIMIT, missing_applications
from association.partition import Check, Event, Grant, Mail, MailStatus, Prerequisite, Result
from association.progress import current_checks, is_proven, progress
from association.steps import Cause, State, Step, Who
from tests.memory import NOW, OTHER_PERSON, OTHER_TENANT, PERSON, TENANT
from tests.storage_values import facts as new_facts

MOMENTS = (
    "link_revoked_at",
    "left_at",
    "signed_in_at",
    "accepted_at",
    "consented_at",
    "consent_refused_at",
    "access_proven_at",
    "access_lost_at",
    "conflict_at",
)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


INVITED: dict[str, Any] = {
    "created_at": ago(90),
    "administrator": 1,
    "link_number": 1,
    "link_issued_at": ago(80),
    "link_expires_at": NOW + timedelta(days=30),
}
SIGNED_IN: dict[str, Any] = {
    **INVITED,
    "signed_in_at": ago(60),
    "tenant_id": TENANT,
    "object_id": PERSON,
    "is_administrator_hint": True,
}
ACCEPTED: dict[str, Any] = {**SIGNED_IN, "accepted_by": AcceptedBy.DOMAIN, "accepted_at": ago(59)}
PROVEN: dict[str, Any] = {**ACCEPTED, "consented_at": ago(50), "access_proven_at": ago(40)}
BOUND: dict[str, Any] = {**PROVEN, "generation": 1, "bound_tenant_id": TENANT, "bound_at": ago(10)}


def check(key: Prerequisite, result: Result, minutes: float = 20, **changes: Any) -> Check:
    usual = Check(
        key=key,
        result=result,
        cause=str(result),
        evidence="",
        at=ago(minutes),
        tenant_id=TENANT,
        object_id=PERSON,
    )
    return replace(usual, **changes)


def record(*checks: Check, **facts: Any) -> Record:
    made = replace(new_facts("a" * 32), **facts)
    return Record(facts=made, etag="1", checks={each.key: each for each in checks})


def unmailed() -> Record:
    return mailed(MailStatus.FAILED)


def mailed(*statuses: MailStatus) -> Record:
    """An invitation, and how each time that it was mailed came out; an earlier link's failed as well."""
    earlier = Mail(
        key="invitation-0",
        kind="invitation",
        person=1,
        number=0,
        created_at=ago(1),
        status=MailStatus.FAILED,
    )
    mails = [
        replace(earlier, key=f"invitation-1-{n}", number=1, created_at=ago(80 - n), status=status)
        for n, status in enumerate(statuses)
    ]
    return replace(
        record(**{**INVITED, "link_number": 1}), outbox={mail.key: mail for mail in (earlier, *mails)}
    )


ADMINISTRATOR_FAILED = check(Prerequisite.ADMINISTRATOR, Result.FAILED, 30)
PREMIUM_FAILED = check(Prerequisite.PREMIUM, Result.FAILED, 25)
PREMIUM_UNKNOWN = check(Prerequisite.PREMIUM, Result.UNKNOWN, 25)
ALL_OK = tuple(check(key, Result.OK) for key in Prerequisite)


def granted(*grants: Grant, **facts: Any) -> Record:
    return replace(
        record(*ALL_OK, **{**PROVEN, **facts}),
        grants={(grant.key, grant.tenant_id): grant for grant in grants},
    )


def grant(key: str, **changes: Any) -> Grant:
    return replace(Grant(key=key, tenant_id=TENANT, at=ago(5)), **changes)


def further(key: str, client_id: str) -> FurtherApplication:
    why = {"fr": "Pour lire.", "en": "To read."}
    return FurtherApplication(key=key, name=why, why=why, client_id=client_id, roles=frozenset({"Mail.Read"}))


FURTHER = (further("contact", OTHER_PERSON), further("automate", OTHER_TENANT))
POSITIONS = [
    ("incomplete", record(created_at=ago(90)), "identification blocked order_incomplete partner", 90),
    (
        "revoked",
        record(**{**INVITED, "link_revoked_at": ago(7)}),
        "identification blocked link_revoked support",
        7,
    ),
    (
        "expired",
        record(**{**INVITED, "link_expires_at": ago(3)}),
        "identification blocked link_expired support",
        3,
    ),
    (
        "expires this very moment",
        record(**{**INVITED, "link_expires_at": NOW}),
        "identification blocked link_expired support",
        0,
    ),
    ("never mailed", unmailed(), "identification blocked mail_failed support", 80),
    ("invited", record(**INVITED), "identification current not_started administrator", 80),
    (
        "left to sign in",
        record(**{**INVITED, "left_at": ago(12)}),
        "identification waiting left_for_microsoft administrator",
        12,
    ),
    ("another tenant", record(**SIGNED_IN), "identification blocked tenant_unexpected administrator", 60),
    (
        "another tenant, and nobody whom a code could be sent",
        record(**{**SIGNED_IN, "administrator": 0}),
        "identification blocked tenant_unexpected support",
        60,
    ),
    ("accepted", record(**ACCEPTED), "authorisation current consent_to_give administrator", 59),
    (
        "no administrator in the id_token",
        record(**{**ACCEPTED, "is_administrator_hint": False}),
        "authorisation current not_seen_as_administrator administrator",
        59,
    ),
    (
        "left to consent",
        record(**{**ACCEPTED, "left_at": ago(5)}),
        "authorisation waiting left_for_microsoft administrator",
        5,
    ),
    (
        "refused",
        record(**{**ACCEPTED, "consent_refused_at": ago(4)}),
        "authorisation blocked consent_refused administrator",
        4,
    ),
    (
        "propagating",
        record(**{**ACCEPTED, "consented_at": NOW - PROPAGATION_LIMIT}),
        "authorisation waiting access_awaited microsoft",
        15,
    ),
    (
        "propagating, and refused by the tenant",
        record(**{**ACCEPTED, "consented_at": ago(3), "access_refused_at": ago(2)}),
        "authorisation blocked access_refused administrator",
        2,
    ),
    (
        "propagating for too long",
        record(**{**ACCEPTED, "consented_at": ago(15.1)}),
        "authorisation blocked access_missing administrator",
        15.1,
    ),
    (
        "access lost",
        record(**{**ACCEPTED, "consented_at": ago(1), "access_lost_at": ago(2)}),
        "authorisation blocked access_missing administrator",
        2,
    ),
    ("access", record(**PROVEN), "prerequisites current checks_to_run administrator", 40),
    (
        "left to be shown again",
        record(**{**PROVEN, "left_at": ago(1)}),
        "prerequisites waiting left_for_microsoft administrator",
        1,
    ),
    (
        "checks failed",
        record(PREMIUM_FAILED, ADMINISTRATOR_FAILED, **PROVEN),
        "prerequisites blocked checks_failed administrator",
        30,
    ),
    (
        "one failed, one unread",
        record(ADMINISTRATOR_FAILED, PREMIUM_UNKNOWN, **PROVEN),
        "prerequisites blocked checks_failed administrator",
        30,
    ),
    (
        "checks unread",
        record(PREMIUM_UNKNOWN, **PROVEN),
        "prerequisites blocked checks_unknown administrator",
        25,
    ),
    (
        "somebody else's failure",
        record(replace(PREMIUM_FAILED, object_id=OTHER_PERSON), **PROVEN),
        "prerequisites current checks_to_run administrator",
        40,
    ),
    (
        "conflict",
        record(**{**PROVEN, "conflict_at": ago(2)}),
        "prerequisites blocked tenant_bound_elsewhere support",
        2,
    ),
    ("bound", record(**BOUND), "done done - nobody", 10),
    (
        "bound, and its link has ended since",
        record(**{**BOUND, "link_expires_at": ago(1), "link_revoked_at": ago(1)}),
        "done done - nobody",
        10,
    ),
    (
        "bound, and another link is sent",
        record(**{**BOUND, "link_number": 2, "left_at": ago(1)}),
        "done done - nobody",
        10,
    ),
    (
        "mailed again, and refused",
        mailed(MailStatus.SENT, MailStatus.FAILED),
        "identification blocked mail_failed support",
        79,
    ),
    (
        "refused once, then mailed",
        mailed(MailStatus.FAILED, MailStatus.SENT),
        "identification current not_started administrator",
        80,
    ),
    (
        "closed while incomplete",
        record(created_at=ago(90), closed_at=ago(3)),
        "identification blocked order_closed support",
        3,
    ),
    ("closed", record(**{**INVITED, "closed_at": ago(3)}), "identification blocked order_closed support", 3),
    ("apps to consent", granted(), "applications current applications_to_consent administrator", 20),
    (
        "one granted, one to consent",
        granted(grant("contact", proven_at=ago(4))),
        "applications current applications_to_consent administrator",
        20,
    ),
    (
        "one refused",
        granted(grant("contact", proven_at=ago(4)), grant("automate", refused_at=ago(3))),
        "applications blocked applications_refused administrator",
        20,
    ),
    (
        "one granted, one on its way",
        granted(grant("contact", proven_at=ago(4)), grant("automate", consented_at=ago(3))),
        "applications waiting applications_awaited microsoft",
        20,
    ),
    (
        "consented to long ago and never seen",
        granted(grant("contact", proven_at=ago(4)), grant("automate", consented_at=ago(16))),
        "applications current applications_to_consent administrator",
        20,
    ),
    (
        "granted by another tenant",
        granted(grant("contact", tenant_id=OTHER_TENANT, proven_at=ago(4))),
        "applications current applications_to_consent administrator",
        20,
    ),
    (
        "left for the consent of an application",
        granted(left_at=ago(2), left_leg="application"),
        "applications waiting left_for_microsoft administrator",
        2,
    ),
    (
        "everything granted",
        granted(grant("contact", proven_at=ago(4)), grant("automate", proven_at=ago(3))),
        "applications current ready_to_bind administrator",
        3,
    ),
]


@pytest.mark.parametrize(
    ("stands", "expected", "minutes"),
    [pytest.param(*row[1:], id=row[0]) for row in POSITIONS],
)
def test_the_facts_place_an_association(stands: Record, expected: str, minutes: float) -> None:
    where = progress(stands, NOW, FURTHER)
    assert " ".join((where.step, where.state, where.cause or "-", where.who)) == expected
    assert where.since == ago(minutes)


def test_the_table_reaches_every_cause_and_everybody_who_acts() -> None:
    reached = [progress(row[1], NOW, FURTHER) for row in POSITIONS]
    assert {where.cause for where in reached} == set(Cause)
    assert {where.who for where in reached} == set(Who)


def test_a_step_that_is_over_shows_when_it_was_done() -> None:
    steps = {item.step: item for item in progress(record(**PROVEN), NOW, ()).steps}
    assert [str(item.state) for item in steps.values()] == ["done", "done", "current", "to_come", "to_come"]
    assert steps[Step.IDENTIFICATION].at == ago(60)
    assert steps[Step.AUTHORISATION].at == ago(40)


def test_a_new_link_asks_for_identification_again_before_anything_else() -> None:
    where = progress(record(**{**PROVEN, "link_expires_at": ago(1)}), NOW, ())
    assert (where.step, where.cause) == (Step.IDENTIFICATION, Cause.LINK_EXPIRED)
    assert [item.at for item in where.steps if item.state is not State.DONE] == [None] * 5


def test_checks_are_told_in_the_order_of_the_pages() -> None:
    stands = record(PREMIUM_FAILED, ADMINISTRATOR_FAILED, **PROVEN)
    assert current_checks(stands) == (ADMINISTRATOR_FAILED, PREMIUM_FAILED)


@pytest.mark.parametrize("changes", [{"tenant_id": OTHER_TENANT}, {"object_id": OTHER_PERSON}])
def test_checks_of_another_person_or_tenant_count_for_nothing(changes: dict[str, Any]) -> None:
    strange = tuple(replace(each, **changes) for each in ALL_OK)
    assert current_checks(record(*strange, **PROVEN)) == ()
    assert not is_proven(record(*strange, **PROVEN))


def test_proven_means_every_check_is_there_and_ok() -> None:
    assert is_proven(record(*ALL_OK, **PROVEN))
    assert not is_proven(record(*ALL_OK[:2], **PROVEN))
    for result in (Result.FAILED, Result.UNKNOWN):
        assert not is_proven(record(replace(ALL_OK[0], result=result), *ALL_OK[1:], **PROVEN))


def past() -> st.SearchStrategy[datetime | None]:
    return st.none() | st.integers(0, 3 * 24 * 60).map(ago)


@st.composite
def any_record(draw: st.DrawFn) -> Record:
    """Facts that may contradict each other, all of them in the past (but for the link's end)."""
    facts: dict[str, Any] = {name: draw(past()) for name in MOMENTS}
    facts["created_at"] = ago(3 * 24 * 60)
    facts["link_issued_at"] = draw(past())
    facts["link_expires_at"] = draw(st.none() | st.integers(-600, 600).map(ago))
    facts["accepted_by"] = draw(st.sampled_from(AcceptedBy))
    facts["is_administrator_hint"] = draw(st.booleans())
    facts |= {"tenant_id": TENANT, "object_id": PERSON, "generation": draw(st.integers(0, 2))}
    facts["bound_at"] = draw(past()) if facts["generation"] else None
    keys = draw(st.sets(st.sampled_from(Prerequisite)))
    checks = [check(key, draw(st.sampled_from(Result)), draw(st.integers(0, 600))) for key in keys]
    return record(*checks, **facts)


def expected_states(step: Step, state: State) -> list[State]:
    here = list(Step).index(step)
    return [State.DONE] * here + [state] + [State.TO_COME] * (len(Step) - here - 1)


@given(any_record())
def test_whatever_the_facts_the_status_is_one(stands: Record) -> None:
    where = progress(stands, NOW, ())
    assert (where.step is Step.DONE) == stands.facts.is_bound == (where.state is State.DONE)
    assert (where.cause is Cause.NONE) == stands.facts.is_bound
    assert where.since <= NOW
    assert [item.step for item in where.steps] == list(Step)
    assert [item.state for item in where.steps] == expected_states(where.step, where.state)
    assert all(item.at is None for item in where.steps if item.state is not State.DONE)
    assert (where.who is Who.NOBODY) == (where.step is Step.DONE)


@given(any_record(), st.integers(1, 60 * 24))
def test_time_alone_moves_nothing_forward(stands: Record, minutes: int) -> None:
    later = progress(stands, NOW + timedelta(minutes=minutes), ())
    assert list(Step).index(later.step) <= list(Step).index(progress(stands, NOW, ()).step)


def test_without_further_applications_the_checks_are_followed_by_the_binding() -> None:
    stands = progress(granted(), NOW, ())
    assert (stands.step, stands.cause) == (Step.PREREQUISITES, Cause.CHECKS_TO_RUN)


def test_the_prerequisites_are_over_once_applications_are_next() -> None:
    steps = {item.step: item for item in progress(granted(), NOW, FURTHER).steps}
    assert (steps[Step.PREREQUISITES].state, steps[Step.PREREQUISITES].at) == (State.DONE, ago(20))
    assert steps[Step.APPLICATIONS].state is State.CURRENT


def test_an_application_listed_later_is_missing_where_the_others_are_granted() -> None:
    bound = replace(granted(grant("contact", proven_at=ago(4))), facts=record(**BOUND).facts)
    assert [each.key for each in missing_applications(bound, FURTHER)] == ["automate"]
    assert missing_applications(bound, FURTHER[:1]) == ()
    assert progress(bound, NOW, FURTHER).step is Step.DONE


def happened(*events: tuple[str, int], **facts: Any) -> Record:
    """A record whose history is these events, each with the number of the person who did it."""
    history = tuple(Event(what=what, at=ago(9), actor=actor) for what, actor in events)
    return replace(granted(**facts), events=history)


def test_a_step_tells_who_did_it() -> None:
    stands = happened(("signed_in", 1), ("signed_in", 2), ("consent_returned", 2), ("checked", 3))
    by = {item.step: item.by for item in progress(stands, NOW, FURTHER).steps}
    assert by == {
        Step.IDENTIFICATION: 2,
        Step.AUTHORISATION: 2,
        Step.PREREQUISITES: 3,
        Step.APPLICATIONS: 0,
        Step.DONE: 0,
    }


def test_once_bound_it_is_whoever_bound_it_whoever_came_since() -> None:
    stands = happened(("checked", 3), ("bound", 3), ("signed_in", 4), ("checked", 4), **BOUND, bound_by=3)
    by = {item.step: item.by for item in progress(stands, NOW, FURTHER).steps}
    assert [by[step] for step in Step] == [4, 0, 3, 3, 3]
