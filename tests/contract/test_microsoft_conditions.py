"""Each lasting condition, set and lifted over HTTP, as the application and the person see it."""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from aiohttp import web

from sandbox.control import control_app
from sandbox.credentials import new_credential
from sandbox.microsoft.conditions import CONDITIONS
from sandbox.microsoft.registrations import read_certificates
from sandbox.microsoft.visitor import Page, returned
from sandbox.threads import loop_in_a_thread
from tests.microsoft_application import CLIENT_ID, GRAPH_DEFAULT, HAPPY, HAPPY_ADMINISTRATOR, Application

pytest_plugins = ["tests.microsoft"]

TENANT = f"tenants/{HAPPY}"
APP = f"registrations/{CLIENT_ID}"
Set = Callable[..., requests.Response]


@pytest.fixture
def sets(application: Application) -> Iterator[Set]:
    """What posts to the control application."""
    app = control_app(application.directory, [], None, application.microsoft.authority)

    async def start() -> web.AppRunner:
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    with loop_in_a_thread() as run:
        runner = run(start())
        port = runner.addresses[0][1]

        def post(
            subject: str, condition: str = "", /, *, body: Any = None, **fields: Any
        ) -> requests.Response:
            body = body if body is not None else fields | ({"condition": condition} if condition else {})
            return requests.post(f"http://127.0.0.1:{port}/{subject}", json=body, timeout=5)

        yield post
        post(APP, reset=True)
        run(runner.cleanup())


def tenant_id(application: Application) -> str:
    return application.directory.tenants[HAPPY].id


def consents(application: Application) -> dict[str, str]:
    return application.consent(HAPPY_ADMINISTRATOR, tenant_id(application))


def number(answer: dict[str, Any]) -> int:
    """The AADSTS number of a token endpoint's answer, 0 for a token."""
    return int(answer.get("error_codes", [0])[0])


def test_consent_spreads_in_the_stages_that_were_asked_for(application: Application, sets: Set) -> None:
    assert sets(TENANT, "slow_consent", stages=[10, 20, 30]).json()["conditions"] == ["slow_consent"]
    assert consents(application)["admin_consent"] == "True"
    tid = tenant_id(application)
    seen: list[object] = []
    for seconds in (0, 9, 1, 19, 1, 29, 1):
        application.directory.advance(seconds)
        answer = application.app_only(tid)
        if number(answer):
            seen.append(number(answer))
            continue
        roles = jwt.decode(answer["access_token"], options={"verify_signature": False}).get("roles")
        read = application.graph(answer["access_token"], "organization")
        seen.append((bool(roles), read.status_code))
    assert seen == [700016, 700016, (False, 403), (False, 403), (True, 403), (True, 403), (True, 200)]


