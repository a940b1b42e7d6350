"""Each answer of Microsoft's at each step: what the facts are then, what is shown, that nobody gets stuck."""

import json
from collections.abc import Awaitable
from dataclasses import replace

import pytest

from association import acceptance, associate, grants, links, session
from association.access import look_for_access
from association.answer import (
    NOT_THE_CUSTOMERS,
    NOT_THERE_YET,
    OURS,
    SAYS_NOTHING_OF_THE_TENANT,
    Answer,
)
from association.applications import complete_application, leave_for_application
from association.consent import complete_consent, leave_for_consent
from association.errors import AssociationError
from association.facts import Record
from association.grants import Standing, standing
from association.legs import Departure
from association.looks import stamp
from association.microsoft_errors import MicrosoftRefusedError
from association.progress import progress
from association.retry import ask_again
from association.roles import look_for_grant, look_task
from association.rows import Leg, Task, TaskKind
from association.session import Session
from association.sign_in import complete_sign_in, leave_for_sign_in
from association.steps import Cause
from association.verify import ASKS_TO_BE_SEEN, complete_confirm, confirm, recheck
from tests.memory import (
    NOW,
    ROLES,
    TENANT,
    Memory,
    expects,
    ordered,
    person_facts,
    signed_in,
    taken,
    tenant_facts,
)
from tests.unit.test_applications import CONTACT, GRANTED, HOLDS, LISTED

ERROR = {"error": "x"}
EVERY = pytest.mark.parametrize("answer", list(Answer))
# of a person's own trouble the page says what to do; of ours and Microsoft's, that it isn't theirs
PASSING = set(NOT_THE_CUSTOMERS) - set(OURS)


@pytest.fixture
def memory() -> Memory:
    memory = expects(Memory(FURTHER_APPLICATIONS=json.dumps(LISTED[:1])))
    memory.entra.roles, memory.graph.tenant, memory.graph.person = ROLES, tenant_facts(), person_facts()
    return memory


def now(memory: Memory, record: Record) -> Record:
    return memory.record(record.facts.association_id)


def refuses(memory: Memory, answer: Answer) -> MicrosoftRefusedError:
    memory.entra.refused = MicrosoftRefusedError(answer, correlation_id="c-1")
    return memory.entra.refused


def cause(memory: Memory, record: Record) -> Cause:
    where = progress(now(memory, record), memory.ports.now(), memory.ports.settings.applications)
    return where.cause


async def caught(work: Awaitable[object]) -> AssociationError | None:
    try:
        await work
    except AssociationError as error:
        return error
    return None


def code(answer: Answer, otherwise: str = "") -> str:
    """The code of the failure that this answer is shown as."""
    if answer in OURS:
        return "microsoft_refused"
    return "microsoft_unavailable" if answer in PASSING else otherwise


def nothing_lost(before: Record, after: Record, *but: str) -> None:
    """Every fact as it was, but for those named and where the browser is."""
    same = {name: getattr(after.facts, name) for name in (*but, "version", "left_at", "left_leg")}
    assert replace(before.facts, **same) == after.facts


async def there(memory: Memory) -> tuple[Record, Session]:
    """Signed in and accepted, with nothing consented to."""
    return await signed_in(memory, await ordered(memory))


async def through(memory: Memory) -> tuple[Record, Session]:
    """The first consent given, and every prerequisite met."""
    record, session = await there(memory)
    flow = await taken(memory, await leave_for_consent(memory.ports, record, session))
    record = await complete_consent(memory.ports, flow, GRANTED, None)
    departure = await confirm(memory.ports, record, session.tenant_id, session.object_id)
    assert memory.entra.redeemed
    came_to = await complete_confirm(memory.ports, await taken(memory, departure), {"code": "c"})
    assert not isinstance(came_to, Departure)
    return came_to[0], session


@EVERY
async def test_at_sign_in(memory: Memory, answer: Answer) -> None:
    before = await ordered(memory)
    departure = await leave_for_sign_in(memory.ports, before)
    flow = await taken(memory, departure)
    refuses(memory, answer)
    error = await caught(complete_sign_in(memory.ports, flow, ERROR))
    assert error
    assert error.code == code(answer, "sign_in_refused")
    assert error.values["answer"] is answer
    after = now(memory, before)
    nothing_lost(before, after)
    assert (after.facts.left_at, cause(memory, before)) == (None, Cause.NOT_STARTED)
    assert (after.events[-1].new, after.events[-1].correlation_id) == (answer, "c-1")
    await signed_in(memory, after)
    assert now(memory, before).facts.signed_in_at


@EVERY
async def test_when_the_code_of_the_sign_in_is_redeemed(memory: Memory, answer: Answer) -> None:
    before = await ordered(memory)
    flow = await taken(memory, await leave_for_sign_in(memory.ports, before))
    memory.entra.redeemed = MicrosoftRefusedError(answer)
    error = await caught(complete_sign_in(memory.ports, flow, {"code": "c"}))
    assert error
    assert (error.code, error.values["answer"]) == ("microsoft_refused", answer)
    nothing_lost(before, now(memory, before))


