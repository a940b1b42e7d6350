"""The confirming leg: shown again, read, judged, and bound only if everything of rule S1 agrees."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from association.answer import NOT_THE_CUSTOMERS, OURS, Answer
from association.associate import may_bind
from association.changes import SAFETY_DELAY
from association.consent import complete_consent, leave_for_consent, require_accepted
from association.erase import erase_person
from association.errors import (
    AccountChangedError,
    IdTokenInvalidError,
    LinkRevokedError,
    SessionMissingError,
    SignInRefusedError,
)
from association.facts import AcceptedBy, Record
from association.identity import PersonFacts, TenantFacts
from association.legs import Departure
from association.looks import BACK_OFF
from association.microsoft_errors import MicrosoftRefusedError, MicrosoftUnavailableError
from association.partition import Check, Prerequisite, Result
from association.progress import current_checks, progress
from association.renew import renew_link
from association.rows import Claim, Flow, Leg, TaskKind
from association.session import Session
from association.sign_out import sign_out
from association.steps import Cause
from association.verify import complete_confirm, confirm, recheck
from tests.memory import (
    DOMAIN,
    NOW,
    OTHER_PERSON,
    OTHER_TENANT,
    PERSON,
    ROLES,
    TENANT,
    Memory,
    expects,
    identity,
    ordered,
    person_facts,
    signed_in,
    taken,
    tenant_facts,
)


@pytest.fixture
def memory() -> Memory:
    made = expects(Memory())
    made.entra.roles, made.graph.tenant, made.graph.person = ROLES, tenant_facts(), person_facts()
    return made


async def consented(memory: Memory, **changes: Any) -> tuple[Record, Session]:
    record, session = await signed_in(memory, await ordered(memory), **changes)
    flow = await taken(memory, await leave_for_consent(memory.ports, record, session))
    record = await complete_consent(memory.ports, flow, {"admin_consent": "True", "tenant": TENANT}, None)
    return record, session


async def shown(memory: Memory, record: Record, *, silent: bool = True) -> Flow:
    return await taken(memory, await confirm(memory.ports, record, TENANT, PERSON, silent=silent))


async def taken_visibly(memory: Memory, departure: Departure) -> Flow:
    """The flow of the leg that shows the same person once more, this time on a page of Microsoft's."""
    flow = await taken(memory, departure)
    begun_for = (flow.leg, flow.tenant_id, flow.object_id, flow.is_silent)
    assert begun_for == (Leg.CONFIRM, TENANT, PERSON, False)
    return flow


async def left(memory: Memory, record: Record) -> tuple[Record, Flow]:
    """The record as it stands while the person is at Microsoft's."""
    flow = await shown(memory, record)
    return memory.record(record.facts.association_id), flow


async def confirmed(memory: Memory, record: Record, flow: Flow | None = None) -> Record:
    came_to = await complete_confirm(memory.ports, flow or await shown(memory, record), {"code": "c"})
    assert not isinstance(came_to, Departure)
    return came_to[0]


def cause(memory: Memory, record: Record) -> str:
    return progress(memory.record(record.facts.association_id), memory.clock(), ()).cause


async def test_everything_agrees_and_the_tenant_is_bound(memory: Memory) -> None:
    record, _ = await consented(memory)
    after = await confirmed(memory, record)
    assert (after.facts.bound_tenant_id, after.facts.generation, after.facts.bound_at) == (TENANT, 1, NOW)
    assert memory.entra.begun[-1] == {"tenant": TENANT, "login_hint": f"marie@{DOMAIN}", "silent": True}
    assert memory.entra.asked[-1] == f"redeem {TENANT}"


async def test_all_results_are_noted_at_once_and_tell_what_they_were_before(memory: Memory) -> None:
    record, _ = await consented(memory)
    memory.graph.tenant = tenant_facts(subscriptions=())
    memory.graph.person = person_facts(roles=())
    after = await confirmed(memory, record)
    assert {check.result for check in after.checks.values()} == {Result.FAILED}
    assert after.facts.generation == 0
    assert [check.key for check in current_checks(after)] == list(Prerequisite)
    memory.graph.tenant, memory.graph.person = tenant_facts(), person_facts()
    again = await confirmed(memory, after)
    checked = [event for event in again.events if event.what == "checked"]
    assert checked[1].old == checked[0].new == "administrator=not_held premium=ended subscription=absent"
    assert again.facts.generation == 1


