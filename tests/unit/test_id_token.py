"""Validation of id_tokens: every claim and every way to sign wrongly, with real keys."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import RSAAlgorithm

from adapters.microsoft.id_token import (
    CONSUMER_TENANT,
    LEEWAY_SECONDS,
    IdTokens,
    roles_of,
)
from adapters.microsoft.session import MicrosoftSession
from association.errors import IdTokenInvalidError
from association.identity import Identity
from association.microsoft_errors import MicrosoftUnavailableError

AUTHORITY = "https://login.example"
CLIENT_ID = "6f1d2c3b-8a47-4e55-9b0e-2f7c1d5a9e60"
TENANT = "3f0c2a51-6a0e-4b57-9d52-0c6f3a1b7e01"
OTHER_TENANT = "8b7d4e92-13c5-4f0a-b6a8-5d2e9c4f7a02"
PERSON = "c41e6f08-7b29-4d83-8e15-9a3b0d6c2f03"
NONCE = "n" * 32
NOW = datetime(2026, 11, 20, 10, 42, tzinfo=UTC)
ANY_TENANT = f"{AUTHORITY}/{{tenantid}}/v2.0"


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


KEY, CONSUMER_KEY, OTHER_TENANTS_KEY, STRANGERS_KEY = (new_key() for _ in range(4))


def published(kid: str, key: rsa.RSAPrivateKey, issuer: str) -> dict[str, Any]:
    return {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "use": "sig", "kid": kid, "issuer": issuer}


@dataclass
class Answer:
    """As much of a `requests.Response` as is read."""

    document: Any
    status_code: int = 200

    @property
    def ok(self) -> bool:
        return self.status_code < 400

    def json(self) -> Any:
        return self.document


@dataclass
class Published:
    """Microsoft's keys endpoint, in the place of the HTTP session."""

    keys: list[dict[str, Any]] = field(
        default_factory=lambda: [
            published("current", KEY, ANY_TENANT),
            published("consumers", CONSUMER_KEY, f"{AUTHORITY}/{CONSUMER_TENANT}/v2.0"),
            published("of-another", OTHER_TENANTS_KEY, f"{AUTHORITY}/{OTHER_TENANT}/v2.0"),
        ]
    )
    status_code: int = 200
    asked: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    following: list[dict[str, Any]] | None = None

    def get(self, url: str) -> Answer:
        self.asked.append(url)
        return Answer({"keys": self.keys}, self.status_code)

    def forget(self, url: str) -> None:
        self.forgotten.append(url)
        if self.following is not None:
            self.keys = self.following


def hashed(nonce: str) -> str:
    return hashlib.sha256(nonce.encode()).hexdigest()


