"""Which call a queued fault strikes."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sandbox.faults.listed import FAULTS, Part
from sandbox.faults.plan import Call, FaultError, Plan, faults_of


def call(
    part: Part = Part.GRAPH, method: str = "GET", path: str = "/v1.0/organization", *tenants: str
) -> Call:
    return Call(part=part, method=method, path=path, tenants=lambda: tenants)


def struck(plan: Plan, *calls: Call) -> list[str]:
    found = [plan.strikes(one) for one in calls]
    return [disturbance.fault.name if disturbance else "" for disturbance in found]


def test_faults_strike_in_their_order_as_often_as_they_were_asked_for() -> None:
    plan = Plan()
    plan.add("graph", "reset", times=2)
    plan.add("graph", "throttled")
    assert struck(plan, *[call()] * 4) == ["reset", "reset", "throttled", ""]


@pytest.mark.parametrize(
    ("wanted", "other"),
    [
        pytest.param({}, call(Part.ENTRA), id="part"),
        pytest.param({"method": "POST"}, call(), id="method"),
        pytest.param({"path": "/me"}, call(), id="path"),
        pytest.param({"tenant": "faure"}, call(Part.GRAPH, "GET", "/", "lambert"), id="tenant"),
    ],
)
def test_another_call_is_left_alone_and_counts_for_nothing(wanted: dict[str, Any], other: Call) -> None:
    plan = Plan()
    plan.add("graph", "reset", skip=1, **wanted)
    this = call(Part.GRAPH, "POST" if "method" in wanted else "GET", "/v1.0/me", "faure")
    assert struck(plan, other, this, other, this, this) == ["", "", "", "reset", ""]


def test_a_tenant_is_looked_for_only_when_a_fault_asks_for_one() -> None:
    plan = Plan()

    def tenants() -> list[str]:
        raise AssertionError

    plan.add("graph", "reset")
    assert plan.strikes(Call(part=Part.GRAPH, method="GET", path="/", tenants=tenants))


def test_a_rate_strikes_its_share_with_all_faults_and_the_same_ones_for_the_same_seed() -> None:
    def storm(seed: int) -> list[str]:
        plan = Plan()
        plan.add("storage", rate=0.05, seed=seed)
        return struck(plan, *[call(Part.STORAGE)] * 4000)

    first = storm(7)
    assert 150 < sum(map(bool, first)) < 250
    assert set(first) == {"", *(fault.name for fault in faults_of(Part.STORAGE))}
    assert storm(7) == first
    assert storm(8) != first


def test_the_rest_and_what_happened_are_told_and_forgotten() -> None:
    plan = Plan()
    plan.add("graph", "throttled", times=3, seconds=2, tenant="faure")
    disturbance = plan.strikes(call(Part.GRAPH, "GET", "/v1.0/me", "faure"))
    assert disturbance is not None
    assert (disturbance.fault, disturbance.seconds) == (FAULTS["throttled"], 2)
    told = plan.as_json()
    assert [(one["fault"], one["times"], one["tenant"]) for one in told["queued"]] == [
        ("throttled", 2, "faure")
    ]
    assert told["counts"] == {"graph.throttled": 1}
    assert told["happened"] == [{"part": "graph", "fault": "throttled", "method": "GET", "path": "/v1.0/me"}]
    plan.clear()
    assert plan.as_json() == {"queued": [], "counts": {}, "happened": []}
    assert not plan.concerns(Part.GRAPH)


def test_what_is_queued_for_one_tenant_is_withdrawn_alone() -> None:
    plan = Plan()
    plan.add("graph", "reset", tenant="faure")
    plan.add("graph", "hang", tenant="lambert")
    plan.withdraw(tenant="faure")
    assert [one["fault"] for one in plan.as_json()["queued"]] == ["hang"]


def test_threads_share_a_fault_without_taking_it_twice() -> None:
    plan = Plan()
    plan.add("graph", "reset", tenant="faure")

    def tenants() -> list[str]:
        time.sleep(0.02)  # the others come in here, unless they have to wait
        return ["faure"]

    with ThreadPoolExecutor(8) as pool:
        asked = Call(part=Part.GRAPH, method="GET", path="/", tenants=tenants)
        found = list(pool.map(plan.strikes, [asked] * 8))
    assert len([disturbance for disturbance in found if disturbance]) == 1


def test_a_part_that_does_not_ask_the_plan_cannot_be_queued_for() -> None:
    with pytest.raises(FaultError, match="storage faults"):
        Plan([Part.GRAPH]).add("storage", "reset")


def test_every_part_has_faults_and_every_fault_a_part() -> None:
    assert all(faults_of(part) for part in Part)
    assert all(fault.parts and fault.what and name == fault.name for name, fault in FAULTS.items())