async def test_what_cannot_be_read_binds_nothing_and_is_unknown(memory: Memory) -> None:
    record, _ = await consented(memory)
    memory.graph.person = PersonFacts()
    after = await confirmed(memory, record)
    assert cause(memory, after) == Cause.CHECKS_UNKNOWN
    assert not after.facts.is_bound


async def test_when_microsoft_does_not_answer_no_fact_is_lost(memory: Memory) -> None:
    record, flow = await left(memory, (await consented(memory))[0])
    memory.graph.tenant = MicrosoftUnavailableError("reason=test")
    with pytest.raises(MicrosoftUnavailableError):
        await confirmed(memory, record, flow)
    assert memory.record(record.facts.association_id) == record


@pytest.mark.parametrize("change", [{"tenant_id": OTHER_TENANT}, {"object_id": OTHER_PERSON}])
async def test_another_person_coming_back_confirms_nothing(memory: Memory, change: dict[str, str]) -> None:
    record, flow = await left(memory, (await consented(memory))[0])
    memory.entra.redeemed = identity(memory, **change)
    with pytest.raises(AccountChangedError):
        await confirmed(memory, record, flow)
    assert memory.record(record.facts.association_id) == record


@pytest.mark.parametrize("change", [{"tenant_id": OTHER_TENANT}, {"object_id": OTHER_PERSON}])
async def test_somebody_else_signing_in_during_the_reads_takes_no_results_over(
    memory: Memory, change: dict[str, str]
) -> None:
    record, _ = await consented(memory)
    flow = await shown(memory, record)

    async def interfere() -> object:
        return memory.put(record, **change)

    memory.graph.interference = interfere
    with pytest.raises(AccountChangedError):
        await confirmed(memory, record, flow)
    after = memory.record(record.facts.association_id)
    assert not after.checks
    assert not after.facts.is_bound


async def test_a_leg_begun_through_a_link_that_was_replaced_confirms_nothing(memory: Memory) -> None:
    record, _ = await consented(memory)
    flow = await shown(memory, record)
    await renew_link(memory.ports, record.facts.association_id, "passed on")
    with pytest.raises(LinkRevokedError):
        await confirmed(memory, record, flow)
    assert not memory.record(record.facts.association_id).facts.is_bound


async def test_an_id_token_of_ten_minutes_ago_still_counts(memory: Memory) -> None:
    record, _ = await consented(memory)
    memory.entra.redeemed = identity(memory, issued_at=NOW - timedelta(minutes=10))
    assert (await confirmed(memory, record)).facts.is_bound


async def test_an_older_id_token_is_refused_before_anything_is_read(memory: Memory) -> None:
    record, flow = await left(memory, (await consented(memory))[0])
    memory.entra.redeemed = identity(memory, issued_at=NOW - timedelta(minutes=10, seconds=1))
    memory.graph.tenant = AssertionError("was read")
    with pytest.raises(IdTokenInvalidError):
        await confirmed(memory, record, flow)
    assert memory.record(record.facts.association_id) == record


@pytest.mark.parametrize("answer", [Answer.INTERACTION_REQUIRED, Answer.CONSENT_MISSING])
async def test_what_microsoft_wants_to_show_is_repeated_once_visibly(memory: Memory, answer: Answer) -> None:
    record, _ = await consented(memory)
    memory.entra.refused = MicrosoftRefusedError(answer)
    flow = await shown(memory, record)
    departure = await complete_confirm(memory.ports, flow, {"error": "x"})
    assert isinstance(departure, Departure)
    assert memory.entra.begun[-1] == {"tenant": TENANT, "login_hint": f"marie@{DOMAIN}", "silent": False}
    visible = await taken_visibly(memory, departure)
    with pytest.raises(SignInRefusedError):
        await complete_confirm(memory.ports, visible, {"error": "x"})


@pytest.mark.parametrize("change", [{"object_id": OTHER_PERSON}, {"tenant_id": OTHER_TENANT}])
async def test_nobody_is_shown_again_by_the_name_of_who_signed_in_since(
    memory: Memory, change: dict[str, str]
) -> None:
    record, _ = await consented(memory)
    memory.entra.refused = MicrosoftRefusedError(Answer.INTERACTION_REQUIRED)
    flow = await shown(memory, record)
    begun = list(memory.entra.begun)
    memory.put(memory.record(record.facts.association_id), **change)
    with pytest.raises(AccountChangedError):
        await complete_confirm(memory.ports, flow, {"error": "x"})
    assert memory.entra.begun == begun


