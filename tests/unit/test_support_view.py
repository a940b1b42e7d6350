"""What support sees of an association, and what it is told is missing."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from association.facts import AcceptedBy, Record
from association.links import link_end
from association.missing import missing
from association.partition import Check, Event, Grant, Prerequisite, Result
from association.support import MOST_FOUND, Question, find_page
from functions.web.answers import in_words
from functions.web.support_view import NEWEST_EVENTS, NEWEST_FAILURES, newest, support_view
from tests.memory import NOW, ORDER, OTHER_TENANT, PERSON, TENANT, Memory, expects, ordered, signed_in

APPLICATIONS = json.dumps(
    [
        {
            "key": key,
            "name": key.title(),
            "why": {"fr": "Pour.", "en": "For."},
            "client_id": f"3f2b6c11-8a55-4c1c-9d2e-6b1f6f0f1a{number}",
            "roles": ["User.ReadBasic.All", "Calendars.Read"],
        }
        for key, number in (("contact", "10"), ("automate", "11"))
    ]
)


@pytest.fixture
def memory() -> Memory:
    return expects(Memory(FURTHER_APPLICATIONS=APPLICATIONS))


def checked(record: Record, **results: Result) -> Record:
    checks = {
        key: Check(
            key=key,
            result=results.get(key, Result.OK),
            cause="",
            evidence="Microsoft 365 Business Premium",
            at=NOW,
            tenant_id=TENANT,
            object_id=PERSON,
            until=NOW + timedelta(days=12) if key is Prerequisite.SUBSCRIPTION else None,
        )
        for key in Prerequisite
    }
    return replace(record, checks=checks)


def granted(record: Record, key: str, **fields: object) -> Record:
    grant = Grant(key=key, tenant_id=TENANT, at=NOW, **fields)  # type: ignore[arg-type]
    return replace(record, grants={**record.grants, (key, TENANT): grant})


REST = ("consent", "access", *(f"check.{key}" for key in Prerequisite))
LAST = ("application.contact", "application.automate", "binding")


async def test_what_is_missing_shrinks_step_by_step(memory: Memory) -> None:
    ports = memory.ports
    incomplete = await ordered(memory, administrator_email="", mpn_id="")
    begun = ("order.administrator_email", "order.mpn_id", "administrator", "link", "sign_in")
    assert missing(ports, incomplete) == (*begun, *REST, *LAST)

    memory = expects(Memory(FURTHER_APPLICATIONS=APPLICATIONS))
    record = await ordered(memory)
    assert missing(ports, record) == ("sign_in", *REST, *LAST)
    elsewhere, _ = await signed_in(memory, record, tenant_id=OTHER_TENANT)
    assert missing(ports, elsewhere) == ("tenant_acceptance", *REST, *LAST)
    accepted = memory.put(elsewhere, tenant_id=TENANT, accepted_by=AcceptedBy.SUPPORT)
    assert missing(ports, accepted) == (*REST, *LAST)
    proven = memory.put(accepted, consented_at=NOW, access_proven_at=NOW)
    assert missing(ports, proven) == (*REST[2:], *LAST)
    met = checked(proven, premium=Result.UNKNOWN)
    assert missing(ports, met) == ("check.premium", *LAST)
    one = granted(checked(proven), "contact", proven_at=NOW)
    assert missing(ports, one) == LAST[1:]
    assert missing(ports, memory.put(one, conflict_at=NOW))[-2:] == ("tenant_conflict", "binding")


async def test_a_bound_tenant_lacks_only_what_was_listed_later(memory: Memory) -> None:
    record = memory.put(await ordered(memory), generation=1, bound_tenant_id=TENANT, bound_at=NOW)
    record = granted(record, "contact", proven_at=NOW)
    assert missing(memory.ports, record) == ("application.automate",)
    assert missing(memory.ports, granted(record, "automate", proven_at=NOW)) == ()
    # what another tenant granted says nothing
    assert missing(memory.ports, memory.put(record, bound_tenant_id=OTHER_TENANT)) == LAST[:2]


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({}, "open"),
        ({"link_revoked_at": NOW}, "revoked"),
        ({"link_expires_at": NOW}, "ended"),
        ({"link_kid": "gone"}, "ended"),
        ({"link_number": 0, "link_expires_at": None}, "none"),
    ],
)
async def test_the_link_is_told_by_its_state(memory: Memory, facts: dict[str, object], state: str) -> None:
    record = memory.put(await ordered(memory), **facts)
    view = support_view(record, memory.ports)
    assert view["link"]["state"] == state
    assert ("link" in view["missing"]) is (state != "open")


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({"share_number": 0}, "none"),
        ({}, "open"),
        ({"share_revoked_at": NOW}, "revoked"),
        ({"share_expires_at": NOW}, "ended"),
    ],
)
async def test_the_share_link_too(memory: Memory, facts: dict[str, object], state: str) -> None:
    shares = {"share_number": 2, "share_kid": "k1", "share_expires_at": link_end(NOW, 90)}
    record = memory.put(await ordered(memory), generation=1, bound_at=NOW, **{**shares, **facts})
    assert support_view(record, memory.ports)["share"]["state"] == state


async def test_checks_come_with_their_evidence_and_applications_with_their_standing(memory: Memory) -> None:
    record, _ = await signed_in(memory, await ordered(memory))
    record = checked(memory.put(record, consented_at=NOW, access_proven_at=NOW))
    record = granted(record, "contact", consented_at=NOW, missing="Calendars.Read User.ReadBasic.All")
    view = support_view(record, memory.ports)
    (subscription,) = [check for check in view["checks"] if check["check"] == "subscription"]
    assert subscription["evidence"] == "Microsoft 365 Business Premium"
    assert subscription["until"] == "2026-12-02T09:42:00Z"
    contact, automate = view["applications"]
    assert (contact["key"], contact["standing"], contact["missing_roles"]) == (
        "contact",
        "awaited",
        ["Calendars.Read", "User.ReadBasic.All"],
    )
    assert contact["consented_at"] == "2026-11-20T09:42:00Z"
    assert (automate["standing"], automate["proven_at"]) == ("to_consent", None)
    assert automate["missing_roles"] == ["Calendars.Read", "User.ReadBasic.All"]
    assert view["sign_in"]["is_administrator_hint"] is True
    assert view["people"][0] == {
        "number": 1,
        "name": "",
        "email": ORDER["administrator_email"],
        "username": "",
    }
    json.dumps(view)


@pytest.mark.parametrize(
    ("event", "answer"),
    [
        (Event(what="sign_in_refused", at=NOW, by="microsoft", new="denied"), "denied"),
        (Event(what="consent_refused", at=NOW, by="microsoft", new="cancelled"), "cancelled"),
        (Event(what="application_refused", at=NOW, by="microsoft", old="contact", new="denied"), "denied"),
        (Event(what="failed", at=NOW, old="our_credential", new="microsoft_refused"), "our_credential"),
        (Event(what="left_for_microsoft", at=NOW, old="provisioning", new="consent"), "provisioning"),
        (Event(what="left_for_microsoft", at=NOW, new="consent"), ""),
        (
            Event(what="looked", at=NOW, by="microsoft", old="access", new="our_credential"),
            "our_credential",
        ),
        (Event(what="looked", at=NOW, by="service", old="access", new="3"), ""),
        (Event(what="signed_in", at=NOW, new=TENANT), ""),
        (Event(what="mail_failed", at=NOW, old="invitation-1", new="never_finished"), ""),
    ],
    ids=lambda value: value.what if isinstance(value, Event) else value,
)
async def test_what_microsoft_answered_stands_in_words_beside_its_event(
    memory: Memory, event: Event, answer: str
) -> None:
    record = replace(await ordered(memory), events=(event,))
    for language in ("fr", "en"):
        (shown,) = support_view(record, memory.ports, language)["events"]
        assert shown["answer_in_words"] == in_words(answer, language)
        assert bool(shown["answer_in_words"]) is bool(answer)


def test_failures_drown_no_other_event() -> None:
    others = [Event(what="returned", at=NOW, version=number) for number in range(30)]
    failures = [Event(what="failed", at=NOW, version=number) for number in range(30, 100)]
    late = Event(what="bound", at=NOW, version=100)
    shown = newest((*others, *failures, late))
    assert [event.version for event in shown] == [100, *range(99, 94, -1), *range(29, 10, -1)]
    assert len(shown) == NEWEST_EVENTS + NEWEST_FAILURES


async def test_more_than_a_page_is_told_and_found_by_the_next(memory: Memory) -> None:
    for number in range(MOST_FOUND + 3):
        await ordered(memory, order_number=f"CMD-{number}", customer_number=f"C-{number}")
    email = ORDER["partner"]["email"]
    first = await find_page(memory.ports, Question("email", email))
    assert len(first.records) == MOST_FOUND
    assert first.following == first.records[-1].facts.association_id
    second = await find_page(memory.ports, Question("email", email, first.following))
    assert (len(second.records), second.following) == (3, "")
    everybody = {record.facts.association_id for record in (*first.records, *second.records)}
    assert everybody == set(memory.associations.records)
    assert (await find_page(memory.ports, Question("email", email, "no id"))).records == first.records


async def test_a_page_of_stale_hints_still_leads_on(memory: Memory) -> None:
    hint = memory.ports.keys.address_hints("x@y.example")[0]
    for number in range(MOST_FOUND + 1):
        await memory.lookups.add("email", hint, f"{number:032x}")
    page = await find_page(memory.ports, Question("email", "x@y.example"))
    assert (page.records, page.following) == ((), f"{MOST_FOUND - 1:032x}")
