"""How an application proves who it is at the token endpoint: by a secret or a signed assertion.

https://learn.microsoft.com/entra/identity-platform/certificate-credentials
"""

import base64
import hmac
import math
from binascii import Error as Base64Error
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from sandbox.microsoft.errors import EntraError
from sandbox.microsoft.registrations import Registration
from sandbox.microsoft.tokens import base64url

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_CLOCK_SKEW_SECONDS = 300


def read_basic(authorization: str | None) -> tuple[str, str] | None:
    """Client id and secret of an HTTP Basic header (client_secret_basic), None without a readable one."""
    scheme, _, value = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (Base64Error, UnicodeDecodeError):
        return None
    return unquote_plus(client_id), unquote_plus(secret)


def authenticate(
    app: Registration, form: Mapping[str, str], secret: str | None, audiences: set[str], now: float
) -> None:
    """Raises EntraError unless the form (or `secret` from the header) proves that `app` is asking.

    `audiences` are the addresses an assertion may be made for, `now` is in Unix seconds.
    """
    if assertion := form.get("client_assertion"):
        if form.get("client_assertion_type") != _ASSERTION_TYPE:
            raise EntraError(7000218)
        _check_assertion(app, assertion, audiences, now)
    elif given := secret or form.get("client_secret"):
        _check_secret(app, given, now)
    else:
        raise EntraError(7000218)


def _check_secret(app: Registration, given: str, now: float) -> None:
    matching = [one for one in app.secrets if hmac.compare_digest(one.value.encode(), given.encode())]
    if not matching:
        raise EntraError(7000215)
    if all(one.expires_at is not None and one.expires_at <= now for one in matching):
        raise EntraError(7000222)


def _check_assertion(app: Registration, assertion: str, audiences: set[str], now: float) -> None:
    certificate = _certificate_for(app, assertion)
    if not certificate.not_valid_before_utc.timestamp() <= now < certificate.not_valid_after_utc.timestamp():
        raise EntraError(700027)
    try:
        claims: dict[str, Any] = jwt.decode(
            assertion,
            certificate.public_key(),  # type: ignore[arg-type]  # a key that is not RSA fails as a wrong signature
            algorithms=["RS256", "PS256"],
            options={"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )
    except (jwt.InvalidTokenError, TypeError):
        raise EntraError(700027) from None
    if {claims.get("iss"), claims.get("sub")} != {app.client_id}:
        raise EntraError(700021)
    if claims.get("aud") not in audiences:
        raise EntraError(700023)
    if not claims.get("jti"):
        raise EntraError(700027)
    _check_times(claims, now)


def _check_times(claims: dict[str, Any], now: float) -> None:
    expires, not_before = _instant(claims.get("exp")), _instant(claims.get("nbf", 0))
    if not not_before - _CLOCK_SKEW_SECONDS <= now < expires + _CLOCK_SKEW_SECONDS:
        raise EntraError(700024)


def _instant(value: object) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise EntraError(700024)
    return value


def _certificate_for(app: Registration, assertion: str) -> x509.Certificate:
    try:
        header = jwt.get_unverified_header(assertion)
    except jwt.InvalidTokenError:
        raise EntraError(700027) from None
    # MSAL leaves the padding on, other libraries do not.
    named = {str(header.get(name, "")).rstrip("=") for name in ("x5t", "x5t#S256")}
    for certificate in app.certificates:
        sha1 = base64url(certificate.fingerprint(hashes.SHA1()))  # noqa: S303 - x5t is SHA-1 by definition
        if named & {sha1, base64url(certificate.fingerprint(hashes.SHA256()))}:
            return certificate
    raise EntraError(700027)