def test_650051_comes_once_on_the_consent_redirect_and_then_consent_is_given(
    application: Application, sets: Set
) -> None:
    sets(TENANT, "not_provisioned")
    back = consents(application)
    assert (back["error"], back["admin_consent"], back["state"]) == ("invalid_client", "True", "a-state")
    assert "AADSTS650051" in back["error_description"]
    assert "tenant" not in back
    assert number(application.app_only(tenant_id(application))) == 700016
    assert "error" not in consents(application)
    sets(TENANT, "not_provisioned", times=2)
    assert ["error" in consents(application) for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize("condition", ["consent_error", "sign_in_error"])
def test_any_number_can_come_back_until_it_is_lifted(
    application: Application, sets: Set, condition: str
) -> None:
    def back() -> dict[str, str]:
        if condition == "consent_error":
            return consents(application)
        flow = application.flow(prompt="select_account")
        return returned(application.visitor.pick(flow["auth_uri"], HAPPY_ADMINISTRATOR))

    sets(TENANT, condition, number=1234567, error="server_error")
    for _ in range(2):
        assert back()["error"] == "server_error"
    assert "AADSTS1234567" in back()["error_description"]
    assert sets(TENANT, lift=condition).json()["conditions"] == []
    assert "error" not in back()


def test_conditional_access_blocks_the_token_of_a_code(application: Application, sets: Set) -> None:
    sets(TENANT, "conditional_access")
    flow = application.flow(prompt="select_account")
    answer = returned(application.visitor.pick(flow["auth_uri"], HAPPY_ADMINISTRATOR))
    refused = application.redeem(flow, answer)
    assert (number(refused), refused["suberror"]) == (53003, "message_only")
    assert json.loads(refused["claims"])["access_token"]["capolids"]
    sets(TENANT, lift="conditional_access")
    assert "id_token" in application.sign_in(HAPPY_ADMINISTRATOR)


def test_an_application_that_was_switched_off_gets_no_token_of_its_own(
    application: Application, sets: Set
) -> None:
    sets(TENANT, "application_disabled")
    tid = tenant_id(application)
    assert number(application.app_only(tid)) == 700016
    consents(application)
    assert number(application.app_only(tid)) == 7000112
    sets(TENANT, lift="application_disabled")
    assert "access_token" in application.app_only(tid)


@pytest.mark.parametrize("aadsts", [500021, 500022])
def test_tenant_restrictions_keep_everybody_on_microsofts_page(
    application: Application, sets: Set, aadsts: int
) -> None:
    sets(TENANT, "tenant_restrictions", number=aadsts)
    flow = application.flow(prompt="select_account")
    for address in (flow["auth_uri"], application.consent_url(tenant_id(application))):
        page = application.visitor.pick(address, HAPPY_ADMINISTRATOR)
        assert isinstance(page, Page)
        assert (page.name, page.code) == ("failure", f"AADSTS{aadsts}")


@pytest.mark.parametrize("aadsts", [90094, 90095])
def test_an_approval_is_asked_for_whoever_it_is(application: Application, sets: Set, aadsts: int) -> None:
    sets(TENANT, "approval_required", number=aadsts)
    page = application.visitor.decide(
        application.consent_url(tenant_id(application)), HAPPY_ADMINISTRATOR, "accept"
    )
    assert isinstance(page, Page)
    assert (page.name, page.code) == ("approval", f"AADSTS{aadsts}")
    assert number(application.app_only(tenant_id(application))) == 700016


@pytest.mark.parametrize(("condition", "aadsts"), [("secret_expired", 7000222), ("secret_replaced", 7000215)])
def test_a_client_secret_ends(application: Application, sets: Set, condition: str, aadsts: int) -> None:
    consents(application)
    tid = tenant_id(application)
    form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "scope": GRAPH_DEFAULT}
    form["client_secret"] = str(application.credential)
    assert sets(APP, condition).status_code == 204
    refused = application.token(tid, form)
    assert (refused.status_code, refused.json()["error"], number(refused.json())) == (
        401,
        "invalid_client",
        aadsts,
    )
    sets(APP, reset=True)
    assert application.token(tid, form).status_code == 200


def test_two_certificates_hold_at_once_until_the_old_one_is_removed(
    application: Application, sets: Set
) -> None:
    consents(application)
    tid, registrations = tenant_id(application), application.microsoft.authority.registrations
    old, new = new_credential("certificate").certificate, new_credential("certificate").certificate
    assert old
    assert new
    registrations[CLIENT_ID] = replace(registrations[CLIENT_ID], certificates=read_certificates(old))

    def numbers() -> list[int]:
        found = []
        for pem in (old, new):
            application.credential = {"private_key": pem, "public_certificate": _certificate(pem)}
            found.append(number(application.app_only(tid)))
        return found

    assert numbers() == [0, 700027]
    sets(APP, "certificate_added", certificate=_certificate(new))
    assert numbers() == [0, 0]
    sets(APP, "old_certificates_removed")
    assert numbers() == [700027, 0]


def _certificate(pem: str) -> str:
    (found,) = re.findall("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", pem, re.DOTALL)
    return str(found)


def test_keys_rotate_in_the_middle_of_a_sign_in(application: Application, sets: Set) -> None:
    def published() -> set[str]:
        url = f"{application.back_channel}/organizations/discovery/v2.0/keys"
        keys = requests.get(url, timeout=5).json()["keys"]
        return {key["kid"] for key in keys if "{tenantid}" in key["issuer"]}

    before = published()
    flow = application.flow(prompt="select_account")
    answer = returned(application.visitor.pick(flow["auth_uri"], HAPPY_ADMINISTRATOR))
    assert sets("keys", "keys_rotated").status_code == 204
    (new,) = published() - before
    assert published() > before
    signed = application.msal()
    signed.acquire_token_by_auth_code_flow(flow, answer)
    (kept,) = signed.token_cache.search(signed.token_cache.CredentialType.ID_TOKEN)
    assert jwt.get_unverified_header(kept["secret"])["kid"] == new
    sets("keys", "old_keys_removed")
    assert published() == {new}
    consents(application)
    assert application.graph(application.app_only(tenant_id(application))["access_token"], "organization").ok


