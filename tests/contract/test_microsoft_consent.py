"""Admin consent and app-only access: before, while it spreads, after, and taken back."""

from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from sandbox.microsoft.registrations import read_certificates
from sandbox.microsoft.tokens import base64url
from sandbox.microsoft.visitor import Page, returned
from tests.microsoft_application import (
    CLIENT_ID,
    CONSENT_CALLBACK,
    EXPIRED_SECRET,
    GRAPH_DEFAULT,
    HAPPY,
    HAPPY_ADMINISTRATOR,
    HAPPY_USER,
    OTHER_CLIENT_ID,
    SECRET,
    SIGN_IN_CALLBACK,
    Application,
)

pytest_plugins = ["tests.microsoft"]

SLOW = "mont-blanc-outdoor"
SLOW_ADMINISTRATOR = "emma.walker@mont-blanc-outdoor.example"


def tenant_id(application: Application, name: str = HAPPY) -> str:
    return application.directory.tenants[name].id


def roles(result: dict[str, Any]) -> list[str] | None:
    claims = jwt.decode(result["access_token"], options={"verify_signature": False})
    found: list[str] | None = claims.get("roles")
    return found


# The page and the redirect


def test_accepting_redirects_with_the_documented_fields(application: Application) -> None:
    answer = application.consent(HAPPY_ADMINISTRATOR, tenant_id(application))
    assert answer == {
        "admin_consent": "True",
        "tenant": tenant_id(application),
        "state": "a-state",
        "scope": "openid profile https://graph.microsoft.com/User.Read"
        " https://graph.microsoft.com/RoleManagement.Read.Directory"
        " https://graph.microsoft.com/Organization.Read.All https://graph.microsoft.com/Application.Read.All",
    }


def test_consent_at_organizations_names_the_tenant_that_consented(application: Application) -> None:
    answer = application.consent(HAPPY_ADMINISTRATOR, "organizations")
    assert answer["tenant"] == tenant_id(application)


def test_declining_redirects_an_error_beside_admin_consent_and_no_tenant(application: Application) -> None:
    url = application.consent_url(tenant_id(application))
    location = application.visitor.decide(url, HAPPY_ADMINISTRATOR, "cancel")
    answer = returned(location)
    assert answer.keys() == {"error", "error_description", "error_uri", "admin_consent", "state"}
    assert (answer["error"], answer["admin_consent"], answer["state"]) == ("access_denied", "True", "a-state")
    assert answer["error_description"].startswith("AADSTS65004: ")
    assert answer["error_uri"].endswith("code=65004")
    assert str(location).endswith("#")
    assert application.directory.tenants[HAPPY].service_principals == {}


def test_an_account_from_another_directory_is_redirected_with_50020(application: Application) -> None:
    url = application.consent_url(tenant_id(application))
    answer = returned(application.visitor.pick(url, "claire.morel@boulangerie-morel.example"))
    assert (answer["error"], answer["admin_consent"]) == ("access_denied", "True")
    assert answer["error_description"].startswith("AADSTS50020: ")
    assert "tenant" not in answer


def test_the_picker_is_shown_even_to_a_session_with_one_account(application: Application) -> None:
    application.sign_in(HAPPY_ADMINISTRATOR)
    shown = application.visitor.open(application.consent_url(tenant_id(application)))
    assert isinstance(shown, Page)
    assert shown.name == "accounts"


def test_the_consent_page_names_the_application_and_each_permission(application: Application) -> None:
    shown = application.visitor.pick(application.consent_url(tenant_id(application)), HAPPY_ADMINISTRATOR)
    assert isinstance(shown, Page)
    assert shown.name == "consent"
    for text in (
        "Sage Business Center",
        "Organization.Read.All",
        "RoleManagement.Read.Directory",
        "Accepter",
    ):
        assert text in shown.text


def test_somebody_who_may_not_consent_stays_with_microsoft(application: Application) -> None:
    url = application.consent_url(tenant_id(application))
    shown = application.visitor.decide(url, HAPPY_USER, "accept")
    assert isinstance(shown, Page)
    assert (shown.name, shown.code) == ("approval", "AADSTS90094")
    assert "Approbation d'administrateur requise" in shown.text.replace("&#39;", "'")
    assert application.directory.tenants[HAPPY].service_principals == {}


def test_leaving_the_approval_page_comes_back_with_next_to_nothing(application: Application) -> None:
    answer = application.consent(HAPPY_USER, tenant_id(application), "cancel")
    assert answer == {"error": "access_denied", "error_subcode": "cancel", "state": "a-state"}


