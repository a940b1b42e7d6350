"""Each fault of Microsoft's sign-in service and each of the adapter's operations, over real connections."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from adapters.deadline import within
from adapters.microsoft.entra import THREADS
from association.answer import Answer
from association.microsoft_errors import MicrosoftUnavailableError
from association.rows import Leg
from sandbox.faults.listed import Part
from sandbox.faults.plan import faults_of
from tests.microsoft_application import HAPPY
from tests.microsoft_faults import EXPECTED, PATIENCE, TOLD, WITH_TIME, Disturbed, Expected, tells_secrets

pytest_plugins = ["tests.faulty_microsoft"]

FAULTS = [fault.name for fault in faults_of(Part.ENTRA)]
OF_ENTRA = {
    **EXPECTED,
    "throttled_in_plain_text": EXPECTED["throttled"],
    "truncated_body": Expected(EXPECTED["truncated_body"].repeats, "kind=ChunkedEncodingError"),
    "reset": Expected(EXPECTED["reset"].repeats, "kind=ConnectionError"),
    "hang": Expected(0, "kind=ReadTimeout"),
    "slow_drip": Expected(0, "kind=ConnectionError"),
}
DISCOVERY, TOKEN, KEYS = "openid-configuration", "/oauth2/v2.0/token", "/discovery/v2.0/keys"
# Beside the time for an answer: a machine that has other things to do.
SLACK = 1.0

Operation = Callable[[Disturbed, Callable[[], Any]], Awaitable[Any]]


async def begin(disturbed: Disturbed, disturb: Callable[[], Any]) -> Any:
    disturb()
    return await disturbed.entra.begin(
        disturbed.tenant_id, Leg.CONFIRM, state="s", login_hint="", silent=True
    )


async def app_token(disturbed: Disturbed, disturb: Callable[[], Any]) -> Any:
    disturb()
    return await disturbed.entra.app_token(disturbed.tenant_id)


async def tenant_of_domain(disturbed: Disturbed, disturb: Callable[[], Any]) -> Any:
    disturb()
    return await disturbed.entra.tenant_of_domain(disturbed.application.directory.tenants[HAPPY].domains[0])


# Each operation, the address that is disturbed, and whether it is asked again there.
OPERATIONS: dict[str, tuple[Operation, str, bool]] = {
    "begin": (begin, DISCOVERY, True),
    "app_token": (app_token, TOKEN, True),
    "app_token at discovery": (app_token, DISCOVERY, True),
    "tenant_of_domain": (tenant_of_domain, DISCOVERY, True),
    "redeem": (Disturbed.signed_in, TOKEN, False),
    "redeem at the keys": (Disturbed.signed_in, KEYS, True),
}


def test_every_fault_of_the_list_is_expected_here() -> None:
    assert set(OF_ENTRA) == set(FAULTS)


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_that_lasts_is_told_in_time_and_over_with_it(
    disturbed: Disturbed, fault: str, name: str
) -> None:
    operation, path, is_repeated = OPERATIONS[name]
    expected = OF_ENTRA[fault] if is_repeated else Expected(0, OF_ENTRA[fault].told)
    begun = time.monotonic()
    with pytest.raises(MicrosoftUnavailableError) as caught:
        await operation(disturbed, lambda: disturbed.disturb("entra", fault, path))
    assert time.monotonic() - begun < PATIENCE + SLACK * (1 + expected.repeats)
    error = caught.value
    assert error.code == "microsoft_unavailable"
    assert expected.told in error.detail
    assert tells_secrets(error) == []
    assert disturbed.count("entra", fault) == 1 + expected.repeats
    assert disturbed.waits.seconds == expected.waits(fault)
    assert error.retry_after == (TOLD if fault in WITH_TIME else 0)

    disturbed.calm()
    assert await operation(disturbed, lambda: None)


@pytest.mark.parametrize("fault", [name for name in FAULTS if OF_ENTRA[name].repeats])
async def test_a_fault_that_passes_is_not_noticed(disturbed: Disturbed, fault: str) -> None:
    disturbed.disturb("entra", fault, TOKEN, times=1)
    assert await disturbed.entra.app_roles(disturbed.tenant_id)
    assert disturbed.waits.seconds == OF_ENTRA[fault].waits(fault)[:1]


@pytest.mark.parametrize("seconds", [3, 60])
async def test_a_wait_for_which_there_is_no_time_is_told_at_once(disturbed: Disturbed, seconds: int) -> None:
    disturbed.disturb("entra", "throttled_in_plain_text", TOKEN, seconds=seconds)
    with within(3), pytest.raises(MicrosoftUnavailableError) as caught:
        await disturbed.entra.app_token(disturbed.tenant_id)
    assert (caught.value.retry_after, caught.value.values) == (seconds, {"answer": Answer.THROTTLED})
    assert disturbed.waits.seconds == []
    assert disturbed.count("entra", "throttled_in_plain_text") == 1


@pytest.mark.parametrize("fault", ["hang", "slow_drip"])
async def test_calls_that_hang_end_with_the_request_and_give_their_threads_back(
    disturbed: Disturbed, fault: str
) -> None:
    await disturbed.entra.app_token(disturbed.tenant_id)
    disturbed.disturb("entra", fault, TOKEN, seconds=0.02)
    begun = time.monotonic()
    with within(0.3):
        ended = await asyncio.gather(
            *(disturbed.entra.app_token(disturbed.tenant_id) for _ in range(2 * THREADS)),
            return_exceptions=True,
        )
    assert {type(each) for each in ended} == {MicrosoftUnavailableError}
    assert time.monotonic() - begun < 0.3 + SLACK
    assert 0 < disturbed.count("entra", fault) <= THREADS, "a call that nobody waits for is not begun"
    disturbed.calm()
    begun = time.monotonic()
    assert await disturbed.entra.app_token(disturbed.tenant_id)
    assert time.monotonic() - begun < SLACK


async def test_keys_that_change_between_two_sign_ins_are_read_again_at_once(disturbed: Disturbed) -> None:
    first = await disturbed.signed_in()
    second = await disturbed.signed_in(disturbed.application.microsoft.authority.tokens.rotate)
    assert first.object_id == second.object_id