def test_twenty_thousand_users_and_four_hundred_products_are_on_many_pages(
    application: Application, sets: Set
) -> None:
    began = time.monotonic()
    told = sets(TENANT, "large").json()
    assert len(told["users"]) < 10
    consents(application)
    token = application.app_only(tenant_id(application))["access_token"]
    skus: list[dict[str, Any]] = []
    pages = 0
    address = "subscribedSkus"
    while address:
        page = application.graph(token, address).json()
        skus, pages = skus + page["value"], pages + 1
        address = page.get("@odata.nextLink", "").partition("/v1.0/")[2]
    assert (len({sku["skuId"] for sku in skus}), pages) == (401, 5)
    # what somebody looks for stands on the last page
    assert skus[-1]["skuPartNumber"] == told["subscriptions"][-1]["product"]
    assert time.monotonic() - began < 2


def test_a_crowd_is_read_page_by_page_and_each_of_it_by_id(application: Application, sets: Set) -> None:
    sets(TENANT, "large", users=1050)
    tenant = application.directory.tenants[HAPPY]
    other = replace(
        application.microsoft.authority.registrations[CLIENT_ID], application_permissions=("User.Read.All",)
    )
    application.directory.grant_admin_consent(tenant, other, other.application_permissions, ())
    token = application.app_only(tenant.id)["access_token"]
    first = application.graph(token, "users?$top=999&$count=true").json()
    assert first["@odata.count"] == 1050 + len(tenant.users)
    assert len(first["value"]) == tenant.page_size
    somebody = first["value"][-1]
    assert (
        application.graph(token, f"users/{somebody['id']}").json()["displayName"] == somebody["displayName"]
    )
    assert "id_token" in application.sign_in(somebody["userPrincipalName"])


@pytest.mark.parametrize(
    ("subject", "body", "refusal"),
    [
        pytest.param(TENANT, {"condition": "bad_weather"}, (400, ["condition"]), id="unknown"),
        pytest.param(TENANT, {"condition": "secret_expired"}, (400, ["condition"]), id="a registration's"),
        pytest.param(TENANT, {"condition": "large", "colour": 1}, (400, ["colour"]), id="unknown field"),
        pytest.param(TENANT, {"condition": "large", "number": 3}, (400, ["number"]), id="another's field"),
        pytest.param(TENANT, {"condition": "large", "users": 0}, (400, ["users"]), id="nobody"),
        pytest.param(TENANT, {"condition": "slow_consent", "stages": [1]}, (400, ["stages"]), id="stages"),
        pytest.param(TENANT, {"lift": "large"}, (409, ["lift"]), id="not on"),
        pytest.param(APP, {"condition": "large"}, (400, ["condition"]), id="a tenant's"),
        pytest.param(
            APP, {"condition": "certificate_added", "certificate": "x"}, (400, ["certificate"]), id="no PEM"
        ),
        pytest.param("registrations/x", {"reset": True}, (404, ["client_id"]), id="unknown registration"),
        pytest.param("keys", {"condition": "large"}, (400, ["condition"]), id="not of keys"),
        pytest.param("keys", [], (400, []), id="no object"),
    ],
)
def test_what_cannot_be_set_is_refused_by_its_fields(
    application: Application, sets: Set, subject: str, body: Any, refusal: tuple[int, list[str]]
) -> None:
    before = dict(application.microsoft.authority.registrations)
    refused = sets(subject, body=body)
    assert (refused.status_code, refused.json()["fields"]) == refusal
    assert application.directory.tenants[HAPPY].conditions == {}
    assert application.microsoft.authority.registrations == before


def test_every_condition_of_the_list_is_set_by_a_test_of_this_file() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in CONDITIONS if f'"{name}"' not in text] == []
