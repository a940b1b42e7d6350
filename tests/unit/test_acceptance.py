"""An unexpected tenant and its one-time code: 6 digits, 10 minutes, 5 tries, in the session that was told."""

from dataclasses import replace

import pytest

from association.acceptance import (
    CODE_LIFETIME,
    MOST_TRIES,
    accept_by_code,
    ask_acceptance,
    is_code_live,
    tries_left,
)
from association.erase import erase_person
from association.errors import (
    AccountChangedError,
    CodeEndedError,
    CodeWrongError,
    GuestUnexpectedError,
    LimitReachedError,
)
from association.facts import AcceptedBy, Record
from association.limits import MOST_CODES_PER_LINK, MOST_PER_HOUR
from association.progress import progress
from association.session import Session
from association.steps import Cause, Who
from tests.memory import NOW, OTHER_TENANT, TENANT, Memory, ordered, signed_in


@pytest.fixture
def memory() -> Memory:
    return Memory()


async def unexpected(memory: Memory) -> tuple[Record, Session]:
    return await signed_in(memory, await ordered(memory))


def code_of(memory: Memory, record: Record) -> str:
    facts = record.facts
    return memory.ports.keys.code(facts.association_id, facts.code_number, facts.tenant_id)


def wrong_code(memory: Memory, record: Record) -> str:
    return f"{(int(code_of(memory, record)) + 1) % 1_000_000:06d}"


async def test_a_code_goes_to_the_recorded_address_and_word_to_the_partner(memory: Memory) -> None:
    record, session = await unexpected(memory)
    assert record.outbox["code-1"].person == record.facts.administrator
    assert record.outbox[f"unexpected-{TENANT}"].person == record.facts.partner_contact
    assert record.facts.code_session == session.session_id
    assert tries_left(record.facts) == MOST_TRIES


async def test_the_code_that_was_sent_accepts_the_tenant(memory: Memory) -> None:
    record, session = await unexpected(memory)
    code = code_of(memory, record)
    after = await accept_by_code(memory.ports, record, session, f" {code[:3]} {code[3:]}\n")
    assert (after.facts.accepted_by, after.facts.accepted_at) == (AcceptedBy.CODE, memory.clock())
    assert [event.what for event in after.events[-2:]] == ["code_tried", "tenant_accepted"]


async def test_the_code_stands_neither_in_the_facts_nor_in_the_history(memory: Memory) -> None:
    record, session = await unexpected(memory)
    code = code_of(memory, record)
    after = await accept_by_code(memory.ports, record, session, code)
    assert code not in repr(after).replace(after.facts.association_id, "").replace(session.session_id, "")


@pytest.mark.parametrize("typed", ["", "abcdef", "١٢٣٤٥٦", "12345", "1234567", "é"])
async def test_anything_else_is_wrong_and_counted(memory: Memory, typed: str) -> None:
    record, session = await unexpected(memory)
    with pytest.raises(CodeWrongError):
        await accept_by_code(memory.ports, record, session, typed)
    after = memory.record(record.facts.association_id)
    assert after.facts.code_tries == 1
    assert after.facts.accepted_by is AcceptedBy.NOBODY


async def test_the_fifth_try_may_still_be_right(memory: Memory) -> None:
    record, session = await unexpected(memory)
    for _ in range(MOST_TRIES - 1):
        with pytest.raises(CodeWrongError):
            await accept_by_code(memory.ports, record, session, wrong_code(memory, record))
    after = await accept_by_code(memory.ports, record, session, code_of(memory, record))
    assert after.facts.accepted_by is AcceptedBy.CODE


async def test_after_five_tries_even_the_right_code_is_refused(memory: Memory) -> None:
    record, session = await unexpected(memory)
    for _ in range(MOST_TRIES):
        with pytest.raises(CodeWrongError):
            await accept_by_code(memory.ports, record, session, wrong_code(memory, record))
    with pytest.raises(CodeEndedError):
        await accept_by_code(memory.ports, record, session, code_of(memory, record))
    after = memory.record(record.facts.association_id)
    assert (after.facts.code_tries, tries_left(after.facts)) == (MOST_TRIES, 0)


async def test_racing_tries_are_all_counted(memory: Memory) -> None:
    record, session = await unexpected(memory)

    async def interfere() -> None:
        with pytest.raises(CodeWrongError):
            await accept_by_code(memory.ports, record, session, wrong_code(memory, record))

    memory.associations.interference = interfere
    with pytest.raises(CodeWrongError):
        await accept_by_code(memory.ports, record, session, wrong_code(memory, record))
    assert memory.record(record.facts.association_id).facts.code_tries == 2


async def test_a_code_lasts_until_just_before_ten_minutes(memory: Memory) -> None:
    record, session = await unexpected(memory)
    memory.clock.advance(seconds=CODE_LIFETIME.total_seconds() - 1)
    after = await accept_by_code(memory.ports, record, session, code_of(memory, record))
    assert after.facts.accepted_by is AcceptedBy.CODE


