"""Each fault of Entra and of Graph over real connections, as a client without retries sees it."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from msal.exceptions import MsalServiceError
from requests.exceptions import ChunkedEncodingError, ConnectionError, JSONDecodeError, ReadTimeout

from sandbox import tls
from sandbox.faults.listed import Part
from sandbox.faults.plan import Plan, faults_of
from sandbox.microsoft import Directory, sage_business_center
from sandbox.microsoft.running import serving
from sandbox.microsoft.visitor import returned
from tests.microsoft_application import (
    BASE,
    CLIENT_ID,
    GRAPH_DEFAULT,
    HAPPY,
    HAPPY_ADMINISTRATOR,
    SECRET,
    Application,
)

PATIENCE = 0.4
# What the answer to a refusal is: status, Retry-After, and what the body holds.
ENTRA = {
    "throttled": (429, "7", '"error_codes": [90055]'),
    "throttled_without_time": (429, None, '"error": "temporarily_unavailable"'),
    "throttled_in_plain_text": (429, "7", "Too Many Requests"),
    "server_error": (500, None, '"error": "server_error"'),
    "bad_gateway": (502, None, "<h1>502 Bad Gateway</h1>"),
    "unavailable": (503, None, '"error_codes": [90033]'),
    "gateway_timeout": (504, None, '"error_codes": [90012]'),
}
GRAPH = {
    "throttled": (429, "7", '"code": "TooManyRequests"'),
    "throttled_without_time": (429, None, '"code": "TooManyRequests"'),
    "server_error": (500, None, '"code": "generalException"'),
    "bad_gateway": (502, None, "<h1>502 Bad Gateway</h1>"),
    "unavailable": (503, None, '"code": "serviceNotAvailable"'),
    "gateway_timeout": (504, None, '"code": "UnknownError"'),
}
REFUSALS = {Part.ENTRA: ENTRA, Part.GRAPH: GRAPH}
# What happens to the connection, as requests tells it.
BROKEN: dict[str, type[Exception]] = {
    "malformed_json": JSONDecodeError,
    "truncated_body": ChunkedEncodingError,
    "reset": ConnectionError,
    "hang": ReadTimeout,
}

Ask = Callable[..., requests.Response]  # `stream=True` leaves the body unread


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan()


@pytest.fixture(scope="module")
def application(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """The product's registration, consented to in one tenant."""
    certificates = tls.create(tmp_path_factory.mktemp("tls"))
    product = sage_business_center(CLIENT_ID, BASE, secret=SECRET)
    with (
        pytest.MonkeyPatch.context() as patched,
        serving(Directory.load(), [product], certificates, plan) as microsoft,
    ):
        patched.setenv("REQUESTS_CA_BUNDLE", str(certificates.ca_file))
        application = Application(microsoft, certificates.ca_file)
        application.consent(HAPPY_ADMINISTRATOR, application.directory.tenants[HAPPY].id)
        yield application


@pytest.fixture(scope="module")
def asks(application: Application) -> dict[Part, Ask]:
    """A call of each part that succeeds if nothing disturbs it."""
    tenant = application.directory.tenants[HAPPY].id
    token_endpoint = f"{application.back_channel}/{tenant}/oauth2/v2.0/token"
    form = {"client_id": CLIENT_ID, "client_secret": SECRET, "scope": GRAPH_DEFAULT}
    form["grant_type"] = "client_credentials"
    organization = f"{application.back_channel}/v1.0/organization"

    def entra(stream: bool = False) -> requests.Response:
        return requests.post(token_endpoint, form, timeout=PATIENCE, stream=stream)

    headers = {"Authorization": f"Bearer {entra().json()['access_token']}"}

    def graph(stream: bool = False) -> requests.Response:
        return requests.get(organization, headers=headers, timeout=PATIENCE, stream=stream)

    return {Part.ENTRA: entra, Part.GRAPH: graph}


@pytest.fixture(autouse=True)
def nothing_left(plan: Plan) -> Iterator[None]:
    yield
    plan.clear()


