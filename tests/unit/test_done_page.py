"""What fills the last page: applications granted and newly missing, the share link, the confirmation mail."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from association.facts import Record
from association.links import link_end
from association.partition import Event, Grant, Mail, MailStatus, Person
from association.progress import progress
from association.share import ShareState
from functions.web.done_page import Share, fill_done
from functions.web.visitor import Visitor
from tests.memory import NOW, TENANT, Memory, ordered

LISTED = json.loads(Path("sandbox/applications.json").read_text(encoding="utf-8"))
FIRST, SECOND = (item["key"] for item in LISTED)


@pytest.fixture
def memory() -> Memory:
    return Memory(FURTHER_APPLICATIONS=json.dumps(LISTED))


@pytest.fixture
async def bound(memory: Memory) -> Record:
    """Bound by person 7 when only the first application was listed."""
    record = await ordered(memory)
    grant = Grant(key=FIRST, tenant_id=TENANT, at=NOW, consented_at=NOW, proven_at=NOW)
    record = replace(
        record,
        grants={(FIRST, TENANT): grant},
        people={**record.people, 7: Person(number=7, username="paul@durand.example")},
        events=(*record.events, Event(what="bound", at=NOW, actor=7)),
    )
    ends = link_end(NOW, 90)
    facts = {"generation": 1, "bound_tenant_id": TENANT, "bound_at": NOW, "share_number": 1}
    return memory.put(record, **facts, share_kid="k1", share_expires_at=ends)


def filled(memory: Memory, record: Record) -> dict[str, Any]:
    visitor = Visitor(memory.ports, record, None, None, "fr", "")
    return fill_done(visitor, progress(record, memory.clock(), memory.ports.settings.applications))


def share(memory: Memory, record: Record) -> Share:
    found = filled(memory, record)["share"]
    assert isinstance(found, Share)
    return found


async def test_what_is_granted_works_and_what_was_listed_since_is_missing(
    memory: Memory, bound: Record
) -> None:
    values = filled(memory, bound)
    assert [each.key for each in values["applications"]] == [FIRST]
    assert [each.key for each in values["missing_applications"]] == [SECOND]


async def test_the_link_is_shown_with_who_made_it_and_its_end(memory: Memory, bound: Record) -> None:
    shown = share(memory, bound)
    assert (shown.state, shown.made_at, shown.made_by) == (ShareState.OPEN, NOW, "paul@durand.example")
    assert shown.url.startswith("http://localhost:7071/addin?k=")
    assert (shown.ends, shown.days) == (link_end(NOW, 90), 90)


async def test_the_account_of_somebody_erased_is_not_shown(memory: Memory, bound: Record) -> None:
    erased = replace(bound, people={})
    assert (share(memory, erased).made_at, share(memory, erased).made_by) == (NOW, "")


async def test_the_last_who_made_a_link_is_named(memory: Memory, bound: Record) -> None:
    renewed = Event(what="share_renewed", at=NOW, by="support", new="reason")
    assert share(memory, replace(bound, events=(*bound.events, renewed))).made_by == "support"


async def test_an_ended_or_revoked_link_is_not_shown(memory: Memory, bound: Record) -> None:
    memory.clock.advance(days=90)
    assert (share(memory, bound).state, share(memory, bound).url) == (ShareState.ENDED, "")
    revoked = share(memory, memory.put(bound, share_revoked_at=NOW))
    assert (revoked.state, revoked.url) == (ShareState.REVOKED, "")


async def test_whoever_revoked_an_earlier_link_did_not_revoke_this_one(memory: Memory, bound: Record) -> None:
    first = Event(what="share_revoked", at=NOW, actor=7)
    later = memory.clock()
    record = memory.put(replace(bound, events=(*bound.events, first)), share_revoked_at=later)
    assert share(memory, record).revoked_by == "paul@durand.example"
    memory.clock.advance(days=1)
    record = memory.put(record, share_revoked_at=memory.clock())
    assert share(memory, record).revoked_by == ""


async def test_the_confirmation_is_that_of_the_present_binding(memory: Memory, bound: Record) -> None:
    assert filled(memory, bound)["confirmation"] is None
    mails = {
        key: Mail(key=key, kind="associated", person=1, created_at=NOW, status=MailStatus.SENT)
        for key in ("associated-1", "associated-1-2")
    }
    told = filled(memory, replace(bound, outbox={**bound.outbox, **mails}))["confirmation"]
    assert told == mails["associated-1"]
