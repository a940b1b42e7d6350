"""Nobody who has to act is left without word because somebody was erased or the association was closed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from association.close import close
from association.erase import MOST_QUESTIONS, erase_person
from association.errors import MailRefusedError, RequestInvalidError
from association.facts import Record
from association.order import NUMBER
from association.outbox import BACK_OFF, deliver
from association.partition import MailStatus, Person
from association.purge import purge
from association.renew import renew_link
from association.resend import resend_mail
from association.rows import Task, TaskKind
from tests.memory import ORDER, OTHER_TENANT, Memory, expects, now_of, ordered, signed_in

NEW = {**ORDER["partner"], "email": "neu@partner.example"}
OTHER = {"number": "P-2", "name": "Concurrent", "email": "a@concurrent.example"}
ASKED = "order_incomplete-CMD-1"
WORD = f"unexpected-{OTHER_TENANT}"


@pytest.fixture
def memory() -> Memory:
    return expects(Memory())


async def erased(memory: Memory, record: Record, number: int) -> Record:
    await erase_person(memory.ports, record.facts.association_id, "asked for", number=number)
    return now_of(memory, record)


async def turn(memory: Memory, record: Record, key: str) -> None:
    memory.clock.advance(seconds=BACK_OFF[-1])
    await deliver(memory.ports, Task(kind=TaskKind.MAIL, association_id=record.facts.association_id, key=key))


async def refused(memory: Memory, record: Record, key: str) -> None:
    memory.post.failures = [MailRefusedError("refused code=451")]
    await turn(memory, record, key)


async def stranger(memory: Memory, record: Record) -> Record:
    memory.clock.advance(hours=1)
    account = {"tenant_id": OTHER_TENANT, "username": "paul@other.example"}
    return (await signed_in(memory, now_of(memory, record), **account))[0]


async def test_another_partners_order_makes_nobody_the_contact(memory: Memory) -> None:
    record = await ordered(memory)
    await erased(memory, record, record.facts.partner_contact)
    after = await ordered(memory, order_number="CMD-2", partner=OTHER)
    assert after.facts.partner_contact == 0
    after = await ordered(memory, order_number="CMD-3", partner=NEW)
    assert after.person(after.facts.partner_contact).email == NEW["email"]


async def test_the_partner_is_told_through_a_contact_that_another_order_names(memory: Memory) -> None:
    record = await ordered(memory)
    await ordered(memory, order_number="CMD-2", partner=OTHER)
    await ordered(memory, order_number="CMD-3", partner=NEW)
    after = await erased(memory, record, record.facts.partner_contact)
    assert after.person(after.facts.partner_contact).email == NEW["email"]
    after = await erased(memory, after, after.facts.partner_contact)
    assert after.facts.partner_contact == 0


async def test_what_is_missing_is_asked_of_the_next_contact(memory: Memory) -> None:
    missing = {"mpn_id": "", "administrator_email": ""}
    record = await ordered(memory, **missing)
    await refused(memory, record, ASKED)
    await erased(memory, record, record.facts.partner_contact)
    after = await ordered(memory, mpn_id="", partner=NEW)
    assert after.person(after.outbox[f"{ASKED}~again-1"].person).email == NEW["email"]


async def test_what_is_missing_since_an_erasing_is_asked_for(memory: Memory) -> None:
    record = await ordered(memory, mpn_id="")
    await turn(memory, record, ASKED)
    await erased(memory, record, record.facts.administrator)
    after = await ordered(memory, administrator_email="")
    assert after.orders["CMD-1"].missing == ("administrator_email",)
    assert f"{ASKED}~again-1" in after.outbox
    await turn(memory, record, f"{ASKED}~again-1")
    assert memory.post.sent[-1].values["missing"] == ("administrator_email",)


async def test_what_is_missing_still_is_asked_for_once(memory: Memory) -> None:
    record = await ordered(memory, mpn_id="", administrator_email="")
    await turn(memory, record, ASKED)
    after = await ordered(memory, administrator_email="")
    assert [key for key in after.outbox if key.startswith("order_incomplete")] == [ASKED]


async def test_an_order_whose_number_looks_like_a_repeat_is_asked_about_all_the_same(memory: Memory) -> None:
    record = await ordered(memory, mpn_id="")
    await turn(memory, record, ASKED)
    await erased(memory, record, record.facts.administrator)
    again = (await ordered(memory, administrator_email="")).outbox.keys() - {ASKED}
    (number,) = (key.removeprefix("order_incomplete-") for key in again)
    assert not NUMBER.fullmatch(number)
    after = await ordered(memory, order_number="CMD-1-again-1", mpn_id="")
    assert [mail.about for mail in after.outbox.values()].count("CMD-1-again-1") == 1


async def test_an_order_that_reopens_asks_what_the_others_still_lack(memory: Memory) -> None:
    record = await ordered(memory, mpn_id="")
    await ordered(memory, mpn_id="", order_number="CMD-10")
    await turn(memory, record, "order_incomplete-CMD-10")
    await refused(memory, record, ASKED)
    await close(memory.ports, record.facts.association_id, "cancelled")
    await turn(memory, record, ASKED)
    assert now_of(memory, record).outbox[ASKED].reason == "overtaken"
    after = await ordered(memory, order_number="CMD-2")
    asked = [key for key in after.outbox if key.startswith("order_incomplete")]
    assert asked == [ASKED, "order_incomplete-CMD-10", f"{ASKED}~again-1"]


async def test_what_an_erased_contact_was_asked_is_asked_of_whom_the_next_order_names(memory: Memory) -> None:
    record = await ordered(memory, mpn_id="")
    await erased(memory, record, record.facts.partner_contact)
    after = await ordered(memory, order_number="CMD-2", partner=OTHER)
    assert [key for key in after.outbox if key.startswith("order_incomplete")] == [ASKED]
    after = await ordered(memory, order_number="CMD-3", partner=NEW)
    assert after.person(after.outbox[f"{ASKED}~again-1"].person).email == NEW["email"]
    await turn(memory, record, f"{ASKED}~again-1")
    assert memory.post.sent[-1].to == NEW["email"]


async def test_another_partners_contact_is_followed_by_their_own(memory: Memory) -> None:
    record = await ordered(memory)
    await ordered(memory, order_number="CMD-2", mpn_id="", partner=OTHER)
    await erase_person(memory.ports, record.facts.association_id, "left", address=OTHER["email"])
    theirs = {**OTHER, "email": "b@concurrent.example"}
    after = await ordered(memory, order_number="CMD-3", partner=theirs)
    assert after.person(after.outbox["order_incomplete-CMD-2~again-1"].person).email == theirs["email"]


async def test_erasing_a_contact_asks_another_one_whom_their_partner_has_named(memory: Memory) -> None:
    record = await ordered(memory, mpn_id="")
    await ordered(memory, order_number="CMD-2", partner=NEW)
    after = await erased(memory, record, record.facts.partner_contact)
    assert after.outbox[ASKED].reason == "address_erased"
    assert after.person(after.outbox[f"{ASKED}~again-1"].person).email == NEW["email"]
    await turn(memory, record, f"{ASKED}~again-1")
    assert memory.post.sent[-1].to == NEW["email"]


async def test_a_transaction_that_erases_holds_no_more_than_its_rows(memory: Memory) -> None:
    record = await ordered(memory, mpn_id="")
    orders = {
        f"CMD-{each}": replace(record.orders["CMD-1"], order_number=f"CMD-{each}") for each in range(60)
    }
    memory.put(replace(record, orders=orders))
    await ordered(memory, order_number="NEXT", partner=NEW)
    before = now_of(memory, record)
    after = await erased(memory, before, record.facts.partner_contact)
    new = [mail for key, mail in after.outbox.items() if key not in before.outbox]
    assert len(new) == MOST_QUESTIONS


async def test_a_question_that_waits_tells_what_has_come_to_be_missing(memory: Memory) -> None:
    record = await ordered(memory, mpn_id="")
    await refused(memory, record, ASKED)
    await erased(memory, record, record.facts.administrator)
    after = await ordered(memory, administrator_email="")
    assert f"{ASKED}~again-1" not in after.outbox
    await turn(memory, record, ASKED)
    (sent,) = [mail for mail in memory.post.sent if mail.kind == "order_incomplete"]
    assert sent.values["missing"] == ("administrator_email",)


async def test_a_question_under_way_to_who_is_erased_is_asked_of_the_next_contact(memory: Memory) -> None:
    record = await ordered(memory, mpn_id="", administrator_email="")
    identifier, now = record.facts.association_id, memory.clock()
    await memory.associations.lease_mail(identifier, ASKED, now=now, until=now + timedelta(minutes=3))
    await erased(memory, record, record.facts.partner_contact)
    assert now_of(memory, record).outbox[ASKED].status is MailStatus.SENDING
    after = await ordered(memory, mpn_id="", partner=NEW)
    assert after.person(after.outbox[f"{ASKED}~again-1"].person).email == NEW["email"]


async def test_a_renewal_that_reopens_asks_what_orders_still_lack(memory: Memory) -> None:
    record = await ordered(memory)
    await ordered(memory, order_number="CMD-2", mpn_id="")
    await refused(memory, record, "order_incomplete-CMD-2")
    await close(memory.ports, record.facts.association_id, "cancelled")
    await turn(memory, record, "order_incomplete-CMD-2")
    after = await renew_link(memory.ports, record.facts.association_id, "ordered after all")
    assert {"invitation-2", "order_incomplete-CMD-2~again-1"} <= after.outbox.keys()


async def overtaken(memory: Memory) -> Record:
    """The word about a stranger's tenant was given up, as the administrator had come; support may resend."""
    record = await stranger(memory, await ordered(memory))
    await refused(memory, record, WORD)
    await signed_in(memory, now_of(memory, record))
    await turn(memory, record, WORD)
    assert now_of(memory, record).outbox[WORD].reason == "overtaken"
    return record


