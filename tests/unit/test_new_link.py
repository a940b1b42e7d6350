"""A new link by mail: to the recorded address only, no more often than it helps, nothing learnt from it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import azure.functions as func
import pytest

from association import limits, new_link
from association.erase import erase_person
from association.errors import LimitReachedError, LinkExpiredError, OrderClosedError, RequestInvalidError
from association.facts import Record
from association.keys import Keys
from association.limits import MOST_NEW_LINKS_ASKED, MOST_NEW_LINKS_PER_CALLER
from association.links import find_link, mailed_token
from association.new_link import MOST_MAILS, ask_new_link, read_asked, send_new_link
from association.outbox import deliver
from association.resend import PAUSE
from association.rows import Purpose, Task, TaskKind
from association.settings import SigningKey
from functions import links
from tests.memory import DOMAIN, ORDER, Memory, ordered

ADMINISTRATOR = f"marie@{DOMAIN}"
CALLER = "198.51.100.7"
FRONT_DOOR = "4b0d3a0e-0a44-4f4e-8f0b-1f3f2a7f7c11"


@pytest.fixture
def memory() -> Memory:
    return Memory()


async def asked(memory: Memory, typed: str, caller: str = "") -> None:
    """Ask, and do what the queue was given, and what that gives it."""
    await ask_new_link(memory.ports, read_asked(memory.ports.keys, typed), caller)
    await worked(memory, memory.tasks.sent[-1][0])


async def worked(memory: Memory, task: Task) -> None:
    """One task, and the tasks that it sends in its turn."""
    before = len(memory.tasks.sent)
    await send_new_link(memory.ports, task)
    for sent, _ in memory.tasks.sent[before:]:
        if sent.kind is TaskKind.NEW_LINK:
            await send_new_link(memory.ports, sent)


async def invited(memory: Memory, **order: Any) -> Record:
    """An association whose invitation was mailed, longer ago than the pause between two mails."""
    record = await ordered(memory, **order)
    identifier = record.facts.association_id
    key = f"invitation-{record.facts.link_number}"
    await deliver(memory.ports, Task(kind=TaskKind.MAIL, association_id=identifier, key=key))
    memory.clock.at += PAUSE
    return memory.record(identifier)


def mails(memory: Memory, record: Record) -> list[str]:
    """The keys of the association's mails of links."""
    outbox = memory.record(record.facts.association_id).outbox
    return sorted(key for key in outbox if key.startswith("invitation"))


@pytest.mark.parametrize(
    "typed", ["reference", "in lower case", "order number", "address", "address in capitals"]
)
async def test_the_live_link_is_mailed_again_to_the_recorded_address(memory: Memory, typed: str) -> None:
    record = await invited(memory)
    texts = {
        "reference": record.facts.reference,
        "in lower case": record.facts.reference.lower().replace("-", " "),
        "order number": ORDER["order_number"],
        "address": ADMINISTRATOR,
        "address in capitals": f" {ADMINISTRATOR.upper()} ",
    }
    await asked(memory, texts[typed])
    assert mails(memory, record) == ["invitation-1", "invitation-1~again-1"]
    await deliver(memory.ports, memory.tasks.sent[-1][0])
    first, again = memory.post.sent
    assert again.to == first.to == ADMINISTRATOR
    assert again.values["link"] == first.values["link"]
    assert again.message_id != first.message_id


async def test_an_expired_link_is_followed_by_the_next(memory: Memory) -> None:
    record = await invited(memory)
    old = mailed_token(memory.ports.keys, record.facts)
    memory.clock.advance(days=31)
    await asked(memory, record.facts.reference)
    renewed = memory.record(record.facts.association_id)
    assert mails(memory, record) == ["invitation-1", "invitation-2"]
    assert (renewed.events[-1].what, renewed.events[-1].by) == ("link_renewed", "request")
    await find_link(memory.ports, mailed_token(memory.ports.keys, renewed.facts), Purpose.ASSOCIATION)
    with pytest.raises(LinkExpiredError):
        await find_link(memory.ports, old, Purpose.ASSOCIATION)