def claims(**changes: Any) -> dict[str, Any]:
    """What Microsoft says of the person; None takes a claim away."""
    seconds = int(NOW.timestamp())
    usual = {
        "aud": CLIENT_ID,
        "iss": f"{AUTHORITY}/{TENANT}/v2.0",
        "iat": seconds,
        "nbf": seconds,
        "exp": seconds + 3600,
        "tid": TENANT,
        "oid": PERSON,
        "nonce": hashed(NONCE),
        "preferred_username": "sophie@lambert.example",
        "name": "Sophie Lambert",
        "acct": 0,
        "wids": ["62e90394-69f5-4237-9190-012177145e10"],
        "ver": "2.0",
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def signed(body: Mapping[str, Any], key: Any = KEY, kid: str = "current", algorithm: str = "RS256") -> str:
    return jwt.encode(dict(body), key, algorithm=algorithm, headers={"kid": kid})


def parts(text: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(text).encode()).rstrip(b"=").decode()


def validate(token: str, nonce: str = NONCE, now: datetime = NOW, keys: Published | None = None) -> Identity:
    session = cast(MicrosoftSession, keys or Published())
    return IdTokens(session, AUTHORITY, CLIENT_ID).validate(token, nonce, now)


def refused_for(token: str, **more: Any) -> str:
    """Which check refused the token; the error must not repeat any of it."""
    with pytest.raises(IdTokenInvalidError) as caught:
        validate(token, **more)
    for part in token.split("."):
        assert not part or part not in str(caught.value)
    return caught.value.detail.removeprefix("check=")


def test_a_token_as_microsoft_issues_it_names_the_person() -> None:
    keys = Published()
    assert validate(signed(claims()), keys=keys) == Identity(
        tenant_id=TENANT,
        object_id=PERSON,
        username="sophie@lambert.example",
        name="Sophie Lambert",
        is_guest=False,
        role_template_ids=frozenset({"62e90394-69f5-4237-9190-012177145e10"}),
        issued_at=NOW,
    )
    assert set(keys.asked) == {f"{AUTHORITY}/organizations/discovery/v2.0/keys"}
    assert keys.forgotten == []


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"aud": "00000003-0000-0000-c000-000000000000"}, "InvalidAudienceError"),
        ({"aud": [CLIENT_ID]}, "aud"),
        ({"aud": [CLIENT_ID, OTHER_TENANT]}, "aud"),
        ({"aud": CLIENT_ID.upper()}, "InvalidAudienceError"),
        ({"iss": f"{AUTHORITY}/{OTHER_TENANT}/v2.0"}, "iss"),
        ({"iss": f"https://sts.windows.net/{TENANT}/"}, "iss"),
        ({"iss": f"{AUTHORITY}/{TENANT}"}, "iss"),
        ({"iss": f"{AUTHORITY}/{TENANT}/v2.0/"}, "iss"),
        ({"iss": f"https://evil.example/{TENANT}/v2.0"}, "iss"),
        ({"tid": OTHER_TENANT}, "iss"),
        ({"tid": "organizations", "iss": f"{AUTHORITY}/organizations/v2.0"}, "tid"),
        ({"tid": f"{TENANT}\n"}, "tid"),
        ({"tid": f"{TENANT}/../{OTHER_TENANT}"}, "tid"),
        ({"tid": CONSUMER_TENANT, "iss": f"{AUTHORITY}/{CONSUMER_TENANT}/v2.0"}, "tid"),
        ({"oid": "sophie"}, "oid"),
        ({"oid": ""}, "oid"),
        ({"nonce": hashed("another")}, "nonce"),
        ({"nonce": NONCE}, "nonce"),
        ({"nonce": ""}, "nonce"),
    ],
)
def test_a_claim_that_is_wrong_is_refused(changes: dict[str, Any], check: str) -> None:
    assert refused_for(signed(claims(**changes))) == check


@pytest.mark.parametrize("name", ["aud", "iss", "exp", "nbf", "iat"])
def test_a_claim_that_every_token_has_may_not_be_missing(name: str) -> None:
    assert refused_for(signed(claims(**{name: None}))) == "MissingRequiredClaimError"


@pytest.mark.parametrize(("name", "check"), [("tid", "tid"), ("oid", "oid"), ("nonce", "nonce")])
def test_a_claim_that_tells_who_it_is_may_not_be_missing(name: str, check: str) -> None:
    assert refused_for(signed(claims(**{name: None}))) == check


def test_a_sign_in_without_a_nonce_of_ours_accepts_no_token() -> None:
    assert refused_for(signed(claims(nonce=hashed(""))), nonce="") == "nonce"


@pytest.mark.parametrize(
    ("at", "check"),
    [
        (timedelta(hours=1, seconds=LEEWAY_SECONDS), "exp"),
        (timedelta(days=1), "exp"),
        (timedelta(seconds=-LEEWAY_SECONDS - 1), "nbf"),
        (timedelta(days=-1), "nbf"),
    ],
)
def test_a_token_out_of_its_time_is_refused(at: timedelta, check: str) -> None:
    assert refused_for(signed(claims()), now=NOW + at) == check


def test_a_token_issued_in_the_future_is_refused() -> None:
    later = int(NOW.timestamp()) + LEEWAY_SECONDS + 1
    assert refused_for(signed(claims(iat=later))) == "iat"


