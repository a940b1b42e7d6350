"""Leases of mails on Azurite: each mail is sent by one worker at a time."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.storage.associations import Associations
from adapters.storage.tables import Tables
from association.facts import Change, Record
from association.partition import Event, Mail, MailStatus
from tests.storage_values import NOW, facts

pytest_plugins = ["tests.azurite"]

LATER = NOW + timedelta(minutes=5)


@pytest.fixture
async def associations(tables: Tables) -> Associations:
    return Associations(tables)


def mail(key: str) -> Mail:
    return Mail(key=key, kind="invitation", person=1, created_at=NOW)


async def created(associations: Associations, unique: str) -> Record:
    mails = (mail("invitation-1"), mail("reminder/2"))
    event = Event(what="created", at=NOW)
    return await associations.commit(None, Change(facts=facts(unique), event=event, mails=mails))


async def test_a_due_mail_is_leased(associations: Associations, unique: str) -> None:
    await created(associations, unique)
    leased = await associations.lease_mail(unique, "reminder/2", now=NOW, until=LATER)
    assert leased == replace(mail("reminder/2"), status=MailStatus.SENDING, attempts=1, leased_until=LATER)
    record = await associations.read(unique)
    assert record and record.outbox["reminder/2"] == leased


async def test_a_leased_mail_is_free_again_when_its_lease_ends(
    associations: Associations, unique: str
) -> None:
    await created(associations, unique)
    key = "invitation-1"
    assert await associations.lease_mail(unique, key, now=NOW, until=LATER)
    just_before = LATER - timedelta(microseconds=1)
    assert await associations.lease_mail(unique, key, now=just_before, until=LATER) is None
    again = await associations.lease_mail(unique, key, now=LATER, until=LATER + timedelta(minutes=5))
    assert again and again.attempts == 2


@pytest.mark.parametrize("status", [MailStatus.SENT, MailStatus.FAILED])
async def test_a_finished_mail_is_not_leased(
    associations: Associations, unique: str, status: MailStatus
) -> None:
    record = await created(associations, unique)
    finished = replace(mail("invitation-1"), status=status, leased_until=NOW)
    await associations.commit(
        record, Change(facts=record.facts, event=Event(what="changed", at=NOW), updated_mails=(finished,))
    )
    assert await associations.lease_mail(unique, "invitation-1", now=LATER, until=LATER) is None


async def test_an_absent_mail_is_not_leased(associations: Associations, unique: str) -> None:
    await created(associations, unique)
    assert await associations.lease_mail(unique, "absent", now=NOW, until=LATER) is None


async def test_of_many_workers_one_leases_a_mail(associations: Associations, unique: str) -> None:
    await created(associations, unique)
    leases = await asyncio.gather(
        *(associations.lease_mail(unique, "invitation-1", now=NOW, until=LATER) for _ in range(20))
    )
    assert len([lease for lease in leases if lease]) == 1


async def test_a_lease_does_not_disturb_a_change_of_the_facts(
    associations: Associations, unique: str
) -> None:
    record = await created(associations, unique)
    await associations.lease_mail(unique, "invitation-1", now=NOW, until=LATER)
    await associations.commit(record, Change(facts=record.facts, event=Event(what="changed", at=NOW)))
    read = await associations.read(unique)
    assert read and read.outbox["invitation-1"].status is MailStatus.SENDING