async def test_a_link_whose_signing_key_is_gone_is_followed_by_the_next(memory: Memory) -> None:
    record = await invited(memory)
    memory.ports = replace(memory.ports, keys=Keys((SigningKey("k2", b"C" * 32),)))
    await asked(memory, record.facts.reference)
    assert memory.record(record.facts.association_id).facts.link_kid == "k2"


@pytest.mark.parametrize(
    "facts",
    [
        {"closed_at": True},
        {"link_revoked_at": True},
        {"generation": 1},
        {"link_number": 0, "link_expires_at": None},
        {"administrator": 0},
    ],
    ids=["closed", "revoked", "bound", "incomplete", "erased"],
)
@pytest.mark.parametrize("days", [0, 31], ids=["live", "expired"])
async def test_nothing_is_mailed_where_a_link_is_not_theirs_to_ask(
    memory: Memory, facts: dict[str, Any], days: int
) -> None:
    record = await invited(memory)
    set_to = {name: memory.clock() if value is True else value for name, value in facts.items()}
    memory.put(memory.record(record.facts.association_id), **set_to)
    memory.clock.advance(days=days)
    before = memory.record(record.facts.association_id)
    await asked(memory, record.facts.reference)
    assert memory.record(record.facts.association_id) == before


async def test_the_partner_and_strangers_get_nothing(memory: Memory) -> None:
    record = await invited(memory)
    for typed in (ORDER["partner"]["email"], f"paul@{DOMAIN}", "CMD-2", "0000-0000"):
        await asked(memory, typed)
    assert mails(memory, record) == ["invitation-1"]


async def test_an_address_of_several_associations_gets_each_of_their_links(memory: Memory) -> None:
    both = [
        await invited(memory, order_number=f"CMD-{number}", customer_number=f"C-{number}") for number in "12"
    ]
    await asked(memory, ADMINISTRATOR)
    assert [mails(memory, record)[-1] for record in both] == ["invitation-1~again-1"] * 2


async def test_a_repeated_task_mails_nothing_more(memory: Memory) -> None:
    record = await invited(memory)
    await asked(memory, record.facts.reference)
    await worked(memory, next(task for task, _ in memory.tasks.sent if task.kind is TaskKind.NEW_LINK))
    assert mails(memory, record) == ["invitation-1", "invitation-1~again-1"]
    memory.clock.advance(days=31)
    await asked(memory, record.facts.reference)
    await worked(memory, next(task for task, _ in memory.tasks.sent if task.kind is TaskKind.NEW_LINK))
    assert mails(memory, record)[-1] == "invitation-2"


async def test_the_same_link_leaves_a_few_times_a_day(memory: Memory) -> None:
    record = await invited(memory)
    for _ in range(MOST_MAILS + 3):
        await asked(memory, record.facts.reference)
        for task, _ in list(memory.tasks.sent):
            if task.kind is TaskKind.MAIL:
                await deliver(memory.ports, task)
        memory.clock.advance(hours=1)
    assert len(mails(memory, record)) == MOST_MAILS
    memory.clock.advance(days=1)
    await asked(memory, record.facts.reference)
    assert len(mails(memory, record)) == MOST_MAILS + 1