@pytest.mark.parametrize(
    ("account", "page"),
    [
        pytest.param("par.groupe@cas-particuliers.example", "consent", id="role through a group"),
        pytest.param("eligible@cas-particuliers.example", "approval", id="role not activated"),
        pytest.param("applications@cas-particuliers.example", "approval", id="application administrator"),
        pytest.param(HAPPY_ADMINISTRATOR, "consent", id="guest with the role"),
    ],
)
def test_graph_application_permissions_take_an_active_tenant_wide_role(
    application: Application, account: str, page: str
) -> None:
    url = application.consent_url(tenant_id(application, "special-cases"))
    shown = application.visitor.pick(url, account)
    assert isinstance(shown, Page)
    assert shown.name == page


def test_an_application_administrator_may_consent_to_delegated_permissions(application: Application) -> None:
    url = application.consent_url("casparticuliers.onmicrosoft.example", scope="User.Read")
    shown = application.visitor.pick(url, "applications@cas-particuliers.example")
    assert isinstance(shown, Page)
    assert shown.name == "consent"


@pytest.mark.parametrize(
    ("tenant", "changed", "code"),
    [
        pytest.param(
            "organizations", {"redirect_uri": "https://evil.example/"}, "AADSTS50011", id="redirect"
        ),
        pytest.param(HAPPY + ".example", {"client_id": "nobody"}, "AADSTS700016", id="application"),
        pytest.param("nobody.example", {}, "AADSTS90002", id="tenant"),
    ],
)
def test_a_request_that_names_no_known_recipient_stays_on_the_page(
    application: Application, tenant: str, changed: dict[str, str], code: str
) -> None:
    shown = application.visitor.open(application.consent_url(tenant, **changed))
    assert isinstance(shown, Page)
    assert (shown.name, shown.code) == ("failure", code)


@pytest.mark.parametrize(
    ("scope", "error"),
    [("", "invalid_request"), ("No.Such", "invalid_client"), ("x://y/.default", "invalid_resource")],
)
def test_a_scope_that_makes_no_sense_is_redirected(application: Application, scope: str, error: str) -> None:
    answer = returned(application.visitor.open(application.consent_url(tenant_id(application), scope=scope)))
    assert (answer["error"], answer["admin_consent"]) == (error, "True")


def test_response_mode_means_nothing_here(application: Application) -> None:
    url = application.consent_url(tenant_id(application), response_mode="form_post")
    assert "error" in returned(application.visitor.decide(url, HAPPY_ADMINISTRATOR, "cancel"))


def test_a_consent_that_was_not_pressed_on_the_page_grants_nothing(application: Application) -> None:
    url = application.consent_url(tenant_id(application))
    application.visitor.pick(url, HAPPY_ADMINISTRATOR)
    application.visitor.post(url, account=HAPPY_ADMINISTRATOR, consent="accept", canary="guessed")
    assert application.directory.tenants[HAPPY].service_principals == {}


def test_one_cannot_consent_as_an_account_that_is_not_signed_in(application: Application) -> None:
    url = application.consent_url("organizations")
    shown = application.visitor.pick(url, HAPPY_ADMINISTRATOR)
    assert isinstance(shown, Page)
    other = "claire.morel@boulangerie-morel.example"
    answer = application.visitor.post(url, account=other, canary=shown.fields["canary"], consent="accept")
    assert isinstance(answer, Page)
    assert (answer.name, answer.fields["account"]) == ("consent", other)
    assert application.directory.tenants["boulangerie-morel"].service_principals == {}


# App-only access


def test_app_only_access_begins_with_the_consent_and_ends_with_its_withdrawal(
    application: Application,
) -> None:
    tenant = tenant_id(application)
    before = application.app_only(tenant)
    assert (before["error"], before["error_codes"]) == ("unauthorized_client", [700016])
    application.consent(HAPPY_ADMINISTRATOR, tenant)
    assert roles(application.app_only(tenant)) == ["Organization.Read.All", "Application.Read.All"]
    application.directory.withdraw_consent(application.directory.tenants[HAPPY], CLIENT_ID)
    assert application.app_only(tenant)["error_codes"] == [700016]


def test_consent_of_one_tenant_opens_no_other(application: Application) -> None:
    application.consent(HAPPY_ADMINISTRATOR, "organizations")
    assert application.app_only(tenant_id(application, "boulangerie-morel"))["error_codes"] == [700016]