async def test_a_word_that_support_sends_again_is_not_written_a_second_time(memory: Memory) -> None:
    record = await overtaken(memory)
    standing = now_of(memory, record)
    due = replace(standing.outbox[WORD], status=MailStatus.DUE, leased_until=None)
    memory.put(replace(standing, outbox={**standing.outbox, WORD: due}))
    after = await stranger(memory, record)
    assert f"{WORD}~again-1" not in after.outbox


async def test_a_word_that_was_written_anew_is_not_sent_again_as_well(memory: Memory) -> None:
    record = await overtaken(memory)
    after = await stranger(memory, record)
    assert f"{WORD}~again-1" in after.outbox
    with pytest.raises(RequestInvalidError) as caught:
        await resend_mail(memory.ports, record.facts.association_id, WORD, "asked for")
    assert caught.value.problems == {"mail": "not_failed"}


async def test_a_mail_that_support_sends_again_has_no_reason_any_more(memory: Memory) -> None:
    record = await ordered(memory, mpn_id="")
    held = replace(record.outbox[ASKED], status=MailStatus.FAILED, reason="overtaken")
    memory.put(replace(record, outbox={ASKED: held}))
    after = await resend_mail(memory.ports, record.facts.association_id, ASKED, "asked for")
    assert (after.outbox[ASKED].status, after.outbox[ASKED].reason) == (MailStatus.DUE, "")


async def test_a_link_that_an_order_holds_meanwhile_is_not_forgotten(memory: Memory) -> None:
    record = await ordered(memory)
    memory.clock.at += timedelta(days=30 + 1095 + 1)

    async def incomplete() -> None:
        await ordered(memory, order_number="CMD-2", mpn_id="", partner=NEW)

    memory.associations.interference = incomplete
    await purge(memory.ports)
    assert now_of(memory, record).people[1] != Person(number=1)
    assert len(memory.links.rows) == 1


async def test_more_questions_than_one_transaction_holds_keep_no_order_out(memory: Memory) -> None:
    record = await ordered(memory, mpn_id="")
    many = {f"CMD-{each}": replace(record.orders["CMD-1"], order_number=f"CMD-{each}") for each in range(150)}
    memory.put(replace(record, orders=many, outbox={}))
    after = await ordered(memory, order_number="CMD-new")
    assert "CMD-new" in after.orders