async def test_what_is_not_mailed_is_not_counted(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_NEW_LINKS_PER_ADDRESS", 2)
    record = await invited(memory)
    for typed in (record.facts.reference, ORDER["order_number"]):
        await asked(memory, typed)
    for task, _ in list(memory.tasks.sent):
        if task.kind is TaskKind.MAIL:
            await deliver(memory.ports, task)
    memory.clock.at += PAUSE
    await asked(memory, ADMINISTRATOR)
    assert mails(memory, record)[-1] == "invitation-1~again-2"


@pytest.mark.parametrize(("number", "public"), [(0, False), (1, False), (1, True)])
async def test_one_address_and_one_company_get_so_many_a_day(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, number: int, public: bool
) -> None:
    limit = "MOST_NEW_LINKS_PER_DOMAIN" if number else "MOST_NEW_LINKS_PER_ADDRESS"
    monkeypatch.setattr(limits, limit, 1)
    domain = "orange.fr" if public else DOMAIN
    addresses = [f"marie@{domain}", f"paul@{domain}" if number else f"marie@{domain}"]
    both = [
        await invited(
            memory, order_number=f"CMD-{at}", customer_number=f"C-{at}", administrator_email=address
        )
        for at, address in enumerate(addresses)
    ]
    for record in both:
        await asked(memory, record.facts.reference)
    assert [len(mails(memory, record)) for record in both] == [2, 2 if public else 1]


async def test_a_question_is_asked_a_few_times_an_hour_however_it_is_written(memory: Memory) -> None:
    for typed in ["K7QF-2MPD", "k7qf2mpd", " K7QF 2MPD "][:MOST_NEW_LINKS_ASKED]:
        await asked(memory, typed)
    with pytest.raises(LimitReachedError):
        await asked(memory, "K7QF-2MPD")
    await asked(memory, "K7QF-2MPE")
    memory.clock.advance(hours=1)
    await asked(memory, "K7QF-2MPD")


async def test_a_caller_asks_so_often_in_an_hour_whatever_they_type(memory: Memory) -> None:
    for number in range(MOST_NEW_LINKS_PER_CALLER):
        await asked(memory, f"CMD-{number}", CALLER)
    with pytest.raises(LimitReachedError):
        await asked(memory, "CMD-99", CALLER)
    await asked(memory, "CMD-99", "198.51.100.8")
    await asked(memory, "CMD-99")


async def test_neither_address_nor_caller_reaches_queue_or_counters(memory: Memory) -> None:
    await asked(memory, ADMINISTRATOR, CALLER)
    kept = repr((memory.tasks.sent, memory.limits.rows))
    for secret in (ADMINISTRATOR, DOMAIN, CALLER):
        assert secret not in kept


async def test_what_the_request_does_is_the_same_whatever_exists(memory: Memory) -> None:
    record = await invited(memory)
    done = []
    for typed in (record.facts.reference, "0000-0000", ADMINISTRATOR, "nobody@nowhere.example"):
        counted, sent = len(memory.limits.rows), len(memory.tasks.sent)
        await ask_new_link(memory.ports, read_asked(memory.ports.keys, typed), CALLER)
        task, delay = memory.tasks.sent[-1]
        done.append((len(memory.limits.rows) - counted, len(memory.tasks.sent) - sent, task.kind, delay))
        memory.clock.advance(hours=1)
    assert set(done) == {(2, 1, TaskKind.NEW_LINK, timedelta(0))}


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("", "missing"),
        (" \u00a0 ", "missing"),
        ("x" * 255, "too_long"),
        ("marie@", "not_understood"),
        ("@client.example", "not_understood"),
        ("marie@client", "not_understood"),
        ("<script>", "not_understood"),
        ("CMD-1\x00", "not_understood"),
        ("CMD-é", "not_understood"),
        ("x" * 41, "not_understood"),
    ],
)
def test_what_can_be_none_of_the_three_is_told(memory: Memory, typed: str, problem: str) -> None:
    with pytest.raises(RequestInvalidError) as raised:
        read_asked(memory.ports.keys, typed)
    assert raised.value.problems == {"asked": problem}
    assert typed.strip() == "" or typed not in str(raised.value)


async def test_the_link_of_a_closed_order_says_so(memory: Memory) -> None:
    record = await ordered(memory)
    token = mailed_token(memory.ports.keys, record.facts)
    memory.put(record, closed_at=memory.clock(), link_revoked_at=memory.clock())
    memory.clock.advance(days=31)
    with pytest.raises(OrderClosedError):
        await find_link(memory.ports, token, Purpose.ASSOCIATION)