def test_a_personal_consent_makes_the_application_known_but_gives_it_no_roles(
    application: Application,
) -> None:
    tenant = tenant_id(application)
    flow = application.flow(tenant, "User.Read")
    returned(application.visitor.decide(flow["auth_uri"], HAPPY_ADMINISTRATOR, "accept"))
    assert roles(application.app_only(tenant)) is None


def test_consent_spreads_in_twenty_seconds_of_the_directorys_clock(application: Application) -> None:
    tenant = tenant_id(application, SLOW)
    application.consent(SLOW_ADMINISTRATOR, tenant)
    seen = []
    for seconds in (0, 9, 2, 8):
        application.directory.advance(seconds)
        result = application.app_only(tenant)
        seen.append(result.get("error_codes") or roles(result))
    assert seen == [[700016], [700016], None, None]
    application.directory.advance(2)
    assert roles(application.app_only(tenant)) == ["Organization.Read.All", "Application.Read.All"]


def test_delegated_scopes_spread_with_the_consent(application: Application) -> None:
    tenant = tenant_id(application, SLOW)
    application.consent(SLOW_ADMINISTRATOR, tenant)
    flow = application.flow(tenant, "User.Read", prompt="none")
    assert returned(application.visitor.open(flow["auth_uri"]))["error"] == "consent_required"
    application.directory.advance(20)
    result = application.redeem(flow, returned(application.visitor.open(flow["auth_uri"])), tenant)
    assert "https://graph.microsoft.com/User.Read" in result["scope"]


def test_granting_again_replaces_what_was_granted_and_does_not_wait_again(application: Application) -> None:
    directory = application.directory
    slow, app = directory.tenants[SLOW], application.microsoft.authority.registrations[CLIENT_ID]
    directory.grant_admin_consent(slow, app, ["Organization.Read.All", "User.Read.All"], ["User.Read"])
    directory.advance(20)
    directory.grant_admin_consent(slow, app, ["Organization.Read.All", "Application.Read.All"], ["openid"])
    assert roles(application.app_only(slow.id)) == ["Organization.Read.All"]
    directory.advance(20)
    assert roles(application.app_only(slow.id)) == ["Organization.Read.All", "Application.Read.All"]
    assert [grant.scopes for grant in slow.service_principals[CLIENT_ID].grants] == [("openid",)]


def test_client_credentials_need_a_tenant_and_a_default_scope(application: Application) -> None:
    form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": SECRET}
    at_common = application.token("common", form | {"scope": GRAPH_DEFAULT})
    assert at_common.json()["error_codes"] == [9001023]
    for scope, number in (("", 900144), ("User.Read", 70011), ("https://x.example/.default", 500011)):
        refused = application.token(tenant_id(application), form | {"scope": scope})
        assert refused.json()["error_codes"] == [number]


# Who the application is


def test_an_expired_secret_is_told_apart_from_a_wrong_one(application: Application) -> None:
    application.client_id = OTHER_CLIENT_ID
    application.credential = EXPIRED_SECRET
    assert application.app_only(tenant_id(application))["error_codes"] == [7000222]
    application.credential = "wrong"
    assert application.app_only(tenant_id(application))["error_codes"] == [7000215]


def test_client_secret_basic_works(application: Application) -> None:
    application.consent(HAPPY_ADMINISTRATOR, "organizations")
    form = {"grant_type": "client_credentials", "scope": GRAPH_DEFAULT}
    basic = b64encode(f"{CLIENT_ID}:{SECRET.replace(' ', '+')}".encode()).decode()
    response = application.token(tenant_id(application), form, Authorization=f"Basic {basic}")
    assert response.status_code == 200