def test_the_tables_here_hold_every_fault_of_the_list() -> None:
    for part, refusals in REFUSALS.items():
        assert {fault.name for fault in faults_of(part)} == {*refusals, *BROKEN, "slow_drip"}


@pytest.mark.parametrize(
    ("part", "fault", "told"),
    [(part, fault, told) for part, refusals in REFUSALS.items() for fault, told in refusals.items()],
)
def test_a_refusal_is_told_as_microsoft_tells_it_and_is_over_with_the_call(
    asks: dict[Part, Ask], plan: Plan, part: Part, fault: str, told: tuple[int, str | None, str]
) -> None:
    plan.add(part, fault, seconds=7)
    answer = asks[part]()
    assert (answer.status_code, answer.headers.get("Retry-After")) == told[:2]
    assert told[2] in answer.text
    assert asks[part]().status_code == 200
    assert plan.as_json()["counts"] == {f"{part}.{fault}": 1}


@pytest.mark.parametrize(
    ("part", "fault", "error"), [(part, *broken) for part in REFUSALS for broken in BROKEN.items()]
)
def test_a_broken_exchange_is_over_with_the_call(
    asks: dict[Part, Ask], plan: Plan, part: Part, fault: str, error: type[Exception]
) -> None:
    plan.add(part, fault)
    began = time.monotonic()
    with pytest.raises(error):
        asks[part]().json()
    assert (time.monotonic() - began >= PATIENCE) is (fault == "hang")
    assert asks[part]().status_code == 200


@pytest.mark.parametrize("part", REFUSALS)
def test_a_slow_drip_goes_on_as_long_as_somebody_reads(asks: dict[Part, Ask], plan: Plan, part: Part) -> None:
    plan.add(part, "slow_drip", seconds=0.01)
    with asks[part](stream=True) as answer:
        assert (answer.status_code, answer.headers["Content-Length"]) == (200, "1000000")
        assert b"".join(byte for byte, _ in zip(answer.iter_content(1), range(20), strict=False))[:2] == b'{"'
    assert asks[part]().status_code == 200


def test_a_fault_of_one_tenant_strikes_its_token_its_path_and_its_code_only(
    application: Application, asks: dict[Part, Ask], plan: Plan
) -> None:
    for part in REFUSALS:
        plan.add(part, "unavailable", tenant="transports-girard")
        assert asks[part]().status_code == 200
        plan.add(part, "unavailable", tenant=HAPPY)
        assert asks[part]().status_code == 503
    plan.clear()
    flow = application.flow(prompt="select_account")
    answer = returned(application.visitor.pick(flow["auth_uri"], HAPPY_ADMINISTRATOR))
    client = application.msal()
    plan.add("entra", "unavailable", tenant=HAPPY)
    with pytest.raises(MsalServiceError):
        client.acquire_token_by_auth_code_flow(flow, answer)


def test_the_code_is_spent_when_only_the_answer_was_cut_off(application: Application, plan: Plan) -> None:
    flow = application.flow(prompt="select_account")
    answer = returned(application.visitor.pick(flow["auth_uri"], HAPPY_ADMINISTRATOR))
    plan.add("entra", "truncated_body", path="/token")
    with pytest.raises(requests.RequestException):
        application.redeem(flow, answer)
    assert application.redeem(flow, answer)["error_codes"] == [54005]


def test_everything_that_hangs_ends_with_the_server(tmp_path: Path) -> None:
    plan = Plan()
    with serving(Directory.load(), [], tls.create(tmp_path), plan) as microsoft:
        host, _, port = microsoft.authority.back_channel_origin[8:].partition(":")
        plan.add("entra", "hang")
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        with (
            socket.create_connection((host, int(port))) as bare,
            context.wrap_socket(bare, server_hostname=host) as connection,
        ):
            connection.sendall(b"GET /organizations/discovery/v2.0/keys HTTP/1.1\r\nHost: localhost\r\n\r\n")
            while not plan.as_json()["counts"]:
                time.sleep(0.01)
            began = time.monotonic()
    assert time.monotonic() - began < 3
