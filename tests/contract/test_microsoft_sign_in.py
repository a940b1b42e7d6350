"""The sandbox's sign-in through MSAL, PyJWT and requests, over real TLS."""

import base64
import hashlib
import json
import re
from typing import Any
from urllib.parse import urlencode, urlsplit

import jwt
import pytest
import requests

from sandbox.microsoft.identifiers import CONSUMER_TENANT_ID, DEFAULT_USER_ROLE, GLOBAL_ADMINISTRATOR
from sandbox.microsoft.visitor import Page, Visitor, returned
from tests.microsoft_application import (
    CLIENT_ID,
    HAPPY,
    HAPPY_ADMINISTRATOR,
    HAPPY_USER,
    OTHER_CLIENT_ID,
    SECRET,
    SIGN_IN_CALLBACK,
    Application,
)

pytest_plugins = ["tests.microsoft"]

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


def authorize_url(application: Application, tenant: str = "organizations", **changed: str) -> str:
    query = {
        "client_id": CLIENT_ID,
        "response_type": "code",
        "redirect_uri": SIGN_IN_CALLBACK,
        "scope": "openid profile",
        "state": "the state",
        "nonce": "the nonce",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    given = {name: value for name, value in (query | changed).items() if value}
    return f"{application.browser}/{tenant}/oauth2/v2.0/authorize?{urlencode(given)}"


def code_form(issued: str, **changed: str) -> dict[str, str]:
    form = {
        "grant_type": "authorization_code",
        "client_id": CLIENT_ID,
        "client_secret": SECRET,
        "code": issued,
        "redirect_uri": SIGN_IN_CALLBACK,
        "code_verifier": VERIFIER,
    }
    return form | changed


def new_code(application: Application, **changed: str) -> str:
    url = authorize_url(application, **changed)
    return returned(application.visitor.pick(url, HAPPY_ADMINISTRATOR))["code"]


def refusal(response: requests.Response) -> tuple[int, str, list[int]]:
    body = response.json()
    number = body["error_codes"][0]
    first, *others = body["error_description"].split("\r\n")
    assert first.startswith(f"AADSTS{number}: ")
    assert others == [
        f"Trace ID: {body['trace_id']}",
        f"Correlation ID: {body['correlation_id']}",
        f"Timestamp: {body['timestamp']}",
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", body["timestamp"])
    assert response.headers["x-ms-request-id"] == body["trace_id"]
    return response.status_code, body["error"], body["error_codes"]


def shown(answer: Page | str) -> tuple[str, str | None]:
    assert isinstance(answer, Page), answer
    return answer.name, answer.code


# Discovery


def test_discovery_without_a_tenant_has_the_issuer_template(application: Application) -> None:
    url = f"{application.back_channel}/organizations/v2.0/.well-known/openid-configuration"
    document = requests.get(url, timeout=30).json()
    assert document["issuer"] == f"{application.back_channel}/{{tenantid}}/v2.0"
    assert document["token_endpoint"] == f"{application.back_channel}/organizations/oauth2/v2.0/token"
    assert document["authorization_endpoint"].startswith(f"{application.browser}/organizations/")
    assert document["end_session_endpoint"].startswith("http://localhost:")
    assert document["tenant_region_scope"] is None


@pytest.mark.parametrize("domain", ["menuiserie-lambert.example", "MenuiserieLambert.onmicrosoft.example"])
def test_discovery_turns_a_verified_domain_into_the_tenant_id(application: Application, domain: str) -> None:
    url = f"{application.back_channel}/{domain}/v2.0/.well-known/openid-configuration"
    document = requests.get(url, timeout=30).json()
    tenant_id = application.directory.tenants[HAPPY].id
    assert document["issuer"] == f"{application.back_channel}/{tenant_id}/v2.0"
    assert document["jwks_uri"] == f"{application.back_channel}/{tenant_id}/discovery/v2.0/keys"


def test_discovery_of_an_unknown_tenant_is_refused_in_microsofts_shape(application: Application) -> None:
    url = f"{application.back_channel}/nobody.example/v2.0/.well-known/openid-configuration"
    assert refusal(requests.get(url, timeout=30)) == (400, "invalid_tenant", [90002])


def test_msal_cannot_be_built_for_an_unknown_tenant(application: Application) -> None:
    with pytest.raises(ValueError, match="authority configuration"):
        application.msal("nobody.example")


def test_msal_may_ask_which_cloud_this_is(application: Application) -> None:
    url = f"{application.back_channel}/common/discovery/instance?api-version=1.1"
    document = requests.get(url, timeout=30).json()
    assert document["metadata"][0]["aliases"] == [urlsplit(application.back_channel).netloc]


def test_every_key_names_its_issuer_and_personal_accounts_have_a_key_of_their_own(
    application: Application,
) -> None:
    keys = requests.get(f"{application.back_channel}/common/discovery/v2.0/keys", timeout=30).json()["keys"]
    origin = application.back_channel
    assert {key["issuer"] for key in keys} == {
        f"{origin}/{{tenantid}}/v2.0",
        f"{origin}/{CONSUMER_TENANT_ID}/v2.0",
    }
    assert all(key["kty"] == "RSA" and key["use"] == "sig" and key["x5c"] for key in keys)


# The whole way


def test_an_administrator_signs_in_and_pyjwt_accepts_the_id_token(application: Application) -> None:
    flow = application.flow(prompt="select_account")
    answer = returned(application.visitor.pick(flow["auth_uri"], HAPPY_ADMINISTRATOR))
    result = application.redeem(flow, answer)

    tenant = application.directory.tenants[HAPPY]
    keys = jwt.PyJWKClient(f"{application.back_channel}/{tenant.id}/discovery/v2.0/keys")
    with requests.get(keys.uri, timeout=30) as response:
        key_set = jwt.PyJWKSet.from_dict(response.json())
    header = jwt.get_unverified_header(result["id_token"])
    assert header["alg"] == "RS256"
    claims = jwt.decode(
        result["id_token"],
        key_set[header["kid"]],
        algorithms=["RS256"],
        audience=CLIENT_ID,
        issuer=f"{application.back_channel}/{tenant.id}/v2.0",
        options={"require": ["exp", "nbf", "iat", "oid", "tid", "sub", "nonce"]},
    )
    assert claims["tid"] == tenant.id
    assert claims["preferred_username"] == HAPPY_ADMINISTRATOR
    assert (claims["acct"], claims["ver"]) == (0, "2.0")
    assert claims["wids"] == [GLOBAL_ADMINISTRATOR, DEFAULT_USER_ROLE]
    uid = json.loads(base64.urlsafe_b64decode(answer["client_info"] + "=="))
    assert uid == {"uid": claims["oid"], "utid": tenant.id}


def test_signing_in_grants_nothing_and_shows_no_consent(application: Application) -> None:
    assert "id_token" in application.sign_in(HAPPY_USER)
    assert application.directory.tenants[HAPPY].service_principals == {}


def test_wids_are_those_of_the_moment_of_the_sign_in(application: Application) -> None:
    assert application.sign_in(HAPPY_USER)["id_token_claims"]["wids"] == [DEFAULT_USER_ROLE]


@pytest.mark.parametrize(
    ("account", "is_seen"),
    [
        pytest.param("par.groupe@cas-particuliers.example", True, id="through a group inside a group"),
        pytest.param("eligible@cas-particuliers.example", False, id="eligible, not activated"),
        pytest.param("applications@cas-particuliers.example", False, id="one administrative unit only"),
    ],
)
def test_wids_hold_active_tenant_wide_roles_only(
    application: Application, account: str, is_seen: bool
) -> None:
    wids = application.sign_in(account)["id_token_claims"]["wids"]
    assert (GLOBAL_ADMINISTRATOR in wids) is is_seen


def test_wids_and_acct_are_absent_unless_the_registration_asks_for_them(application: Application) -> None:
    application.client_id = OTHER_CLIENT_ID
    claims = application.sign_in(HAPPY_ADMINISTRATOR)["id_token_claims"]
    assert {"wids", "acct"} & claims.keys() == set()


def test_a_guest_is_another_person_in_the_tenant_that_is_named(application: Application) -> None:
    at_home = application.sign_in(HAPPY_ADMINISTRATOR)["id_token_claims"]
    as_guest = application.sign_in(HAPPY_ADMINISTRATOR, "cas-particuliers.example")["id_token_claims"]
    assert as_guest["tid"] == application.directory.tenants["special-cases"].id
    assert as_guest["oid"] != at_home["oid"]
    assert as_guest["acct"] == 1
    assert as_guest["idp"] == f"https://sts.windows.net/{at_home['tid']}/"
    assert GLOBAL_ADMINISTRATOR in as_guest["wids"]


# The authorization endpoint


@pytest.mark.parametrize(
    ("tenant", "changed", "code"),
    [
        pytest.param("organizations", {"redirect_uri": f"{SIGN_IN_CALLBACK}/"}, "AADSTS50011", id="longer"),
        pytest.param("organizations", {"redirect_uri": "https://evil.example/"}, "AADSTS50011", id="foreign"),
        pytest.param("organizations", {"redirect_uri": ""}, "AADSTS900144", id="none"),
        pytest.param("organizations", {"client_id": "unknown"}, "AADSTS700016", id="unknown application"),
        pytest.param("nobody.example", {}, "AADSTS90002", id="unknown tenant"),
    ],
)
def test_some_errors_stay_on_microsofts_page(
    application: Application, tenant: str, changed: dict[str, str], code: str
) -> None:
    answer = application.visitor.open(authorize_url(application, tenant, **changed))
    assert shown(answer) == ("failure", code)


def test_a_parameter_given_twice_is_refused_on_the_page(application: Application) -> None:
    url = authorize_url(application) + "&redirect_uri=https://evil.example/"
    assert shown(application.visitor.open(url)) == ("failure", "AADSTS9000411")


@pytest.mark.parametrize(
    ("changed", "error", "number"),
    [
        pytest.param({"response_type": "token"}, "unsupported_response_type", 90023, id="response_type"),
        pytest.param({"response_type": ""}, "invalid_request", 900144, id="no response_type"),
        pytest.param({"response_mode": "letter"}, "invalid_request", 90023, id="response_mode"),
        pytest.param({"prompt": "please"}, "invalid_request", 90023, id="prompt"),
        pytest.param({"scope": ""}, "invalid_request", 900144, id="no scope"),
        pytest.param({"scope": "openid No.Such"}, "invalid_client", 650053, id="unknown scope"),
        pytest.param({"scope": "https://other.example/Read"}, "invalid_resource", 500011, id="resource"),
        pytest.param({"code_challenge": "short"}, "invalid_request", 9002325, id="code_challenge"),
        pytest.param({"code_challenge_method": "S512"}, "invalid_request", 9002325, id="method"),
    ],
)
def test_other_errors_are_redirected_with_the_state(
    application: Application, changed: dict[str, str], error: str, number: int
) -> None:
    location = application.visitor.open(authorize_url(application, **changed))
    answer = returned(location)
    assert answer["error"] == error
    assert answer["error_description"].startswith(f"AADSTS{number}: ")
    assert answer["error_uri"].endswith(f"/error?code={number}")
    assert answer["state"] == "the state"
    assert "code" not in answer


def test_descriptions_are_encoded_as_microsoft_does(application: Application) -> None:
    location = application.visitor.open(authorize_url(application, prompt="please"))
    assert re.search(r"error_description=AADSTS90023%3a\+The\+value.*%0d%0aTrace\+ID%3a\+", str(location))


def test_error_uri_leads_to_a_page(application: Application) -> None:
    answer = returned(application.visitor.open(authorize_url(application, prompt="please")))
    assert shown(application.visitor.open(answer["error_uri"])) == ("code", None)


def test_the_picker_says_when_an_account_does_not_exist(application: Application) -> None:
    answer = application.visitor.pick(authorize_url(application), "nobody@nowhere.example")
    assert isinstance(answer, Page)
    assert answer.name == "accounts"
    assert "nobody@nowhere.example" in answer.text


def test_the_picker_lists_the_demonstration_accounts(application: Application) -> None:
    answer = application.visitor.open(authorize_url(application))
    assert isinstance(answer, Page)
    assert "Utiliser un autre compte" in answer.text
    assert f'name="account" value="{HAPPY_ADMINISTRATOR}"' in answer.text


def test_an_account_of_another_directory_stays_on_the_page(application: Application) -> None:
    url = authorize_url(application, "boulangerie-morel.example")
    assert shown(application.visitor.pick(url, HAPPY_ADMINISTRATOR)) == ("failure", "AADSTS50020")


def test_a_disabled_account_stays_on_the_page(application: Application) -> None:
    answer = application.visitor.pick(authorize_url(application), "bloque@cas-particuliers.example")
    assert shown(answer) == ("failure", "AADSTS50057")


def test_form_post_brings_the_same_fields_in_a_form(application: Application) -> None:
    url = authorize_url(application, response_mode="form_post")
    answer = application.visitor.pick(url, HAPPY_ADMINISTRATOR)
    assert isinstance(answer, Page)
    assert answer.fields.keys() == {"code", "state", "session_state"}


def test_fragment_puts_the_fields_behind_the_hash(application: Application) -> None:
    url = authorize_url(application, response_mode="fragment")
    location = str(application.visitor.pick(url, HAPPY_ADMINISTRATOR))
    assert "code=" in urlsplit(location).fragment
    assert urlsplit(location).query == ""


# Sessions and prompt


def test_a_session_signs_in_again_without_asking(application: Application) -> None:
    new_code(application)
    assert "code" in returned(application.visitor.open(authorize_url(application)))


@pytest.mark.parametrize("prompt", ["select_account", "login"])
def test_select_account_and_login_always_ask(application: Application, prompt: str) -> None:
    new_code(application)
    answer = application.visitor.open(authorize_url(application, prompt=prompt))
    assert shown(answer) == ("accounts", None)


def test_two_accounts_are_asked_about_unless_hinted(application: Application) -> None:
    url = authorize_url(application)
    application.visitor.pick(url, HAPPY_ADMINISTRATOR)
    application.visitor.pick(url, HAPPY_USER)
    assert shown(application.visitor.open(url)) == ("accounts", None)
    hinted = authorize_url(application, login_hint=HAPPY_USER.upper())
    assert "code" in returned(application.visitor.open(hinted))


def silent(application: Application, tenant: str = "organizations", **changed: str) -> dict[str, str]:
    return returned(application.visitor.open(authorize_url(application, tenant, prompt="none", **changed)))


def test_silent_sign_in_without_a_session_needs_a_sign_in(application: Application) -> None:
    answer = silent(application)
    assert (answer["error"], answer["error_description"][:11]) == ("login_required", "AADSTS50058")


def test_silent_sign_in_uses_the_only_account_of_the_tenant(application: Application) -> None:
    url = authorize_url(application)
    application.visitor.pick(url, HAPPY_ADMINISTRATOR)
    application.visitor.pick(url, "julien.petit@boulangerie-morel.example")
    code = silent(application, "boulangerie-morel.example")["code"]
    token = application.token("boulangerie-morel.example", code_form(code)).json()["id_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["preferred_username"] == "julien.petit@boulangerie-morel.example"


def test_silent_sign_in_cannot_choose_between_two_accounts(application: Application) -> None:
    url = authorize_url(application)
    application.visitor.pick(url, HAPPY_ADMINISTRATOR)
    application.visitor.pick(url, HAPPY_USER)
    assert silent(application)["error"] == "interaction_required"
    assert "code" in silent(application, login_hint=HAPPY_ADMINISTRATOR)


def test_silent_sign_in_with_only_foreign_accounts_needs_interaction(application: Application) -> None:
    new_code(application)
    answer = silent(application, "boulangerie-morel.example")
    assert (answer["error"], answer["error_description"][:11]) == ("interaction_required", "AADSTS16000")


def test_silent_sign_in_with_a_hint_nobody_matches_needs_a_sign_in(application: Application) -> None:
    new_code(application)
    assert silent(application, login_hint=HAPPY_USER)["error"] == "login_required"


def test_silent_sign_in_without_consent_is_redirected_with_65001(application: Application) -> None:
    new_code(application)
    answer = silent(application, scope="openid profile User.Read")
    assert (answer["error"], answer["error_description"][:11]) == ("consent_required", "AADSTS65001")


def test_another_browser_has_no_session(application: Application) -> None:
    new_code(application)
    answer = Visitor(requests.Session()).open(authorize_url(application, prompt="none"))
    assert returned(answer)["error"] == "login_required"


def test_signing_out_ends_the_session_and_goes_back_only_to_registered_addresses(
    application: Application,
) -> None:
    new_code(application)
    sign_out = f"{application.browser}/common/oauth2/v2.0/logout"
    back = application.visitor.open(f"{sign_out}?{urlencode({'post_logout_redirect_uri': SIGN_IN_CALLBACK})}")
    assert back == SIGN_IN_CALLBACK
    assert silent(application)["error"] == "login_required"
    away = application.visitor.open(f"{sign_out}?post_logout_redirect_uri=https://evil.example/")
    assert shown(away) == ("signed-out", None)


# Delegated consent at sign-in

ROLE_SCOPES = "openid profile User.Read RoleManagement.Read.Directory"


def test_an_ordinary_user_is_stopped_where_an_administrator_has_to_consent(application: Application) -> None:
    url = authorize_url(application, scope=ROLE_SCOPES)
    answer = application.visitor.pick(url, HAPPY_USER)
    assert shown(answer) == ("approval", "AADSTS90094")
    declined = returned(application.visitor.decide(url, HAPPY_USER, "cancel"))
    assert (declined["error"], declined["error_subcode"]) == ("access_denied", "cancel")


def test_an_ordinary_user_cannot_press_a_button_that_is_not_there(application: Application) -> None:
    url = authorize_url(application, scope=ROLE_SCOPES)
    assert shown(application.visitor.decide(url, HAPPY_USER, "accept")) == ("approval", "AADSTS90094")


def test_an_administrator_consents_for_themselves_at_sign_in(application: Application) -> None:
    url = authorize_url(application, scope=ROLE_SCOPES)
    assert "code" in returned(application.visitor.decide(url, HAPPY_ADMINISTRATOR, "accept"))
    assert "code" in silent(application, scope=ROLE_SCOPES)
    grants = application.directory.tenants[HAPPY].service_principals[CLIENT_ID].grants
    assert [grant.principal_id is None for grant in grants] == [False]


def test_a_consent_without_the_pages_canary_is_only_a_choice_of_account(application: Application) -> None:
    url = authorize_url(application, scope=ROLE_SCOPES)
    application.visitor.pick(url, HAPPY_ADMINISTRATOR)
    forged = application.visitor.post(url, account=HAPPY_ADMINISTRATOR, consent="accept", canary="guessed")
    assert shown(forged) == ("consent", None)


def test_prompt_consent_asks_again_for_what_is_granted(application: Application) -> None:
    url = authorize_url(application, scope=ROLE_SCOPES)
    application.visitor.decide(url, HAPPY_ADMINISTRATOR, "accept")
    asked = application.visitor.open(authorize_url(application, scope=ROLE_SCOPES, prompt="consent"))
    assert shown(asked) == ("consent", None)


def test_a_consent_withdrawn_before_the_code_is_redeemed_no_longer_holds(application: Application) -> None:
    url = authorize_url(application, scope=ROLE_SCOPES)
    code = returned(application.visitor.decide(url, HAPPY_ADMINISTRATOR, "accept"))["code"]
    application.directory.withdraw_consent(application.directory.tenants[HAPPY], CLIENT_ID)
    response = application.token("organizations", code_form(code))
    assert refusal(response) == (400, "invalid_grant", [65001])
    assert response.json()["suberror"] == "consent_required"


# The token endpoint


def test_a_code_can_be_redeemed_once(application: Application) -> None:
    code = new_code(application)
    assert application.token("organizations", code_form(code)).status_code == 200
    again = application.token("organizations", code_form(code))
    assert refusal(again) == (400, "invalid_grant", [54005])


def test_a_code_ends_after_ten_minutes_of_the_directorys_clock(application: Application) -> None:
    code = new_code(application)
    application.directory.advance(601)
    assert refusal(application.token("organizations", code_form(code)))[2] == [70008]


@pytest.mark.parametrize(
    ("tenant", "changed", "expected"),
    [
        pytest.param("common", {"code_verifier": "w" * 43}, (400, "invalid_grant", [501481]), id="verifier"),
        pytest.param("common", {"code_verifier": ""}, (400, "invalid_grant", [501481]), id="no verifier"),
        pytest.param(
            "common",
            {"redirect_uri": f"{SIGN_IN_CALLBACK}?"},
            (400, "invalid_grant", [500112]),
            id="redirect",
        ),
        pytest.param("common", {"code": "1.guess"}, (400, "invalid_grant", [70000]), id="unknown code"),
        pytest.param("common", {"client_id": OTHER_CLIENT_ID}, (400, "invalid_grant", [70000]), id="client"),
        pytest.param("common", {"client_id": "nobody"}, (400, "unauthorized_client", [700016]), id="nobody"),
        pytest.param("boulangerie-morel.example", {}, (400, "invalid_grant", [700005]), id="other tenant"),
        pytest.param("nobody.example", {}, (400, "invalid_tenant", [90002]), id="unknown tenant"),
        pytest.param("common", {"client_secret": "wrong"}, (401, "invalid_client", [7000215]), id="secret"),
        pytest.param("common", {"client_secret": ""}, (401, "invalid_client", [7000218]), id="no secret"),
        pytest.param(
            "common", {"grant_type": "password"}, (400, "unsupported_grant_type", [70003]), id="grant type"
        ),
    ],
)
def test_a_code_is_worth_nothing_to_anybody_else(
    application: Application, tenant: str, changed: dict[str, str], expected: Any
) -> None:
    code = new_code(application)
    assert refusal(application.token(tenant, code_form(code, **changed))) == expected
    # The refused try has not spent the code.
    assert application.token("organizations", code_form(code)).status_code == 200


def test_a_code_that_was_asked_without_pkce_takes_no_verifier(application: Application) -> None:
    code = new_code(application, code_challenge="", code_challenge_method="")
    assert refusal(application.token("common", code_form(code)))[2] == [501481]
    assert application.token("common", code_form(code, code_verifier="")).status_code == 200


def test_the_correlation_id_of_the_caller_is_kept(application: Application) -> None:
    given = "7f3d9c1a-5b2e-4d80-9a6f-1c8e0b4d2f73"
    response = application.token("common", code_form("1.guess"), **{"client-request-id": given})
    assert response.json()["correlation_id"] == given


def test_a_rotated_key_is_published_beside_the_earlier_ones(application: Application) -> None:
    before = application.sign_in(HAPPY_USER)["id_token"]
    application.microsoft.authority.tokens.rotate()
    after = application.sign_in(HAPPY_USER)["id_token"]
    kids = {jwt.get_unverified_header(token)["kid"] for token in (before, after)}
    keys = requests.get(f"{application.back_channel}/common/discovery/v2.0/keys", timeout=30).json()["keys"]
    assert len(kids) == 2
    assert kids < {key["kid"] for key in keys}