@EVERY
async def test_at_the_consent(memory: Memory, answer: Answer) -> None:
    before, session = await there(memory)
    flow = await taken(memory, await leave_for_consent(memory.ports, before, session))
    refuses(memory, answer)
    error = await caught(complete_consent(memory.ports, flow, ERROR, None))
    assert (error.code if error else "") == code(answer)
    after = now(memory, before)
    nothing_lost(before, after, "consent_refused_at", "consent_refusal")
    is_refused = answer not in NOT_THE_CUSTOMERS
    assert after.facts.consent_refusal == (answer if is_refused else "")
    assert cause(memory, before) is (Cause.CONSENT_REFUSED if is_refused else Cause.CONSENT_TO_GIVE)
    flow = await taken(memory, await leave_for_consent(memory.ports, after, session))
    assert (await complete_consent(memory.ports, flow, GRANTED, None)).facts.access_proven_at


@EVERY
async def test_at_a_consent_that_is_given_again(memory: Memory, answer: Answer) -> None:
    """What works already goes on working, whatever comes of asking for it again."""
    before, session = await through(memory)
    flow = await taken(memory, await leave_for_consent(memory.ports, before, session))
    refuses(memory, answer)
    await caught(complete_consent(memory.ports, flow, ERROR, None))
    after = now(memory, before)
    nothing_lost(before, after, "consent_refused_at", "consent_refusal")
    assert after.facts.access_proven_at
    assert after.checks == before.checks


@EVERY
async def test_only_a_tenant_that_is_not_ready_is_asked_once_more(memory: Memory, answer: Answer) -> None:
    before, session = await there(memory)
    flow = await taken(memory, await leave_for_consent(memory.ports, before, session))
    refuses(memory, answer)
    once_more = await ask_again(memory.ports, flow, ERROR, None)
    assert (once_more is not None) is (answer is Answer.PROVISIONING)
    if once_more:
        event = now(memory, before).events[-1]
        assert (event.what, event.old, event.new) == ("left_for_microsoft", "provisioning", "consent")
        again = await taken(memory, once_more)
        assert (again.tenant_id, again.object_id) == (flow.tenant_id, flow.object_id)
        assert again.state_hash != flow.state_hash
        assert await ask_again(memory.ports, again, ERROR, None) is None


@EVERY
async def test_at_the_check(memory: Memory, answer: Answer) -> None:
    before, session = await through(memory)
    departure = await confirm(memory.ports, before, session.tenant_id, session.object_id)
    flow = await taken(memory, departure)
    refuses(memory, answer)
    error = await caught(complete_confirm(memory.ports, flow, ERROR))
    if answer in ASKS_TO_BE_SEEN:
        assert error is None
        assert memory.entra.begun[-1]["silent"] is False
    else:
        assert error
        assert error.code == code(answer, "sign_in_refused")
        assert error.values["answer"] is answer
    after = now(memory, before)
    nothing_lost(before, after)
    assert after.checks == before.checks


@EVERY
@pytest.mark.parametrize("silent", [True, False], ids=["silent", "visible"])
async def test_when_the_code_of_the_check_is_redeemed(memory: Memory, answer: Answer, silent: bool) -> None:
    """Microsoft may give a code without a page, and ask for one only where the code is redeemed."""
    before, session = await through(memory)
    departure = await confirm(memory.ports, before, session.tenant_id, session.object_id, silent=silent)
    flow, identity = await taken(memory, departure), memory.entra.redeemed
    memory.entra.redeemed = refused = MicrosoftRefusedError(answer)
    begun = len(memory.entra.begun)
    error = await caught(complete_confirm(memory.ports, flow, {"code": "c"}))
    after = now(memory, before)
    if silent and answer in ASKS_TO_BE_SEEN:
        assert error is None
        assert [one["silent"] for one in memory.entra.begun[begun:]] == [False]
        assert (after.facts.left_at, after.facts.left_leg) == (NOW, Leg.CONFIRM)
    else:
        assert error is refused
        assert (error.code, error.values["answer"]) == ("microsoft_refused", answer)
        assert len(memory.entra.begun) == begun
    nothing_lost(before, after)
    assert after.checks == before.checks
    memory.entra.redeemed = identity
    departure = await confirm(memory.ports, after, session.tenant_id, session.object_id)
    came_to = await complete_confirm(memory.ports, await taken(memory, departure), {"code": "c"})
    assert not isinstance(came_to, Departure)
    assert came_to[0].facts.left_at is None


