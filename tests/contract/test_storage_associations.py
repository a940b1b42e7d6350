"""Associations on Azurite: atomic changes, races, leases, and how many calls each takes."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import requests

from adapters.storage.associations import Associations
from adapters.storage.entities import Row
from adapters.storage.tables import Tables
from association.errors import ConcurrentChangeError
from association.facts import Change, Facts, Record
from association.partition import (
    Binding,
    Check,
    Event,
    Grant,
    Mail,
    MailStatus,
    Order,
    Person,
    Prerequisite,
    Result,
)
from tests.storage_values import NOW, facts

pytest_plugins = ["tests.azurite"]

LATER = NOW + timedelta(minutes=5)


class CountingSession(requests.Session):
    """Counts what goes over the wire."""

    count = 0

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        self.count += 1
        return super().send(*args, **kwargs)


@pytest.fixture
async def associations(tables: Tables) -> Associations:
    return Associations(tables)


@pytest.fixture
async def session() -> AsyncIterator[CountingSession]:
    with CountingSession() as opened:
        yield opened


@pytest.fixture
async def counted(storage_connection_string: str, session: CountingSession) -> AsyncIterator[Associations]:
    tables = Tables(storage_connection_string, timeout=10, session=session)
    yield Associations(tables)
    await tables.close()


def mail(key: str = "invitation-1", **changes: Any) -> Mail:
    return Mail(**{"key": key, "kind": "invitation", "person": 1, "created_at": NOW, **changes})


def order(order_number: str) -> Order:
    return Order(
        order_number=order_number,
        received_at=NOW,
        model="m",
        subscription="s",
        company_name="Boulangerie Dupont",
        partner_number="P-1",
        partner_name="Partenaire",
        language="fr",
    )


def event(what: str = "changed") -> Event:
    return Event(what=what, at=NOW)


def full(of: Facts) -> Change:
    """A change with rows of every kind."""
    return Change(
        facts=of,
        event=event("created"),
        people=(Person(number=1, name="Zoé", email="zoe@example.org"), Person(number=2)),
        orders=(order("SO/1 %é"),),
        checks=(
            Check(
                key=Prerequisite.PREMIUM,
                result=Result.OK,
                cause="",
                evidence="P2",
                at=NOW,
                tenant_id="t",
                object_id="o",
            ),
        ),
        bindings=(Binding(generation=1, tenant_id="t", object_id="o", person=1, at=NOW),),
        mails=(mail(), mail("reminder/2")),
    )


async def created(associations: Associations, unique: str) -> Record:
    return await associations.commit(None, full(facts(unique)))


async def test_an_unknown_association_is_none(associations: Associations, unique: str) -> None:
    assert await associations.read(unique) is None


async def test_a_commit_returns_what_the_next_read_finds(associations: Associations, unique: str) -> None:
    record = await created(associations, unique)
    assert await associations.read(unique) == record
    change = Change(
        facts=replace(record.facts, language="en"),
        event=event(),
        people=(Person(number=2, name="Ann"), Person(number=3)),
        mails=(mail("new"),),
        updated_mails=(mail(status=MailStatus.SENT, sent_at=NOW),),
    )
    record = await associations.commit(record, change)
    assert await associations.read(unique) == record
    assert record.people[2].name == "Ann"
    assert record.people[1].name == "Zoé"
    assert record.outbox["invitation-1"].status is MailStatus.SENT
    assert record.outbox.keys() == {"invitation-1", "reminder/2", "new"}


async def test_what_two_tenants_granted_to_one_application_stands_side_by_side(
    associations: Associations, unique: str
) -> None:
    record = await created(associations, unique)
    for tenant_id in ("t1", "t2"):
        grant = Grant(
            key="contact", tenant_id=tenant_id, at=NOW, waived_at=NOW if tenant_id == "t1" else None
        )
        change = Change(facts=record.facts, event=event(), grants=(grant,))
        record = await associations.commit(record, change)
    assert await associations.read(unique) == record
    assert [record.grants["contact", each].waived_at for each in ("t1", "t2")] == [NOW, None]


async def test_each_commit_raises_the_version_and_adds_one_event(
    associations: Associations, unique: str
) -> None:
    record = await created(associations, unique)
    for number in range(2, 13):
        change = Change(facts=replace(record.facts, version=99), event=event(str(number)))
        record = await associations.commit(record, change)
        assert record.facts.version == number
    read = await associations.read(unique)
    assert read and [item.version for item in read.events] == list(range(1, 13))
    assert [item.what for item in read.events][1:] == [str(number) for number in range(2, 13)]


async def test_an_association_is_created_once(associations: Associations, unique: str) -> None:
    record = await created(associations, unique)
    with pytest.raises(ConcurrentChangeError):
        await associations.commit(None, Change(facts=facts(unique), event=event(), mails=(mail("second"),)))
    assert await associations.read(unique) == record


async def test_a_change_of_what_was_read_too_early_writes_nothing(
    associations: Associations, unique: str
) -> None:
    early = await created(associations, unique)
    record = await associations.commit(early, Change(facts=early.facts, event=event()))
    with pytest.raises(ConcurrentChangeError):
        await associations.commit(early, Change(facts=early.facts, event=event(), people=(Person(number=9),)))
    assert await associations.read(unique) == record


async def test_facts_that_were_changed_without_an_event_are_not_overwritten(
    associations: Associations, tables: Tables, unique: str
) -> None:
    record = await created(associations, unique)
    row = await tables.get("associations", unique, "facts")
    assert row
    await tables.replace("associations", row)
    with pytest.raises(ConcurrentChangeError):
        await associations.commit(record, Change(facts=record.facts, event=event()))


async def test_facts_without_a_history_are_not_created_again(
    associations: Associations, tables: Tables, unique: str
) -> None:
    await tables.insert("associations", Row(partition_key=unique, row_key="facts"))
    with pytest.raises(ConcurrentChangeError):
        await associations.commit(None, Change(facts=facts(unique), event=event()))


async def test_of_many_changes_at_once_one_is_written(associations: Associations, unique: str) -> None:
    record = await created(associations, unique)
    changes = [
        Change(facts=record.facts, event=event(str(number)), mails=(mail(f"racing-{number}"),))
        for number in range(10)
    ]
    results = await asyncio.gather(
        *(associations.commit(record, change) for change in changes), return_exceptions=True
    )
    written = [result for result in results if isinstance(result, Record)]
    assert [type(result) for result in results].count(ConcurrentChangeError) == 9
    assert [await associations.read(unique)] == written


async def test_a_mail_that_exists_is_not_inserted_again(associations: Associations, unique: str) -> None:
    record = await created(associations, unique)
    with pytest.raises(ConcurrentChangeError):
        await associations.commit(record, Change(facts=record.facts, event=event(), mails=(mail(),)))
    assert await associations.read(unique) == record


async def test_an_updated_mail_must_exist(associations: Associations, unique: str) -> None:
    record = await created(associations, unique)
    change = Change(facts=record.facts, event=event(), updated_mails=(mail("absent"),))
    with pytest.raises(ConcurrentChangeError):
        await associations.commit(record, change)
    assert await associations.read(unique) == record


async def test_a_record_cannot_be_changed_into_another_association(
    associations: Associations, unique: str
) -> None:
    record = await created(associations, unique)
    with pytest.raises(ValueError, match="another"):
        await associations.commit(record, Change(facts=facts(f"{unique}0"), event=event()))


async def test_a_history_of_more_than_a_page_is_read_in_order(
    associations: Associations, tables: Tables, unique: str
) -> None:
    record = await created(associations, unique)
    people = [Person(number=number) for number in range(10, 1060)]
    for start in range(0, len(people), 90):
        batch = tuple(people[start : start + 90])
        record = await associations.commit(record, Change(facts=record.facts, event=event(), people=batch))
    read = await associations.read(unique)
    assert read == record
    assert len(record.people) == 1052


async def test_a_change_of_too_many_rows_is_refused_before_the_call(
    associations: Associations, unique: str
) -> None:
    record = await created(associations, unique)
    people = tuple(Person(number=number) for number in range(99))
    with pytest.raises(ValueError, match="1 to 100"):
        await associations.commit(record, Change(facts=record.facts, event=event(), people=people))
    assert await associations.read(unique) == record


async def test_each_call_costs_one_request_among_1000_other_associations(
    counted: Associations, associations: Associations, session: CountingSession, unique: str
) -> None:
    others = (Change(facts=facts(uuid.uuid4().hex), event=event("created")) for _ in range(1000))
    for _ in range(20):
        await asyncio.gather(*(associations.commit(None, next(others)) for _ in range(50)))
    record = await created(counted, unique)
    steps = [session.count]
    await counted.read(unique)
    steps.append(session.count)
    await counted.commit(record, Change(facts=record.facts, event=event()))
    steps.append(session.count)
    await counted.lease_mail(unique, "invitation-1", now=NOW, until=LATER)
    steps.append(session.count)
    assert steps == [1, 2, 3, 5]