@pytest.mark.parametrize(
    "answer", [each for each in Answer if each not in (Answer.INTERACTION_REQUIRED, Answer.CONSENT_MISSING)]
)
async def test_any_other_error_is_not_repeated(memory: Memory, answer: Answer) -> None:
    record, _ = await consented(memory)
    memory.entra.refused = MicrosoftRefusedError(answer)
    flow = await shown(memory, record)
    begun = len(memory.entra.begun)
    passing = MicrosoftUnavailableError if answer in NOT_THE_CUSTOMERS else SignInRefusedError
    with pytest.raises(MicrosoftRefusedError if answer in OURS else passing):
        await complete_confirm(memory.ports, flow, {"error": "x"})
    assert len(memory.entra.begun) == begun


@pytest.mark.parametrize("answer", [Answer.INTERACTION_REQUIRED, Answer.CONSENT_MISSING])
async def test_what_microsoft_wants_to_show_once_it_has_the_code_is_repeated_once_visibly(
    memory: Memory, answer: Answer
) -> None:
    record, _ = await consented(memory)
    flow = await shown(memory, record)
    memory.entra.redeemed = MicrosoftRefusedError(answer)
    departure = await complete_confirm(memory.ports, flow, {"code": "c"}, record)
    assert isinstance(departure, Departure)
    visible = await taken_visibly(memory, departure)
    with pytest.raises(MicrosoftRefusedError) as refused:
        await complete_confirm(memory.ports, visible, {"code": "c"})
    assert refused.value.answer is answer


async def test_the_results_meet_a_change_made_meanwhile(memory: Memory) -> None:
    record, _ = await consented(memory)
    flow = await shown(memory, record)

    async def interfere() -> object:
        return memory.put(memory.record(record.facts.association_id), company_name="Dupont et Fils")

    memory.associations.interference = interfere
    after = await confirmed(memory, record, flow)
    assert after.facts.company_name == "Dupont et Fils"
    assert after.facts.is_bound


async def test_access_seen_at_the_check_is_refused_no_more(memory: Memory) -> None:
    """A look in between had met a refusal."""
    record, _ = await consented(memory)
    flow = await shown(memory, record)
    refused = {"access_proven_at": None, "access_refused_at": NOW, "access_refusal": "disabled"}
    record = memory.put(memory.record(record.facts.association_id), **refused)
    facts = (await confirmed(memory, record, flow)).facts
    assert facts.access_proven_at
    assert (facts.access_refused_at, facts.access_refusal) == (None, "")


async def test_access_gone_during_the_check_is_not_proven_any_more(memory: Memory) -> None:
    record, _ = await consented(memory)
    memory.graph.tenant = TenantFacts()
    after = await confirmed(memory, record)
    assert after.facts.access_proven_at is None
    assert not after.facts.is_bound
    assert cause(memory, after) == Cause.ACCESS_AWAITED


async def test_access_seen_during_the_check_is_proven_and_lost_no_more(memory: Memory) -> None:
    record, _ = await consented(memory)
    memory.clock.advance(hours=1)
    record = memory.put(record, access_proven_at=None, access_lost_at=memory.clock())
    memory.entra.redeemed = identity(memory)
    memory.graph.person = person_facts(roles=())
    after = await confirmed(memory, record)
    assert (after.facts.access_proven_at, after.facts.access_lost_at) == (memory.clock(), None)


# « Revérifier »


async def test_checking_again_with_access_shows_the_person_again(memory: Memory) -> None:
    record, session = await consented(memory)
    departure = await recheck(memory.ports, record, session)
    assert departure is not None
    assert (await taken(memory, departure)).leg is Leg.CONFIRM


async def test_checking_again_while_access_is_on_its_way_waits(memory: Memory) -> None:
    memory.entra.roles = frozenset()
    record, session = await consented(memory)
    assert await recheck(memory.ports, record, session) is None
    assert memory.record(record.facts.association_id) == record
    assert cause(memory, record) == Cause.ACCESS_AWAITED


async def test_checking_again_finds_the_access_that_came_meanwhile(memory: Memory) -> None:
    memory.entra.roles = frozenset()
    record, session = await consented(memory)
    memory.entra.roles = ROLES
    memory.clock.advance(seconds=BACK_OFF[0])
    assert await recheck(memory.ports, record, session) is not None
    assert memory.record(record.facts.association_id).facts.access_proven_at == memory.clock()


