"""Two people act at the same moment: nothing that one ended comes back, and nobody goes on as the other."""

from collections.abc import Awaitable, Callable

import pytest

from association.consent import complete_consent, leave_for_consent
from association.erase import erase_person
from association.errors import AccountChangedError, StorageUnavailableError
from association.facts import AcceptedBy, Record
from association.release import release_tenant
from association.session import Session, is_live
from association.sign_in import leave_for_sign_in
from association.sign_out import sign_out
from association.support import Question, find
from association.verify import complete_confirm, confirm
from tests.memory import (
    DOMAIN,
    NOW,
    OTHER_PERSON,
    PERSON,
    TENANT,
    Memory,
    expects,
    identity,
    now_of,
    ordered,
    person_facts,
    signed_in,
    taken,
    tenant_facts,
)

PAUL = {"object_id": OTHER_PERSON, "username": f"paul@{DOMAIN}", "name": "Paul"}
Act = Callable[[Memory, Record, Session], Awaitable[object]]


@pytest.fixture
def memory() -> Memory:
    return expects(Memory())


async def signs_out(memory: Memory, record: Record, session: Session) -> None:
    await sign_out(memory.ports, record)


async def changes_accounts(memory: Memory, record: Record, session: Session) -> None:
    await leave_for_sign_in(memory.ports, record, session)


async def erases_the_other(memory: Memory, record: Record, session: Session) -> None:
    await erase_person(memory.ports, record.facts.association_id, "left", number=session.account)


@pytest.mark.parametrize("act", [signs_out, changes_accounts, erases_the_other])
async def test_a_session_that_was_ended_meanwhile_stays_ended(memory: Memory, act: Act) -> None:
    record, session = await signed_in(memory, await ordered(memory))
    memory.clock.advance(minutes=1)
    others: list[Session] = []

    async def meanwhile() -> None:
        memory.clock.advance(seconds=1)
        _, other = await signed_in(memory, now_of(memory, record), **PAUL)
        others.append(other)
        memory.clock.advance(seconds=1)
        await erase_person(memory.ports, record.facts.association_id, "left", number=other.account)
        # as long as an answer of storage takes, or the clock of another worker is slow
        memory.clock.advance(seconds=-2)

    memory.associations.interference = meanwhile
    await act(memory, record, session)
    memory.clock.advance(seconds=5)
    assert len(others) == 1
    assert not is_live(others[0], now_of(memory, record).facts, memory.clock())


async def test_nobody_goes_on_under_the_name_of_a_colleague_who_bound_meanwhile(memory: Memory) -> None:
    record, _ = await signed_in(memory, await ordered(memory))
    record = memory.put(record, access_proven_at=NOW, consented_at=NOW)
    memory.graph.tenant, memory.graph.person = tenant_facts(), person_facts()
    flow = await taken(memory, await confirm(memory.ports, record, TENANT, PERSON))
    add, paul = memory.links.add, identity(memory, **PAUL)
    bound: list[Record] = []

    async def slowly(*given: object) -> None:
        memory.links.add = add  # type: ignore[method-assign]
        signed, _ = await signed_in(memory, now_of(memory, record), **PAUL)
        theirs = await taken(memory, await confirm(memory.ports, signed, TENANT, OTHER_PERSON))
        memory.entra.redeemed = paul
        answered = await complete_confirm(memory.ports, theirs, {"code": "c"})
        assert isinstance(answered, tuple)
        bound.append(answered[0])
        await add(*given)  # type: ignore[arg-type]

    memory.links.add = slowly  # type: ignore[assignment, method-assign]
    memory.entra.redeemed = identity(memory)
    with pytest.raises(AccountChangedError):
        await complete_confirm(memory.ports, flow, {"code": "c"})
    assert bound[0].facts.is_bound
    assert now_of(memory, record).facts == bound[0].facts


async def test_whoever_could_not_be_erased_is_found_still(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*given: object) -> None:
        raise StorageUnavailableError

    record = await ordered(memory)
    with monkeypatch.context() as patched:
        patched.setattr(memory.associations, "commit", down)
        with pytest.raises(StorageUnavailableError):
            await erase_person(memory.ports, record.facts.association_id, "left", address=f"marie@{DOMAIN}")
    found = await find(memory.ports, Question("email", f"marie@{DOMAIN}"))
    assert [each.facts.association_id for each in found] == [record.facts.association_id]


async def test_the_session_of_an_erased_account_without_a_sign_in_name_ends(memory: Memory) -> None:
    record, session = await signed_in(memory, await ordered(memory), username="")
    memory.clock.advance(seconds=1)
    await erase_person(memory.ports, record.facts.association_id, "left", number=record.facts.account)
    assert not is_live(session, now_of(memory, record).facts, memory.clock())


async def checked(memory: Memory, record: Record) -> Record:
    flow = await taken(memory, await confirm(memory.ports, record, TENANT, PERSON))
    memory.entra.redeemed = identity(memory)
    answered = await complete_confirm(memory.ports, flow, {"code": "c"})
    assert isinstance(answered, tuple)
    return answered[0]


async def test_what_support_released_needs_no_domain_at_the_next_sign_in(memory: Memory) -> None:
    memory.graph.tenant = tenant_facts(domains=frozenset({"else.example"}))
    memory.graph.person = person_facts()
    record, session = await signed_in(memory, await ordered(memory))
    flow = await taken(memory, await leave_for_consent(memory.ports, record, session))
    await complete_consent(memory.ports, flow, {"admin_consent": "True", "tenant": TENANT}, None)
    refused = await checked(memory, now_of(memory, record))
    assert refused.facts.accepted_by is AcceptedBy.NOBODY
    await release_tenant(memory.ports, record.facts.association_id, TENANT, "asked by phone")
    memory.clock.advance(hours=1)
    again, _ = await signed_in(memory, now_of(memory, record))
    assert again.facts.accepted_by is AcceptedBy.SUPPORT
    assert (await checked(memory, again)).facts.is_bound
