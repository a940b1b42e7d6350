"""What the product proves itself to Microsoft with: a client secret, or a certificate with its key."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

KINDS = ("certificate", "secret")
_LIFETIME = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Credential:
    """Exactly one of the two is set; `certificate` is PEM, private key first."""

    secret: str | None = field(default=None, repr=False)
    certificate: str | None = field(default=None, repr=False)


def new_credential(kind: str) -> Credential:
    """A fresh credential; `kind` is one of KINDS."""
    if kind == "secret":
        return Credential(secret=secrets.token_urlsafe(30))
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    certificate = _self_signed(key).public_bytes(serialization.Encoding.PEM)
    return Credential(certificate=(private + certificate).decode())


def new_portal_key() -> str:
    """A fresh P-256 private key in PEM, with which the product signs hand-overs to the portal."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode()


def _self_signed(key: rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sage Business Center (sandbox)")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _LIFETIME)
        .sign(key, hashes.SHA256())
    )