@pytest.mark.parametrize(
    "roles", [frozenset(), MicrosoftRefusedError(Answer.NOT_IN_TENANT)], ids=["no roles", "not in tenant"]
)
async def test_checking_again_without_access_asks_for_consent_again(memory: Memory, roles: Any) -> None:
    record, session = await consented(memory)
    memory.entra.roles = roles
    assert await recheck(memory.ports, record, session) is None
    assert cause(memory, record) == Cause.ACCESS_MISSING


@pytest.mark.parametrize(
    "failure",
    [
        MicrosoftUnavailableError("reason=test"),
        MicrosoftRefusedError(Answer.THROTTLED),
        MicrosoftRefusedError(Answer.UNAVAILABLE),
        MicrosoftRefusedError(Answer.OUR_CREDENTIAL),
    ],
    ids=["no answer", "throttled", "unavailable", "our credential"],
)
async def test_what_is_no_fault_of_the_tenants_is_not_taken_for_access_lost(
    memory: Memory, failure: Exception
) -> None:
    record, session = await consented(memory)
    memory.entra.roles = failure
    with pytest.raises(type(failure)):
        await recheck(memory.ports, record, session)
    assert memory.record(record.facts.association_id) == record


async def test_checking_again_is_for_the_person_who_is_signed_in(memory: Memory) -> None:
    record, session = await consented(memory)
    with pytest.raises(AccountChangedError):
        await recheck(memory.ports, memory.put(record, object_id=OTHER_PERSON), session)


# Rule S1, one conjunct after the other


async def agreeing(memory: Memory) -> Record:
    record, _ = await consented(memory)
    checks = {
        key: Check(
            key=key, result=Result.OK, cause="ok", evidence="", at=NOW, tenant_id=TENANT, object_id=PERSON
        )
        for key in Prerequisite
    }
    return replace(record, checks=checks)


async def test_when_all_agree_it_may_be_bound(memory: Memory) -> None:
    assert may_bind(await agreeing(memory), identity(memory), tenant_facts())


@pytest.mark.parametrize(
    ("facts", "who", "tenant"),
    [
        pytest.param({"tenant_id": OTHER_TENANT}, {}, {}, id="the record is of another tenant"),
        pytest.param({"object_id": OTHER_PERSON}, {}, {}, id="the record is of another person"),
        pytest.param({}, {"tenant_id": OTHER_TENANT}, {}, id="the id_token is of another tenant"),
        pytest.param({}, {"object_id": OTHER_PERSON}, {}, id="the id_token is of another person"),
        pytest.param({}, {}, {"tenant_id": OTHER_TENANT}, id="access is to another tenant"),
        pytest.param({}, {}, {"tenant_id": ""}, id="the tenant could not be read"),
        pytest.param({"accepted_by": AcceptedBy.NOBODY}, {}, {}, id="nobody accepted the tenant"),
        pytest.param(
            {"accepted_by": AcceptedBy.CODE, "is_guest": True}, {}, {}, id="a guest, and only a code accepted"
        ),
        pytest.param({}, {}, {"domains": frozenset()}, id="the tenant does not list the expected domain"),
        pytest.param({"administrator": 0}, {}, {}, id="nobody is recorded, so no domain is expected"),
        pytest.param({}, {}, {"roles": frozenset()}, id="access without roles"),
        pytest.param({}, {}, {"roles": ROLES - {"Application.Read.All"}}, id="access with one role of two"),
    ],
)
async def test_when_one_of_them_does_not_agree_it_may_not(
    memory: Memory, facts: dict[str, Any], who: dict[str, Any], tenant: dict[str, Any]
) -> None:
    record = memory.put(await agreeing(memory), **facts)
    assert not may_bind(record, identity(memory, **who), tenant_facts(**tenant))


@pytest.mark.parametrize("key", Prerequisite)
@pytest.mark.parametrize(
    "change",
    [
        {"result": Result.FAILED},
        {"result": Result.UNKNOWN},
        {"tenant_id": OTHER_TENANT},
        {"object_id": OTHER_PERSON},
    ],
    ids=["failed", "unknown", "another tenant's", "another person's"],
)
async def test_when_one_check_is_not_ok_it_may_not(
    memory: Memory, key: Prerequisite, change: dict[str, Any]
) -> None:
    record = await agreeing(memory)
    checks = {**record.checks, key: replace(record.checks[key], **change)}
    assert not may_bind(replace(record, checks=checks), identity(memory), tenant_facts())


