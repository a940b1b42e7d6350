"""Erasing and hints where there are many people, many mails, or another order (rules S4, S11)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from association.erase import erase_person
from association.errors import SessionMissingError
from association.facts import Record
from association.invite import receive_order
from association.order import parse_order
from association.outbox import deliver
from association.partition import Mail, MailStatus, Person
from association.purge import purge
from association.rows import Task, TaskKind
from association.sign_out import sign_out
from association.support import Question, find
from tests.memory import DOMAIN, ORDER, OTHER_TENANT, Memory, expects, now_of, ordered, signed_in

ADDRESS = f"marie@{DOMAIN}"
KEPT = timedelta(days=30 + 1095 + 1)


@pytest.fixture
def memory() -> Memory:
    return expects(Memory())


def counted(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the look-ups from now on."""
    asked: list[str] = []
    for name in ("add", "remove"):
        call = getattr(memory.lookups, name)

        async def count(*arguments: Any, name: str = name, call: Any = call) -> None:
            asked.append(name)
            await call(*arguments)

        monkeypatch.setattr(memory.lookups, name, count)
    return asked


def crowded(memory: Memory, record: Record, many: int) -> Record:
    first = record.next_person()
    more = {number: Person(number=number, username=f"{number}@x.example") for number in range(first, many)}
    return memory.put(replace(record, people={**record.people, **more}))


async def test_who_signs_in_writes_their_own_hint_however_many_came_before(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = crowded(memory, await ordered(memory), 90)
    asked = counted(memory, monkeypatch)
    await signed_in(memory, record)
    assert asked == ["add"]


async def test_an_order_writes_the_hints_of_whom_orders_name(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowded(memory, await ordered(memory), 90)
    asked = counted(memory, monkeypatch)
    await receive_order(memory.ports, parse_order(ORDER))
    assert asked == ["add", "add"]


async def test_a_purge_removes_each_hint_and_writes_none(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = crowded(memory, await ordered(memory), 90)
    memory.clock.at += KEPT
    asked = counted(memory, monkeypatch)
    await purge(memory.ports)
    hints = len({text for person in record.people.values() for text in person.addresses})
    assert asked.count("add") == 0
    assert asked.count("remove") <= 2 * hints * len(memory.ports.keys.address_hints("a"))


async def test_a_purge_that_was_cut_off_at_the_end_does_not_begin_anew(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ordered(memory)
    memory.clock.at += KEPT
    links = dict(memory.links.rows)
    await purge(memory.ports)
    memory.links.rows.update(links)
    reads, read = [], memory.associations.read

    async def counting(association_id: str) -> Record | None:
        reads.append(association_id)
        return await read(association_id)

    monkeypatch.setattr(memory.associations, "read", counting)
    commits, asked = memory.associations.commits, counted(memory, monkeypatch)
    await purge(memory.ports)
    assert (memory.links.rows, memory.associations.commits, asked) == ({}, commits, [])
    assert len(reads) == 1


async def test_people_of_a_later_order_are_kept_as_long_as_it(memory: Memory) -> None:
    record = await ordered(memory)
    memory.clock.at += KEPT - timedelta(days=2)
    partner = {**ORDER["partner"], "email": "neu@partner.example"}
    await ordered(memory, order_number="CMD-2", mpn_id="", partner=partner)
    memory.clock.at += timedelta(days=3)
    await purge(memory.ports)
    assert await find(memory.ports, Question("email", "neu@partner.example"))
    assert memory.links.rows
    memory.clock.at += KEPT
    await purge(memory.ports)
    assert all(person == Person(number=number) for number, person in now_of(memory, record).people.items())
    assert memory.links.rows == {}


async def test_more_mails_than_one_transaction_holds_keep_nobody_from_being_erased(memory: Memory) -> None:
    record = await ordered(memory)
    number = record.facts.partner_contact
    mails = {
        f"order_incomplete-{each}": Mail(
            key=f"order_incomplete-{each}",
            kind="order_incomplete",
            person=number,
            created_at=memory.clock(),
            about=str(each),
        )
        for each in range(120)
    }
    memory.put(replace(record, outbox=mails))
    erased = await erase_person(memory.ports, record.facts.association_id, "reason", number=number)
    assert len(erased.mails) == 120
    for mail in now_of(memory, record).outbox.values():
        key = mail.key
        await deliver(
            memory.ports, Task(kind=TaskKind.MAIL, association_id=record.facts.association_id, key=key)
        )
    outbox = now_of(memory, record).outbox.values()
    assert {(mail.status, mail.reason) for mail in outbox} == {(MailStatus.FAILED, "address_erased")}
    assert memory.post.sent == []


async def test_somebody_new_under_an_erased_address_is_found(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, remove, commits = await ordered(memory), memory.lookups.remove, memory.associations.commits

    async def ordered_meanwhile(*arguments: Any) -> None:
        if memory.associations.commits > commits:
            monkeypatch.setattr(memory.lookups, "remove", remove)
            await receive_order(memory.ports, parse_order({**ORDER, "order_number": "CMD-2"}))
        await remove(*arguments)

    monkeypatch.setattr(memory.lookups, "remove", ordered_meanwhile)
    partner = record.person(record.facts.partner_contact).email
    await erase_person(memory.ports, record.facts.association_id, "reason", address=partner)
    found = await find(memory.ports, Question("email", partner))
    assert [one.facts.association_id for one in found] == [record.facts.association_id]


async def test_a_partner_whose_contact_was_erased_is_told_through_the_next_one(memory: Memory) -> None:
    record = await ordered(memory)
    number = record.facts.partner_contact
    await signed_in(memory, record, tenant_id=OTHER_TENANT, username="paul@other.example")
    await erase_person(memory.ports, record.facts.association_id, "reason", number=number)
    assert now_of(memory, record).facts.partner_contact == 0
    partner = {**ORDER["partner"], "email": "neu@partner.example"}
    await ordered(memory, order_number="CMD-2", partner=partner)
    memory.clock.advance(hours=1)
    after, _ = await signed_in(
        memory, now_of(memory, record), tenant_id=OTHER_TENANT, username="paul@other.example"
    )
    words = {mail.key: mail for mail in after.outbox.values() if mail.kind == "unexpected"}
    (first, again) = words
    assert (words[first].reason, again) == ("address_erased", f"{first}~again-1")
    assert after.person(words[again].person).email == "neu@partner.example"


async def test_no_code_is_sent_for_a_session_that_ended_while_it_was_opened(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, add = await ordered(memory), memory.lookups.add

    async def signs_out_elsewhere(*arguments: Any) -> None:
        memory.clock.advance(seconds=1)
        await sign_out(memory.ports, now_of(memory, record))
        memory.clock.advance(seconds=1)
        await add(*arguments)

    monkeypatch.setattr(memory.lookups, "add", signs_out_elsewhere)
    with pytest.raises(SessionMissingError):
        await signed_in(memory, record, tenant_id=OTHER_TENANT, username="paul@other.example")
    assert not any(mail.kind == "code" for mail in now_of(memory, record).outbox.values())
