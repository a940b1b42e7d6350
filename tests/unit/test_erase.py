"""Erasing while something else happens, and whoever is found by an address (rule S11)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from association.erase import Erased, erase_person
from association.errors import StorageUnavailableError
from association.facts import Record
from association.invite import receive_order
from association.order import parse_order
from association.partition import MailStatus, Person
from association.purge import purge
from association.renew import renew_link
from association.session import is_live
from association.sign_out import sign_out
from association.support import Question, find
from tests.memory import DOMAIN, ORDER, Memory, expects, ordered, signed_in

ADDRESS = f"marie@{DOMAIN}"
UNICODE, ASCII = "marie@boulangerie-dupré.example", "marie@xn--boulangerie-dupr-qqb.example"


@pytest.fixture
def memory() -> Memory:
    return expects(Memory())


def id_of(record: Record) -> str:
    return record.facts.association_id


def hints_of(memory: Memory, address: str) -> list[str]:
    return memory.lookups.rows.get(("email", memory.ports.keys.address_hints(address)[0]), [])


def crowded(memory: Memory, record: Record, many: int) -> Record:
    """`record`, after that many accounts have signed in through its link."""
    first = record.next_person()
    more = {number: Person(number=number, username=f"{number}@x.example") for number in range(first, many)}
    return memory.put(replace(record, people={**record.people, **more}))


async def test_more_people_than_one_transaction_holds_are_erased(memory: Memory) -> None:
    record = crowded(memory, await ordered(memory), 150)
    memory.clock.at += timedelta(days=2000)
    await purge(memory.ports)
    after = memory.record(id_of(record))
    assert len(after.people) == len(range(1, 150))
    assert all(person == Person(number=number) for number, person in after.people.items())
    told = [event.old for event in after.events if event.what == "people_erased"]
    assert " ".join(told) == " ".join(map(str, after.people))
    assert memory.links.rows == {}


async def test_what_nobody_foresaw_of_one_link_stops_no_other(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await ordered(memory)
    second = await ordered(memory, order_number="CMD-2", customer_number="C-2")
    read = memory.associations.read

    async def failing(association_id: str) -> Record | None:
        if association_id == id_of(first):
            raise ValueError("unforeseen")
        return await read(association_id)

    memory.clock.at += timedelta(days=2000)
    monkeypatch.setattr(memory.associations, "read", failing)
    with pytest.raises(ValueError, match="unforeseen"):
        await purge(memory.ports)
    assert memory.record(id_of(second)).people[1] == Person(number=1)
    assert [link.association_id for link in memory.links.rows.values()] == [id_of(first)]


async def test_an_address_is_found_and_erased_in_whatever_script_it_is_written(memory: Memory) -> None:
    record = await ordered(memory, administrator_email=UNICODE)
    assert record.person(record.facts.administrator).email == ASCII
    for written in (UNICODE, f" {UNICODE.upper()} ", ASCII):
        assert await find(memory.ports, Question("email", written)) == (record,)
    erased = await erase_person(memory.ports, id_of(record), "reason", address=UNICODE)
    assert erased.people == (record.facts.administrator,)
    assert hints_of(memory, ASCII) == []


async def test_whoever_signed_in_is_found_by_the_name_they_signed_in_with(memory: Memory) -> None:
    record, _ = await signed_in(memory, await ordered(memory, administrator_email=f"direction@{DOMAIN}"))
    username = record.person(record.facts.account).username
    assert username != f"direction@{DOMAIN}"
    assert await find(memory.ports, Question("email", username)) == (record,)
    await erase_person(memory.ports, id_of(record), "reason", number=record.facts.account)
    assert hints_of(memory, username) == []


async def test_whoever_signs_in_while_they_are_erased_is_signed_out(memory: Memory) -> None:
    record, _ = await signed_in(memory, await ordered(memory))
    sessions = []

    async def signs_in_again() -> None:
        memory.clock.advance(seconds=1)
        sessions.append((await signed_in(memory, memory.record(id_of(record))))[1])
        memory.clock.advance(seconds=1)

    memory.associations.interference = signs_in_again
    await erase_person(memory.ports, id_of(record), "reason", number=record.facts.account)
    after = memory.record(id_of(record))
    assert after.person(after.facts.account) == Person(number=after.facts.account)
    assert not is_live(sessions[0], after.facts, memory.clock())


async def test_a_session_does_not_survive_what_ended_all_while_it_was_opened(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, add = await ordered(memory), memory.lookups.add

    async def signs_out_elsewhere(*arguments: Any) -> None:
        monkeypatch.setattr(memory.lookups, "add", add)
        memory.clock.advance(seconds=1)
        await sign_out(memory.ports, memory.record(id_of(record)))
        memory.clock.advance(seconds=1)
        await add(*arguments)

    monkeypatch.setattr(memory.lookups, "add", signs_out_elsewhere)
    _, session = await signed_in(memory, record)
    assert not is_live(session, memory.record(id_of(record)).facts, memory.clock())


async def test_where_the_purge_finds_the_link_renewed_everybody_is_still_found(memory: Memory) -> None:
    record = await ordered(memory)
    memory.clock.at += timedelta(days=2000)

    async def renewed() -> None:
        await renew_link(memory.ports, id_of(record), "reason")

    memory.associations.interference = renewed
    await purge(memory.ports)
    after = memory.record(id_of(record))
    assert after.people == record.people
    assert await find(memory.ports, Question("email", ADDRESS)) == (after,)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_order_that_comes_while_its_people_are_erased_leaves_no_hint_of_them(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    record, add = await ordered(memory), memory.lookups.add

    async def erased_meanwhile(*arguments: Any) -> None:
        monkeypatch.setattr(memory.lookups, "add", add)
        if when == "after":
            await add(*arguments)
        await erase_person(memory.ports, id_of(record), "reason", address=ADDRESS)
        if when == "before":
            await add(*arguments)

    monkeypatch.setattr(memory.lookups, "add", erased_meanwhile)
    await receive_order(memory.ports, parse_order(ORDER))
    assert memory.record(id_of(record)).facts.administrator == 0
    assert hints_of(memory, ADDRESS) == []


async def test_an_order_repeated_just_before_its_people_are_erased_leaves_no_hint_of_them(
    memory: Memory,
) -> None:
    record = await ordered(memory)

    async def repeated() -> None:
        await receive_order(memory.ports, parse_order(ORDER))

    memory.associations.interference = repeated
    await erase_person(memory.ports, id_of(record), "reason", address=ADDRESS)
    assert hints_of(memory, ADDRESS) == []


async def test_no_hint_stays_where_the_erasing_is_cut_off_after_its_write(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, remove, commits = await ordered(memory), memory.lookups.remove, memory.associations.commits

    async def cut_off(*arguments: Any) -> None:
        if memory.associations.commits > commits:
            raise StorageUnavailableError
        await remove(*arguments)

    monkeypatch.setattr(memory.lookups, "remove", cut_off)
    with pytest.raises(StorageUnavailableError):
        await erase_person(memory.ports, id_of(record), "reason", address=ADDRESS)
    assert hints_of(memory, ADDRESS) == []


async def test_who_is_called_otherwise_meanwhile_is_still_found(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, add = await ordered(memory), memory.lookups.add
    married = replace(record.people[1], name="Marie Martin", username=f"m.martin@{DOMAIN}")

    async def married_meanwhile(*arguments: Any) -> None:
        memory.put(replace(memory.record(id_of(record)), people={**record.people, 1: married}))
        await add(*arguments)

    monkeypatch.setattr(memory.lookups, "add", married_meanwhile)
    for address in (ADDRESS, married.username):
        await receive_order(memory.ports, parse_order(ORDER))
        found = await find(memory.ports, Question("email", address))
        assert [id_of(one) for one in found] == [id_of(record)]


async def test_of_two_who_erase_at_once_one_says_which_mails_stay(memory: Memory) -> None:
    record, first = await ordered(memory), []

    async def erased() -> None:
        first.append(await erase_person(memory.ports, id_of(record), "reason", address=ADDRESS))

    memory.associations.interference = erased
    second = await erase_person(memory.ports, id_of(record), "reason", address=ADDRESS)
    assert (first[0].mails, second.mails) == (("invitation-1",), ())


async def test_a_mail_that_left_while_its_reader_was_erased_is_not_said_to_stay(memory: Memory) -> None:
    record = await ordered(memory)

    async def sent() -> None:
        mail = replace(record.outbox["invitation-1"], status=MailStatus.SENT)
        memory.put(replace(memory.record(id_of(record)), outbox={mail.key: mail}, etag="another"))

    memory.associations.interference = sent
    erased = await erase_person(memory.ports, id_of(record), "reason", address=ADDRESS)
    assert erased == Erased(people=(record.facts.administrator,), mails=())
    assert memory.record(id_of(record)).outbox["invitation-1"].status is MailStatus.SENT


async def test_nobody_is_kept_from_signing_in_because_of_a_hint(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = await ordered(memory)

    async def unavailable(*arguments: Any) -> None:
        raise StorageUnavailableError

    monkeypatch.setattr(memory.lookups, "add", unavailable)
    after, session = await signed_in(memory, record)
    assert is_live(session, after.facts, memory.clock())