async def test_a_code_of_ten_minutes_ago_is_refused(memory: Memory) -> None:
    record, session = await unexpected(memory)
    memory.clock.advance(minutes=10)
    with pytest.raises(CodeEndedError):
        await accept_by_code(memory.ports, record, session, code_of(memory, record))


async def test_a_code_is_worth_nothing_in_another_session_of_the_same_person(memory: Memory) -> None:
    record, first = await unexpected(memory)
    _, second = await signed_in(memory, record)
    assert first.session_id != second.session_id
    latest = memory.record(record.facts.association_id)
    with pytest.raises(CodeEndedError):
        await accept_by_code(memory.ports, latest, first, code_of(memory, latest))


async def test_a_code_is_worth_nothing_once_another_tenant_signed_in(memory: Memory) -> None:
    record, session = await unexpected(memory)
    code = code_of(memory, record)
    await signed_in(memory, record, tenant_id=OTHER_TENANT)
    with pytest.raises(CodeEndedError):
        await accept_by_code(memory.ports, record, session, code)
    facts = memory.record(record.facts.association_id).facts
    assert (facts.tenant_id, facts.accepted_by) == (OTHER_TENANT, AcceptedBy.NOBODY)


async def test_a_session_of_another_tenant_than_the_facts_does_not_even_try(memory: Memory) -> None:
    record, session = await unexpected(memory)
    record = memory.put(record, tenant_id=OTHER_TENANT)
    with pytest.raises(CodeEndedError):
        await accept_by_code(memory.ports, record, session, code_of(memory, record))
    assert memory.record(record.facts.association_id) == record


async def test_another_tenant_signing_in_between_count_and_acceptance_accepts_nobody(memory: Memory) -> None:
    record, session = await unexpected(memory)

    async def second_commit() -> None:
        current = memory.record(record.facts.association_id)
        memory.put(current, tenant_id=OTHER_TENANT)

    async def first_commit() -> None:
        memory.associations.interference = second_commit

    memory.associations.interference = first_commit
    with pytest.raises(CodeEndedError):
        await accept_by_code(memory.ports, record, session, code_of(memory, record))
    assert memory.record(record.facts.association_id).facts.accepted_by is AcceptedBy.NOBODY


async def test_the_code_of_one_tenant_is_not_that_of_another(memory: Memory) -> None:
    keys = memory.ports.keys
    codes = {keys.code("a" * 32, number, tenant) for number in (1, 2) for tenant in (TENANT, OTHER_TENANT)}
    assert len(codes) == 4
    assert all(len(code) == 6 and code.isdigit() for code in codes)


async def test_asking_twice_in_one_session_sends_one_code(memory: Memory) -> None:
    record, session = await unexpected(memory)
    assert await ask_acceptance(memory.ports, record, session) == record


async def test_a_new_code_ends_the_one_before_and_the_partner_is_told_once(memory: Memory) -> None:
    record, session = await unexpected(memory)
    old = code_of(memory, record)
    after = await ask_acceptance(memory.ports, record, session, again=True)
    assert set(after.outbox) == {"invitation-1", "code-1", "code-2", f"unexpected-{TENANT}"}
    with pytest.raises(CodeWrongError):
        await accept_by_code(memory.ports, after, session, old)
    accepted = await accept_by_code(memory.ports, after, session, code_of(memory, after))
    assert accepted.facts.accepted_by is AcceptedBy.CODE


async def test_a_new_code_brings_new_tries(memory: Memory) -> None:
    record, session = await unexpected(memory)
    with pytest.raises(CodeWrongError):
        await accept_by_code(memory.ports, record, session, wrong_code(memory, record))
    after = await ask_acceptance(memory.ports, record, session, again=True)
    assert tries_left(after.facts) == MOST_TRIES


async def test_no_code_is_sent_for_a_tenant_that_is_accepted(memory: Memory) -> None:
    record, session = await unexpected(memory)
    record = await accept_by_code(memory.ports, record, session, code_of(memory, record))
    assert await ask_acceptance(memory.ports, record, session, again=True) == record


async def test_no_code_is_sent_to_a_guest(memory: Memory) -> None:
    record, session = await unexpected(memory)
    record = memory.put(record, is_guest=True)
    with pytest.raises(GuestUnexpectedError):
        await ask_acceptance(memory.ports, record, session, again=True)


async def test_without_a_recorded_address_no_code_is_sent_to_nobody(memory: Memory) -> None:
    record, session = await unexpected(memory)
    record = memory.put(record, administrator=0)
    after = await ask_acceptance(memory.ports, record, session, again=True)
    assert after == record