async def test_a_tenant_accepted_by_code_or_support_need_not_list_the_domain(memory: Memory) -> None:
    for accepted_by in (AcceptedBy.CODE, AcceptedBy.SUPPORT):
        record = memory.put(await agreeing(memory), accepted_by=accepted_by)
        assert may_bind(record, identity(memory), tenant_facts(domains=frozenset()))


async def test_a_guest_may_bind_the_tenant_that_is_expected_by_its_domain(memory: Memory) -> None:
    assert may_bind(memory.put(await agreeing(memory), is_guest=True), identity(memory), tenant_facts())


async def test_a_confirming_leg_that_was_under_way_at_the_sign_out_opens_no_session(memory: Memory) -> None:
    record, _ = await consented(memory)
    flow = await shown(memory, record)
    memory.clock.advance(seconds=5)
    await sign_out(memory.ports, record)
    with pytest.raises(SessionMissingError):
        await complete_confirm(memory.ports, flow, {"code": "code"})
    assert not memory.record(record.facts.association_id).facts.is_bound


async def test_access_seen_once_and_gone_again_is_looked_for_in_the_background(
    memory: Memory,
) -> None:
    record, _ = await consented(memory)
    assert record.facts.access_proven_at
    flow = await shown(memory, record)
    memory.graph.tenant = tenant_facts(roles=frozenset())
    memory.tasks.sent.clear()
    came_to = await complete_confirm(memory.ports, flow, {"code": "code"})
    assert not isinstance(came_to, Departure)
    assert progress(came_to[0], memory.ports.now(), ()).cause is Cause.ACCESS_AWAITED
    kinds = [(task.kind, delay) for task, delay in memory.tasks.sent]
    assert kinds == [(TaskKind.ACCESS, SAFETY_DELAY), (TaskKind.ACCESS, timedelta(seconds=BACK_OFF[0]))]


async def test_a_bound_tenant_stays_accepted_when_the_recorded_address_is_erased(memory: Memory) -> None:
    record, session = await consented(memory)
    bound = await confirmed(memory, record)
    administrator, identifier = bound.facts.administrator, bound.facts.association_id
    await erase_person(memory.ports, identifier, "asked for", number=administrator)
    after = await confirmed(memory, memory.record(identifier))
    assert after.facts.accepted_by is AcceptedBy.DOMAIN
    require_accepted(after, session)


async def test_a_tenant_without_the_domain_that_accepted_it_is_to_be_confirmed(memory: Memory) -> None:
    record, _ = await consented(memory)
    memory.graph.tenant = tenant_facts(domains=frozenset({"else.example"}))
    came_to = await complete_confirm(memory.ports, await shown(memory, record), {"code": "code"})
    assert not isinstance(came_to, Departure)
    assert not came_to[0].facts.is_bound
    assert progress(came_to[0], memory.ports.now(), ()).cause is Cause.TENANT_UNEXPECTED


async def test_an_organisation_that_does_not_show_itself_as_this_tenant_leaves_the_checks_unknown(
    memory: Memory,
) -> None:
    record, _ = await consented(memory)
    memory.graph.tenant = tenant_facts(tenant_id="")
    came_to = await complete_confirm(memory.ports, await shown(memory, record), {"code": "code"})
    assert not isinstance(came_to, Departure)
    assert progress(came_to[0], memory.ports.now(), ()).cause is Cause.CHECKS_UNKNOWN


async def test_a_conflict_ends_when_the_other_claim_is_gone(memory: Memory) -> None:
    record, session = await consented(memory)
    other = Claim(association_id="b" * 32, at=memory.ports.now(), generation=1)
    await memory.claims.claim("tenant", TENANT, other)
    came_to = await complete_confirm(memory.ports, await shown(memory, record), {"code": "code"})
    assert not isinstance(came_to, Departure)
    conflicting = came_to[0]
    assert progress(conflicting, memory.ports.now(), ()).cause is Cause.TENANT_BOUND_ELSEWHERE
    assert await memory.claims.release("tenant", TENANT, other)
    departure = await recheck(memory.ports, conflicting, session)
    assert departure is not None
    again = await complete_confirm(memory.ports, await taken(memory, departure), {"code": "code"})
    assert not isinstance(again, Departure)
    assert again[0].facts.is_bound
    assert again[0].facts.conflict_at is None
