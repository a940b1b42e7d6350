"""Signs id_tokens and access tokens, publishes the keys, reads back the access tokens that Graph is shown.

https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference
https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-issuer
"""

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from jwt.algorithms import RSAAlgorithm

from sandbox.microsoft.identifiers import CONSUMER_TENANT_ID, GRAPH_RESOURCE

_ID_TOKEN_SECONDS = 3600
_CLOCK_SKEW_SECONDS = 300

Claims = dict[str, Any]


def base64url(value: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An RSA key with a self-signed certificate; `consumer` keys sign for personal accounts only."""

    private: rsa.RSAPrivateKey
    certificate: x509.Certificate
    consumer: bool = False

    @property
    def kid(self) -> str:
        return base64url(self.certificate.fingerprint(hashes.SHA1()))  # noqa: S303 - x5t is SHA-1 by definition


def new_signing_key(*, consumer: bool = False) -> SigningKey:
    """A fresh RSA key of 2048 bits."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sandbox token signing")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .sign(private, hashes.SHA256())
    )
    return SigningKey(private, certificate, consumer)


class Tokens:
    """Everything that is signed; `issuer_origin` is the back channel's origin, `now` the real clock."""

    def __init__(self, issuer_origin: str, now: Callable[[], float]) -> None:
        self._origin = issuer_origin
        self._now = now
        self._keys = [new_signing_key(), new_signing_key(consumer=True)]
        self._withdrawn: set[str] = set()

    def issuer(self, tenant_id: str) -> str:
        """`iss` of a tenant's id_tokens; "{tenantid}" gives the template."""
        return f"{self._origin}/{tenant_id}/v2.0"

    def rotate(self) -> None:
        """A new signing key; the earlier ones stay published."""
        self._keys.insert(0, new_signing_key())

    def withdraw_old(self) -> None:
        """Publishes the newest signing key only. Graph goes on reading what the others have signed."""
        self._withdrawn = {key.kid for key in self._keys[1:] if not key.consumer}

    def jwks(self, tenant_id: str) -> dict[str, list[dict[str, Any]]]:
        """The published keys; `tenant_id` may be "{tenantid}" for the documents of no tenant."""
        return {"keys": [self._jwk(key, tenant_id) for key in self._keys if key.kid not in self._withdrawn]}

    def id_token(self, claims: Claims) -> str:
        """Adds times and Microsoft's opaque claims, signs."""
        now = int(self._now())
        times = {"iat": now, "nbf": now, "exp": now + _ID_TOKEN_SECONDS}
        opaque = {"aio": secrets.token_urlsafe(40), "rh": f"1.{secrets.token_urlsafe(24)}."}
        return self._sign({**times, **opaque, "uti": secrets.token_urlsafe(16), "ver": "2.0", **claims})

    def access_token(self, tenant_id: str, claims: Claims) -> tuple[str, int]:
        """A token for Graph and its lifetime in seconds (random between 60 and 90 minutes, as documented)."""
        lifetime = 3600 + secrets.randbelow(1800)
        now = int(self._now())
        frame = {
            "aud": GRAPH_RESOURCE,
            "iss": f"{self._origin}/{tenant_id}/",
            "tid": tenant_id,
            **{"iat": now, "nbf": now, "exp": now + lifetime},
            **{"uti": secrets.token_urlsafe(16), "ver": "1.0"},
        }
        return self._sign({**frame, **claims}), lifetime

    def read_access_token(self, token: str) -> Claims:
        """The claims of an access token of ours that is meant for Graph; raises jwt.InvalidTokenError."""
        kid = jwt.get_unverified_header(token).get("kid")
        key = next((one for one in self._keys if one.kid == kid and not one.consumer), None)
        if key is None:
            raise jwt.InvalidTokenError("unknown key")
        claims: Claims = jwt.decode(
            token,
            key.private.public_key(),
            algorithms=["RS256"],
            audience=GRAPH_RESOURCE,
            leeway=_CLOCK_SKEW_SECONDS,
            options={"require": ["exp", "tid", "ver"]},
        )
        # An id_token of an application called like the resource must not open Graph.
        if claims["ver"] != "1.0":
            raise jwt.InvalidTokenError("not an access token")
        return claims

    def _sign(self, claims: Claims) -> str:
        key = next(one for one in self._keys if not one.consumer)
        return jwt.encode(claims, key.private, algorithm="RS256", headers={"kid": key.kid})

    def _jwk(self, key: SigningKey, tenant_id: str) -> dict[str, Any]:
        numbers = RSAAlgorithm.to_jwk(key.private.public_key(), as_dict=True)
        der = key.certificate.public_bytes(serialization.Encoding.DER)
        return {
            **{"kty": "RSA", "use": "sig", "kid": key.kid, "x5t": key.kid},
            **{"n": numbers["n"], "e": numbers["e"], "x5c": [base64.b64encode(der).decode()]},
            "issuer": self.issuer(CONSUMER_TENANT_ID if key.consumer else tenant_id),
        }


def pairwise_subject(client_id: str, object_id: str) -> str:
    """`sub`: stable for a user, different for every application."""
    return base64url(hashlib.sha256(f"{client_id}/{object_id}".encode()).digest())