async def test_whoever_signs_in_once_the_recorded_address_is_erased_asks_support(memory: Memory) -> None:
    ordered_one = await ordered(memory)
    number = ordered_one.facts.administrator
    await erase_person(memory.ports, ordered_one.facts.association_id, "asked", number=number)
    record, session = await signed_in(memory, memory.record(ordered_one.facts.association_id))
    assert (record.facts.code_number, record.facts.code_sent_at) == (0, None)
    assert {mail.kind for mail in record.outbox.values()} == {"invitation", "unexpected"}
    assert "tenant_unexpected" in [event.what for event in record.events]
    assert not is_code_live(memory.ports, record.facts, session)
    where = progress(record, memory.clock(), ())
    assert (where.cause, where.who) == (Cause.TENANT_UNEXPECTED, Who.SUPPORT)


async def test_erasing_the_recorded_address_ends_the_code_that_was_sent_there(memory: Memory) -> None:
    record, session = await unexpected(memory)
    code, facts = code_of(memory, record), record.facts
    await erase_person(memory.ports, facts.association_id, "asked", number=facts.administrator)
    with pytest.raises(CodeEndedError):
        await accept_by_code(memory.ports, memory.record(facts.association_id), session, code)


async def test_an_accepted_tenant_signs_in_again_without_a_code(memory: Memory) -> None:
    record, session = await unexpected(memory)
    record = await accept_by_code(memory.ports, record, session, code_of(memory, record))
    again, _ = await signed_in(memory, record)
    assert again.facts.accepted_by is AcceptedBy.CODE
    assert again.facts.code_number == 1


async def test_the_right_code_sent_twice_is_accepted_twice(memory: Memory) -> None:
    record, session = await unexpected(memory)
    code = code_of(memory, record)
    accepted = await accept_by_code(memory.ports, record, session, code)
    assert await accept_by_code(memory.ports, accepted, session, code) == accepted


async def test_somebody_else_cannot_use_what_was_accepted_by_another_tenants_code(memory: Memory) -> None:
    record, session = await unexpected(memory)
    code = code_of(memory, record)
    accepted = await accept_by_code(memory.ports, record, session, code)
    with pytest.raises(CodeEndedError):
        await accept_by_code(memory.ports, memory.put(accepted, tenant_id=OTHER_TENANT), session, code)


async def test_an_overtaken_session_asks_for_no_code(memory: Memory) -> None:
    record, first = await unexpected(memory)
    latest, _ = await signed_in(memory, record, tenant_id=OTHER_TENANT)
    with pytest.raises(AccountChangedError):
        await ask_acceptance(memory.ports, latest, first, again=True)


async def test_the_recorded_address_gets_so_many_new_codes_in_an_hour_and_no_more(memory: Memory) -> None:
    record, session = await unexpected(memory)
    for _ in range(MOST_PER_HOUR["code"]):
        record = await ask_acceptance(memory.ports, record, session, again=True)
    with pytest.raises(LimitReachedError) as caught:
        await ask_acceptance(memory.ports, record, session, again=True)
    assert caught.value.values == {"again": NOW.replace(hour=NOW.hour + 1, minute=0)}
    assert caught.value.retry_after == 60 * (60 - NOW.minute)
    assert memory.record(record.facts.association_id) == record
    memory.clock.advance(hours=1)
    session = replace(session, seen_at=memory.clock())
    after = await ask_acceptance(memory.ports, record, session, again=True)
    assert after.facts.code_number == record.facts.code_number + 1


async def test_one_associations_limit_is_not_anothers(memory: Memory) -> None:
    record, session = await unexpected(memory)
    for _ in range(MOST_PER_HOUR["code"]):
        record = await ask_acceptance(memory.ports, record, session, again=True)
    other, theirs = await signed_in(
        memory, await ordered(memory, order_number="CMD-2", customer_number="C-2")
    )
    assert (await ask_acceptance(memory.ports, other, theirs, again=True)).facts.code_number == 2


async def test_a_link_has_so_many_codes_and_a_new_link_has_its_own(memory: Memory) -> None:
    record, session = await unexpected(memory)
    given = 0
    with pytest.raises(LimitReachedError) as caught:
        for _ in range(MOST_CODES_PER_LINK + 1):
            memory.clock.advance(hours=1)
            session = replace(session, started_at=memory.clock(), seen_at=memory.clock())
            record = await ask_acceptance(memory.ports, record, session, again=True)
            given += 1
    assert 0 < given <= MOST_CODES_PER_LINK
    # no time mends it, and none is promised
    assert (caught.value.values, caught.value.retry_after) == ({}, 0)
    memory.clock.advance(hours=1)
    record = memory.put(record, link_number=2)
    session = replace(session, link_number=2, started_at=memory.clock(), seen_at=memory.clock())
    await ask_acceptance(memory.ports, record, session, again=True)