@pytest.mark.parametrize(
    "at", [timedelta(hours=1, seconds=LEEWAY_SECONDS - 1), timedelta(seconds=-LEEWAY_SECONDS)]
)
def test_clocks_may_differ_a_little(at: timedelta) -> None:
    assert validate(signed(claims()), now=NOW + at).object_id == PERSON


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", ["9999999999", True, [9999999999]])
def test_a_time_that_is_no_number_is_refused(name: str, value: Any) -> None:
    token = signed(claims(), algorithm="RS256")
    header, _, _ = token.split(".")
    body = parts(claims(**{name: value}))
    signature = RSAAlgorithm(RSAAlgorithm.SHA256).sign(f"{header}.{body}".encode(), KEY)
    forged = f"{header}.{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"

    assert refused_for(forged) in (name, "DecodeError", "InvalidIssuedAtError")


def test_a_token_without_a_signature_is_refused() -> None:
    for algorithm in ("none", "None", "NONE", ""):
        header = parts({"alg": algorithm, "typ": "JWT", "kid": "current"})
        assert refused_for(f"{header}.{parts(claims())}.") in ("alg", "header")
    header, body, _ = signed(claims()).split(".")
    assert refused_for(f"{header}.{body}.") == "InvalidSignatureError"


def test_a_token_signed_with_the_public_key_as_a_shared_secret_is_refused() -> None:
    pem = KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    unsigned = f"{parts({'alg': 'HS256', 'typ': 'JWT', 'kid': 'current'})}.{parts(claims())}"
    digest = hmac.digest(pem, unsigned.encode(), "sha256")
    token = f"{unsigned}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"

    assert refused_for(token) == "alg"


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
def test_another_algorithm_of_the_same_key_is_refused(algorithm: str) -> None:
    assert refused_for(signed(claims(), algorithm=algorithm)) == "alg"


def test_a_token_of_an_elliptic_key_is_refused() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    assert refused_for(signed(claims(), key, algorithm="ES256")) == "alg"


def test_a_token_signed_by_a_stranger_under_a_known_key_id_is_refused() -> None:
    assert refused_for(signed(claims(), STRANGERS_KEY)) == "InvalidSignatureError"


@pytest.mark.parametrize(
    "header", [{"jwk": True}, {"jku": "https://evil.example/keys"}, {"x5u": "https://e.example"}]
)
def test_a_key_that_the_token_brings_along_is_not_used(header: dict[str, Any]) -> None:
    if "jwk" in header:
        header = {"jwk": RSAAlgorithm.to_jwk(STRANGERS_KEY.public_key(), as_dict=True)}
    token = jwt.encode(claims(), STRANGERS_KEY, algorithm="RS256", headers={"kid": "mine", **header})
    keys = Published()

    assert refused_for(token, keys=keys) == "kid"
    assert set(keys.asked) == {f"{AUTHORITY}/organizations/discovery/v2.0/keys"}


def test_a_body_changed_after_signing_is_refused() -> None:
    header, _, signature = signed(claims()).split(".")
    body = parts(claims(oid=OTHER_TENANT))
    assert refused_for(f"{header}.{body}.{signature}") == "InvalidSignatureError"


def test_a_key_unknown_even_after_reading_the_keys_again_is_refused() -> None:
    keys = Published()
    assert refused_for(signed(claims(), STRANGERS_KEY, kid="unknown"), keys=keys) == "kid"
    assert keys.forgotten == keys.asked[:1]


def test_a_key_that_is_new_since_the_keys_were_read_is_found() -> None:
    keys = Published(keys=[published("old", STRANGERS_KEY, ANY_TENANT)])
    keys.following = [published("current", KEY, ANY_TENANT)]
    assert validate(signed(claims()), keys=keys).object_id == PERSON


def test_a_key_of_the_personal_accounts_signs_for_no_organisation() -> None:
    assert refused_for(signed(claims(), CONSUMER_KEY, "consumers")) == "key_issuer"


