"""The signature for the portal: ES256, kids by thumbprint, every key published, and never a private part."""

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from adapters.portal import PortalSignature
from association.errors import PortalUnavailableError, SettingsIncompleteError
from association.settings import Settings
from tests.memory import SETTINGS

CLAIMS = {"sub": "a", "tid": "t"}
# The key of RFC 7515 appendix A.3.1, and its thumbprint by RFC 7638 §3.
RFC_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
}
RFC_THUMBPRINT = "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"


def pem(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    form: PrivateFormat = PrivateFormat.PKCS8,
    encryption: KeySerializationEncryption | None = None,
) -> str:
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption()).decode()


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def rfc_key() -> ec.EllipticCurvePrivateKey:
    key = jwt.PyJWK(RFC_KEY, algorithm="ES256").key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def verified(token: str, published: dict[str, Any]) -> dict[str, Any]:
    """What the portal's side reads, with the key that the token's header names."""
    kid = jwt.get_unverified_header(token)["kid"]
    (key,) = [key for key in published["keys"] if key["kid"] == kid]
    return jwt.decode(token, jwt.PyJWK(key), algorithms=["ES256"])


def test_what_is_signed_is_verified_by_what_is_published() -> None:
    signature = PortalSignature(pem(p256()))
    token = signature.sign(CLAIMS)
    assert verified(token, signature.jwks()) == CLAIMS
    assert jwt.get_unverified_header(token)["alg"] == "ES256"


def test_a_key_s_name_is_its_thumbprint() -> None:
    (key,) = PortalSignature(pem(rfc_key())).jwks()["keys"]
    assert key["kid"] == RFC_THUMBPRINT
    assert (key["x"], key["y"]) == (RFC_KEY["x"], RFC_KEY["y"])


def test_what_is_published_holds_nothing_private() -> None:
    published = PortalSignature(pem(rfc_key())).jwks()
    (key,) = published["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "use", "alg", "kid"}
    assert (key["kty"], key["crv"], key["use"], key["alg"]) == ("EC", "P-256", "sig", "ES256")
    assert RFC_KEY["d"] not in json.dumps(published)


def test_coordinates_that_begin_with_zeroes_keep_their_length() -> None:
    # 43 characters for 32 bytes, RFC 7518 §6.2.1.2; this key's x begins with a zero byte
    key = next(
        key
        for number in range(1, 5000)
        if (key := ec.derive_private_key(number, ec.SECP256R1())).public_key().public_numbers().x >> 248 == 0
    )
    signature = PortalSignature(pem(key))
    (published,) = signature.jwks()["keys"]
    assert (len(published["x"]), len(published["y"])) == (43, 43)
    assert verified(signature.sign(CLAIMS), signature.jwks()) == CLAIMS


def test_of_several_keys_the_first_signs_and_all_are_published() -> None:
    new, old = p256(), p256()
    signature = PortalSignature(pem(new) + pem(old))
    alone = [PortalSignature(pem(key)).jwks()["keys"][0] for key in (new, old)]
    assert signature.jwks()["keys"] == alone
    token = signature.sign(CLAIMS)
    assert jwt.get_unverified_header(token)["kid"] == alone[0]["kid"]
    assert verified(token, signature.jwks()) == CLAIMS
    assert verified(PortalSignature(pem(old)).sign(CLAIMS), signature.jwks()) == CLAIMS


def test_a_key_that_stands_twice_is_published_once() -> None:
    key = pem(p256())
    assert len(PortalSignature(key + key).jwks()["keys"]) == 1


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_key_is_read_from_an_app_setting_of_one_line(form: PrivateFormat) -> None:
    # as openssl writes it with `ecparam -genkey`, parameters first
    parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    line = (parameters + pem(p256(), form)).replace("\n", "\\n")
    settings = Settings.from_mapping({**SETTINGS, "PORTAL_SIGNING_KEY": line})
    assert PortalSignature(settings.portal_signing_key).has_usable_keys()


BEGIN, END = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
UNUSABLE = {
    "rsa": pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
    "another curve": pem(ec.generate_private_key(ec.SECP384R1())),
    "a password": pem(p256(), encryption=BestAvailableEncryption(b"password")),
    "garbage": SETTINGS["PORTAL_SIGNING_KEY"],
    "garbage in base64": f"{BEGIN}\nAAAA\n{END}",
    "not ascii": f"{BEGIN}\né\n{END}",
    "none": "",
    "one of two": pem(p256()) + pem(ec.generate_private_key(ec.SECP384R1())),
}


@pytest.mark.parametrize("text", UNUSABLE.values(), ids=UNUSABLE)
def test_a_key_that_cannot_sign_is_told_when_it_is_needed_and_not_before(text: str) -> None:
    signature = PortalSignature(text)
    assert not signature.has_usable_keys()
    for use in (lambda: signature.sign(CLAIMS), signature.jwks):
        with pytest.raises(PortalUnavailableError) as caught:
            use()
        assert caught.value.detail in ("key=unreadable", "key=not_p256", "key=none")
        assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "text",
    [
        "key",
        BEGIN,
        pem(p256())[:-30],
        pem(p256()).replace(BEGIN, ""),
        pem(p256())[:-30] + pem(p256()),
        pem(p256()) + BEGIN,
        pem(p256()).replace("END PRIVATE", "END EC PRIVATE"),
    ],
)
def test_a_key_that_is_cut_off_is_a_setting_that_is_wrong(text: str) -> None:
    with pytest.raises(SettingsIncompleteError) as caught:
        Settings.from_mapping({**SETTINGS, "PORTAL_SIGNING_KEY": text})
    assert caught.value.names == ("PORTAL_SIGNING_KEY",)
