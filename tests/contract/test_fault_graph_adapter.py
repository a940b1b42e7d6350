"""Each fault of Microsoft Graph and each of the adapter's operations, over real connections."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from adapters.deadline import within
from association.microsoft_errors import MicrosoftUnavailableError
from sandbox.faults.listed import Part
from sandbox.faults.plan import faults_of
from tests.contract.test_microsoft_graph import user_token
from tests.microsoft_application import CLIENT_ID, HAPPY_ADMINISTRATOR
from tests.microsoft_faults import EXPECTED, PATIENCE, TOLD, WITH_TIME, Disturbed, Expected, tells_secrets

pytest_plugins = ["tests.faulty_microsoft"]

FAULTS = [fault.name for fault in faults_of(Part.GRAPH)]
OF_GRAPH = {
    **EXPECTED,
    "truncated_body": Expected(EXPECTED["truncated_body"].repeats, "kind=RemoteProtocolError"),
    "reset": Expected(EXPECTED["reset"].repeats, "kind=ReadError"),
    "hang": Expected(0, "kind=Timeout"),
    "slow_drip": Expected(0, "kind=Timeout"),
}
SLACK = 1.5  # beside the time for an answer: the first call imports the SDK's builders

Operation = Callable[[Disturbed], Awaitable[Any]]


async def tenant_facts(disturbed: Disturbed) -> Any:
    return await disturbed.graph.tenant_facts(disturbed.tenant_id)


async def person_facts(disturbed: Disturbed) -> Any:
    scopes = ("User.Read", "RoleManagement.Read.Directory")
    return await disturbed.graph.person_facts(user_token(disturbed.application, HAPPY_ADMINISTRATOR, *scopes))


async def application_roles(disturbed: Disturbed) -> Any:
    return await disturbed.graph.application_roles(disturbed.tenant_id, [CLIENT_ID])


async def lets_in(disturbed: Disturbed) -> Any:
    return await disturbed.graph.lets_in(disturbed.tenant_id)


# Each operation, and the read of it that is disturbed.
OPERATIONS: dict[str, tuple[Operation, str]] = {
    "tenant_facts": (tenant_facts, "/organization"),
    "lets_in": (lets_in, "/organization"),
    "person_facts": (person_facts, "/licenseDetails"),
    "application_roles": (application_roles, "/appRoleAssignments"),
}


def test_every_fault_of_the_list_is_expected_here() -> None:
    assert set(OF_GRAPH) == set(FAULTS)


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_that_lasts_is_told_in_time_and_over_with_it(
    disturbed: Disturbed, fault: str, name: str
) -> None:
    (operation, path), expected = OPERATIONS[name], OF_GRAPH[fault]
    disturbed.disturb("graph", fault, path)
    begun = time.monotonic()
    with pytest.raises(MicrosoftUnavailableError) as caught:
        await operation(disturbed)
    assert time.monotonic() - begun < PATIENCE + SLACK * (1 + expected.repeats)
    error = caught.value
    assert error.code == "microsoft_unavailable"
    assert expected.told in error.detail
    assert tells_secrets(error) == []
    assert disturbed.count("graph", fault) == 1 + expected.repeats
    assert disturbed.waits.seconds == expected.waits(fault)
    assert error.retry_after == (TOLD if fault in WITH_TIME else 0)

    disturbed.calm()
    assert await operation(disturbed)


@pytest.mark.parametrize("fault", [name for name in FAULTS if OF_GRAPH[name].repeats])
async def test_a_fault_that_passes_is_not_noticed(disturbed: Disturbed, fault: str) -> None:
    disturbed.disturb("graph", fault, "/subscribedSkus", times=1)
    facts = await tenant_facts(disturbed)
    assert facts.subscriptions
    assert disturbed.waits.seconds == OF_GRAPH[fault].waits(fault)[:1]


@pytest.mark.parametrize("fault", ["throttled", "reset", "malformed_json"])
async def test_nobody_waits_for_what_only_explains_a_result(disturbed: Disturbed, fault: str) -> None:
    disturbed.disturb("graph", fault, "/directory/subscriptions")
    facts = await tenant_facts(disturbed)
    assert facts.subscriptions
    assert disturbed.waits.seconds == []
    assert disturbed.count("graph", fault) == 1


@pytest.mark.parametrize("seconds", [3, 60])
async def test_a_wait_for_which_there_is_no_time_is_told_at_once(disturbed: Disturbed, seconds: int) -> None:
    disturbed.disturb("graph", "throttled", "/organization", seconds=seconds)
    with within(3), pytest.raises(MicrosoftUnavailableError) as caught:
        await tenant_facts(disturbed)
    assert caught.value.retry_after == seconds
    assert disturbed.waits.seconds == []
    assert disturbed.count("graph", "throttled") == 1


@pytest.mark.parametrize("fault", ["hang", "slow_drip"])
async def test_no_call_lasts_longer_than_the_request_has_left(disturbed: Disturbed, fault: str) -> None:
    token = await disturbed.entra.app_token(disturbed.tenant_id)
    disturbed.disturb("graph", fault, "/licenseDetails")
    begun = time.monotonic()
    with within(0.2), pytest.raises(MicrosoftUnavailableError):
        await disturbed.graph.person_facts(token)
    assert time.monotonic() - begun < PATIENCE