@EVERY
async def test_at_the_look_for_access_that_a_press_makes(memory: Memory, answer: Answer) -> None:
    before, session = await through(memory)
    memory.clock.advance(minutes=16)
    session = replace(session, seen_at=memory.clock())
    memory.entra.roles = MicrosoftRefusedError(answer)
    error = await caught(recheck(memory.ports, before, session))
    after = now(memory, before)
    if answer in SAYS_NOTHING_OF_THE_TENANT:
        assert error
        assert (error.code, error.values["answer"]) == ("microsoft_refused", answer)
        nothing_lost(before, after)
    else:
        assert error is None
        assert cause(memory, before) is Cause.ACCESS_MISSING
        assert after.facts.access_refusal == ("" if answer in NOT_THERE_YET else answer)
    memory.entra.roles = ROLES
    assert await recheck(memory.ports, after, session)
    assert (now(memory, before).facts.access_refused_at, now(memory, before).facts.access_refusal) == (
        None,
        "",
    )


@EVERY
async def test_at_the_look_for_access_in_the_background(memory: Memory, answer: Answer) -> None:
    before, session = await there(memory)
    memory.entra.roles = MicrosoftRefusedError(answer, correlation_id="c-1")
    flow = await taken(memory, await leave_for_consent(memory.ports, before, session))
    awaited = await complete_consent(memory.ports, flow, GRANTED, None)
    memory.tasks.sent.clear()
    key = stamp(NOW)
    await look_for_access(
        memory.ports, Task(kind=TaskKind.ACCESS, association_id=before.facts.association_id, key=key)
    )
    after = now(memory, before)
    nothing_lost(awaited, after, "looks")
    is_refused = answer not in (*SAYS_NOTHING_OF_THE_TENANT, *NOT_THERE_YET)
    assert cause(memory, before) is (Cause.ACCESS_REFUSED if is_refused else Cause.ACCESS_AWAITED)
    assert after.facts.access_refusal == (answer if is_refused else "")
    told = {(each.what, each.correlation_id) for each in after.events if answer in (each.old, each.new)}
    assert told == (set() if answer in NOT_THERE_YET else {("consent_returned", "c-1"), ("looked", "c-1")})
    assert [task.attempt for task, _ in memory.tasks.sent] == [1, 1]


@EVERY
async def test_at_the_consent_to_an_application(memory: Memory, answer: Answer) -> None:
    before, session = await through(memory)
    departure = await leave_for_application(memory.ports, before, session, "contact")
    assert departure
    flow = await taken(memory, departure)
    refuses(memory, answer)
    error = await caught(complete_application(memory.ports, flow, ERROR, None))
    assert (error.code if error else "") == code(answer)
    after = now(memory, before)
    nothing_lost(before, after)
    application = memory.ports.settings.applications[0]
    stands = standing(after, application, NOW)
    assert stands is (Standing.TO_CONSENT if answer in NOT_THE_CUSTOMERS else Standing.REFUSED)
    assert (after.grants["contact", TENANT].refusal if after.grants else "") == ("" if error else answer)
    assert await leave_for_application(memory.ports, after, session, "contact")


@EVERY
async def test_at_the_look_for_a_grant_in_the_background(memory: Memory, answer: Answer) -> None:
    before, session = await through(memory)
    memory.graph.applications = MicrosoftRefusedError(answer)
    departure = await leave_for_application(memory.ports, before, session, "contact")
    assert departure
    awaited = await complete_application(memory.ports, await taken(memory, departure), GRANTED, None)
    task = look_task(before.facts.association_id, "contact", NOW)
    await look_for_grant(memory.ports, task)
    after = now(memory, before)
    nothing_lost(awaited, after)
    assert cause(memory, before) is Cause.APPLICATIONS_AWAITED
    memory.graph.applications = {CONTACT: HOLDS[CONTACT]}
    await look_for_grant(memory.ports, replace(task, attempt=1))
    assert cause(memory, before) is Cause.READY_TO_BIND


@EVERY
async def test_when_the_tenant_is_read(memory: Memory, answer: Answer) -> None:
    """A refusal that says nothing of the tenant leaves every check as it was."""
    before, session = await through(memory)
    memory.graph.tenant = MicrosoftRefusedError(answer)
    flow = await taken(memory, await confirm(memory.ports, before, session.tenant_id, session.object_id))
    error = await caught(complete_confirm(memory.ports, flow, {"code": "c"}))
    assert error
    assert (error.code, error.values["answer"]) == ("microsoft_refused", answer)
    after = now(memory, before)
    nothing_lost(before, after)
    assert after.checks == before.checks


def test_no_answer_takes_part_in_binding() -> None:
    """What authorises is written without the classifier's words: none of these modules knows them."""
    for module in (associate, grants, acceptance, links, session):
        assert "Answer" not in vars(module), module.__name__
    used = associate.may_bind.__code__
    assert not {"Answer", "answer", "refusal"} & {*used.co_names, *used.co_varnames, *used.co_freevars}