async def test_an_ended_link_names_its_association_to_its_holder(memory: Memory) -> None:
    record = await ordered(memory)
    memory.clock.advance(days=31)
    with pytest.raises(LinkExpiredError) as raised:
        await find_link(memory.ports, mailed_token(memory.ports.keys, record.facts), Purpose.ASSOCIATION)
    assert raised.value.values == {"reference": record.facts.reference}


@pytest.mark.parametrize("typed", ["Jean Dupont", "DURAND SARL", "CMD"])
def test_a_name_is_no_number_and_goes_to_no_queue(memory: Memory, typed: str) -> None:
    with pytest.raises(RequestInvalidError):
        read_asked(memory.ports.keys, typed)


@pytest.mark.parametrize(
    ("front_door_id", "sent", "caller"),
    [
        ("", {"x-azure-clientip": "203.0.113.9", "x-forwarded-for": "198.51.100.9:4711"}, "198.51.100.9"),
        (FRONT_DOOR, {"x-azure-clientip": "203.0.113.9", "x-azure-fdid": FRONT_DOOR}, "203.0.113.9"),
        (FRONT_DOOR, {"x-azure-clientip": "203.0.113.9", "x-azure-fdid": "another"}, ""),
        (FRONT_DOOR, {"x-azure-clientip": "203.0.113.9"}, ""),
        ("", {"x-azure-clientip": "203.0.113.9", "x-azure-fdid": ""}, ""),
    ],
)
def test_only_our_own_front_door_is_believed(front_door_id: str, sent: dict[str, str], caller: str) -> None:
    req = func.HttpRequest(method="POST", url="http://localhost:7071/new-link", headers=sent, body=b"")
    assert links._caller(req, front_door_id) == caller


async def test_no_link_is_made_for_whoever_is_erased_meanwhile(memory: Memory) -> None:
    record = await invited(memory)
    identifier, number = record.facts.association_id, record.facts.administrator
    memory.clock.advance(days=31)

    async def erased() -> None:
        await erase_person(memory.ports, identifier, "asked", number=number)

    memory.associations.interference = erased
    await asked(memory, record.facts.reference)
    await worked(memory, next(task for task, _ in memory.tasks.sent if task.kind is TaskKind.NEW_LINK))
    after = memory.record(identifier).facts
    assert (after.administrator, after.link_number) == (0, 1)


async def test_who_is_the_contact_of_hundreds_of_orders_has_the_own_link(memory: Memory) -> None:
    contact = ORDER["partner"]["email"]
    for number in range(120):
        await ordered(memory, order_number=f"CMD-{number}", customer_number=f"C-{number}")
    memory.ports = replace(memory.ports, new_id=lambda: "f" * 32)  # the last of all hints
    own = await invited(memory, order_number="OWN-1", customer_number="OWN", administrator_email=contact)
    memory.tasks.sent.clear()
    await asked(memory, contact)
    assert own.facts.association_id in {
        task.association_id for task, _ in memory.tasks.sent if task.kind is TaskKind.NEW_LINK
    }


async def test_no_more_associations_than_a_bound_are_looked_at_for_an_address(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[str] = []
    find = memory.lookups.find

    async def counted(kind: str, key: str, limit: int = 50, after: str = "") -> tuple[str, ...]:
        pages.append(after)
        return await find(kind, key, limit, after)

    monkeypatch.setattr(new_link, "MOST_LOOKED_AT", 100)
    monkeypatch.setattr(memory.lookups, "find", counted)
    for number in range(120):
        await ordered(memory, order_number=f"CMD-{number}", customer_number=f"C-{number}")
    await asked(memory, ORDER["partner"]["email"])
    assert len(pages) == 2