def certificate_pair(days: int = 30) -> tuple[str, str]:
    """Private key and certificate as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "application")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture(scope="module")
def pair() -> tuple[str, str]:
    return certificate_pair()


@pytest.fixture
def with_certificate(
    application: Application, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> Application:
    """The application with a certificate registered beside its secret, consented to."""
    registrations = application.microsoft.authority.registrations
    registered = replace(registrations[CLIENT_ID], certificates=read_certificates(pair[0] + pair[1]))
    monkeypatch.setitem(registrations, CLIENT_ID, registered)
    application.consent(HAPPY_ADMINISTRATOR, "organizations")
    application.credential = {"private_key": pair[0], "public_certificate": pair[1]}
    return application


def test_a_certificate_proves_the_application_by_its_sha256_thumbprint(with_certificate: Application) -> None:
    assert roles(with_certificate.app_only(tenant_id(with_certificate)))


def test_a_certificate_proves_the_application_by_its_sha1_thumbprint(
    with_certificate: Application, pair: tuple[str, str]
) -> None:
    certificate = read_certificates(pair[1])[0]
    thumbprint = certificate.fingerprint(hashes.SHA1()).hex()  # noqa: S303 - x5t is SHA-1 by definition
    with_certificate.credential = {"private_key": pair[0], "thumbprint": thumbprint}
    assert roles(with_certificate.app_only(tenant_id(with_certificate)))


def test_a_certificate_proves_the_application_when_it_redeems_a_code(with_certificate: Application) -> None:
    assert "id_token" in with_certificate.sign_in(HAPPY_ADMINISTRATOR)


def test_a_certificate_that_is_not_registered_proves_nothing(with_certificate: Application) -> None:
    private, public = certificate_pair()
    with_certificate.credential = {"private_key": private, "public_certificate": public}
    refused = with_certificate.app_only(tenant_id(with_certificate))
    assert (refused["error"], refused["error_codes"]) == ("invalid_client", [700027])


def test_a_certificate_that_has_ended_proves_nothing(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = certificate_pair(days=-1)
    registrations = application.microsoft.authority.registrations
    registered = replace(registrations[CLIENT_ID], certificates=read_certificates(pair[1]))
    monkeypatch.setitem(registrations, CLIENT_ID, registered)
    application.credential = {"private_key": pair[0], "public_certificate": pair[1]}
    assert application.app_only(tenant_id(application))["error_codes"] == [700027]


@pytest.mark.parametrize(
    ("changed", "number"),
    [
        pytest.param({}, None, id="unchanged"),
        pytest.param({"aud": "https://elsewhere.example/token"}, 700023, id="audience"),
        pytest.param({"iss": OTHER_CLIENT_ID}, 700021, id="issuer"),
        pytest.param({"sub": OTHER_CLIENT_ID}, 700021, id="subject"),
        pytest.param({"exp": 1}, 700024, id="expired"),
        pytest.param({"exp": None}, 700024, id="no end"),
        pytest.param({"nbf": 9_999_999_999}, 700024, id="not yet"),
        pytest.param({"jti": ""}, 700027, id="no jti"),
    ],
)
@pytest.mark.parametrize("algorithm", ["PS256", "RS256"])
def test_each_claim_of_an_assertion_is_checked(
    with_certificate: Application,
    pair: tuple[str, str],
    changed: dict[str, Any],
    number: int | None,
    algorithm: str,
) -> None:
    tenant = tenant_id(with_certificate)
    claims: dict[str, Any] = {
        "aud": f"{with_certificate.back_channel}/{tenant}/oauth2/v2.0/token",
        "iss": CLIENT_ID,
        "sub": CLIENT_ID,
        "exp": datetime.now(UTC).timestamp() + 600,
        "jti": "an-id",
    }
    response = with_certificate.token(tenant, assertion_form(pair, claims | changed, algorithm))
    assert response.status_code == (401 if number else 200)
    assert response.json().get("error_codes") == ([number] if number else None)


def test_an_assertion_signed_by_another_key_is_refused(
    with_certificate: Application, pair: tuple[str, str]
) -> None:
    forged = (certificate_pair()[0], pair[1])
    response = with_certificate.token(tenant_id(with_certificate), assertion_form(forged, {}, "PS256"))
    assert response.json()["error_codes"] == [700027]


def test_an_assertion_without_signature_is_refused(
    with_certificate: Application, pair: tuple[str, str]
) -> None:
    form = assertion_form(pair, {}, "PS256")
    form["client_assertion"] = jwt.encode({}, "", algorithm="none", headers=thumbprint_header(pair))
    response = with_certificate.token(tenant_id(with_certificate), form)
    assert response.json()["error_codes"] == [700027]


def thumbprint_header(pair: tuple[str, str]) -> dict[str, str]:
    return {"x5t#S256": base64url(read_certificates(pair[1])[0].fingerprint(hashes.SHA256()))}


def assertion_form(pair: tuple[str, str], claims: dict[str, Any], algorithm: str) -> dict[str, str]:
    given = {name: value for name, value in claims.items() if value is not None}
    return {
        "grant_type": "client_credentials",
        "client_id": CLIENT_ID,
        "scope": GRAPH_DEFAULT,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode(given, pair[0], algorithm=algorithm, headers=thumbprint_header(pair)),
    }


def test_the_callbacks_of_the_product_are_registered(application: Application) -> None:
    registered = application.microsoft.authority.registrations[CLIENT_ID].redirect_uris
    assert registered == (SIGN_IN_CALLBACK, CONSENT_CALLBACK)