def test_a_key_of_one_tenant_signs_for_no_other() -> None:
    assert refused_for(signed(claims(), OTHER_TENANTS_KEY, "of-another")) == "key_issuer"
    own = claims(tid=OTHER_TENANT, iss=f"{AUTHORITY}/{OTHER_TENANT}/v2.0")
    assert validate(signed(own, OTHER_TENANTS_KEY, "of-another")).tenant_id == OTHER_TENANT


def test_a_key_that_names_no_issuer_signs_for_nobody() -> None:
    nameless = published("current", KEY, "")
    nameless.pop("issuer")
    assert refused_for(signed(claims()), keys=Published(keys=[nameless])) == "key_issuer"


def test_a_published_key_that_is_not_rsa_is_passed_over() -> None:
    secret = {"kty": "oct", "kid": "current", "k": "AAAA", "issuer": ANY_TENANT}
    assert refused_for(signed(claims()), keys=Published(keys=[secret])) == "kid"


@pytest.mark.parametrize("token", ["", "x", "a.b", "a.b.c", "..", "é.é.é", "e30.e30.", "a" * 100_000])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(IdTokenInvalidError):
        validate(token)


def test_keys_that_cannot_be_read_are_nobodys_fault() -> None:
    with pytest.raises(MicrosoftUnavailableError, match="call=keys status=503"):
        validate(signed(claims()), keys=Published(status_code=503))


@pytest.mark.parametrize(
    "changes",
    [
        {"acct": 1},
        {"idp": f"https://sts.windows.net/{OTHER_TENANT}/"},
        {"acct": 1, "idp": "live.com"},
        {"acct": None, "idp": "live.com"},
    ],
)
def test_guests_are_seen_as_guests(changes: dict[str, Any]) -> None:
    assert validate(signed(claims(**changes))).is_guest


def test_a_member_told_by_their_own_issuer_is_no_guest() -> None:
    assert not validate(signed(claims(idp=f"{AUTHORITY}/{TENANT}/v2.0"))).is_guest


def test_texts_are_cut_and_odd_claims_are_ignored() -> None:
    identity = validate(
        signed(
            claims(
                preferred_username="x" * 1000, name="y" * 1000, wids="62e90394-69f5-4237-9190-012177145e10"
            )
        )
    )
    assert (len(identity.username), len(identity.name)) == (254, 200)
    assert identity.role_template_ids == frozenset()


def test_an_identity_does_not_show_its_access_token() -> None:
    identity = replace(validate(signed(claims())), access_token="secret-token")
    assert "secret-token" not in repr(identity)


def test_the_roles_of_an_access_token_are_read_and_nothing_else_counts_as_roles() -> None:
    def token(**body: Any) -> str:
        return jwt.encode(body, "s" * 32, algorithm="HS256")

    assert roles_of(token(roles=["Organization.Read.All"])) == {"Organization.Read.All"}
    for odd in (
        token(),
        token(roles="Organization.Read.All"),
        token(roles={"a": 1}),
        token(scp="x"),
        "x",
        "",
    ):
        assert roles_of(odd) == frozenset()


@pytest.mark.parametrize("odd", [None, 7, "text", [], {}, {"kid": "current"}, {"kid": None, "kty": "RSA"}])
def test_odd_entries_among_the_keys_are_passed_over(odd: Any) -> None:
    keys = Published()
    keys.keys.insert(0, odd)
    assert validate(signed(claims()), keys=keys).object_id == PERSON


@pytest.mark.parametrize("broken", [{"n": None}, {"n": "!"}, {"e": 7}, {"n": ""}, {"use": 7, "n": "AQAB"}])
def test_a_key_that_cannot_be_used_signs_nobody_in(broken: dict[str, Any]) -> None:
    keys = Published(keys=[{**published("current", KEY, ANY_TENANT), **broken}])
    with pytest.raises((MicrosoftUnavailableError, IdTokenInvalidError)):
        validate(signed(claims()), keys=keys)
