"""Validation of id_tokens. MSAL ≥ 1.38 checks nothing but the nonce, so everything is checked here.

https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference and, for the order of the
checks, https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-issuer
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

from adapters.microsoft.session import MicrosoftSession
from association.errors import IdTokenInvalidError
from association.identity import GUID, Identity
from association.microsoft_errors import MicrosoftUnavailableError

if TYPE_CHECKING:
    from jwt import PyJWK

CONSUMER_TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"
# Between Microsoft's clocks and ours.
LEEWAY_SECONDS = 120


class IdTokens:
    """Validates id_tokens issued by `authority` (its origin, without a path) to `client_id`."""

    def __init__(self, session: MicrosoftSession, authority: str, client_id: str) -> None:
        self._session = session
        self._authority = authority
        self._client_id = client_id
        self._keys_url = f"{authority}/organizations/discovery/v2.0/keys"

    def validate(self, token: str, nonce: str, now: datetime) -> Identity:
        """The identity in `token`, whose `nonce` must be the SHA-256 (hex) of ours, as MSAL sends it.

        Raises IdTokenInvalidError naming the failed check, never the token; MicrosoftUnavailableError when
        the keys can't be read.
        """
        key, issuer = self._key(_key_id(token))
        claims = _decode(token, key, self._client_id, now)
        tenant_id = str(claims.get("tid", ""))
        _require(GUID.fullmatch(tenant_id) is not None and tenant_id != CONSUMER_TENANT, "tid")
        expected = f"{self._authority}/{tenant_id}/v2.0"
        _require(claims.get("iss") == expected, "iss")
        _require(issuer.replace("{tenantid}", tenant_id) == expected, "key_issuer")
        _require(_is_nonce(claims, nonce), "nonce")
        object_id = str(claims.get("oid", ""))
        _require(GUID.fullmatch(object_id) is not None, "oid")
        return _identity(claims, tenant_id, object_id)

    def _key(self, kid: str) -> tuple["PyJWK", str]:
        found = self._find(kid)
        if found is None:
            # Microsoft may have begun to sign with another key a moment after the keys were read
            self._session.forget(self._keys_url)
            found = self._find(kid)
        if found is None:
            raise IdTokenInvalidError("check=kid")
        import jwt

        try:
            return jwt.PyJWK(found, algorithm="RS256"), str(found.get("issuer", ""))
        except jwt.PyJWTError:
            self._session.forget(self._keys_url)
            raise MicrosoftUnavailableError("call=keys reason=key_incomplete") from None

    def _find(self, kid: str) -> dict[str, Any] | None:
        response = self._session.get(self._keys_url)
        if not response.ok:
            raise MicrosoftUnavailableError(f"call=keys status={response.status_code}")
        for key in response.json()["keys"]:
            if isinstance(key, dict) and key.get("kid") == kid and key.get("kty") == "RSA":
                return key
        return None


def _key_id(token: str) -> str:
    import jwt

    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError as error:
        raise IdTokenInvalidError("check=header") from error
    _require(header.get("alg") == "RS256", "alg")
    return str(header.get("kid", ""))


def _decode(token: str, key: "PyJWK", client_id: str, now: datetime) -> Mapping[str, Any]:
    import jwt

    try:
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            audience=client_id,
            options={
                "require": ["exp", "nbf", "iat", "aud", "iss"],
                # times are held against the clock that came in, below
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
    except jwt.InvalidTokenError as error:
        raise IdTokenInvalidError(f"check={type(error).__name__}") from None
    # an id_token is for one audience; a list would be PyJWT's leniency, not Microsoft's format
    _require(claims["aud"] == client_id, "aud")
    seconds = now.timestamp()
    _require(_number(claims, "exp") > seconds - LEEWAY_SECONDS, "exp")
    _require(_number(claims, "nbf") <= seconds + LEEWAY_SECONDS, "nbf")
    _require(_number(claims, "iat") <= seconds + LEEWAY_SECONDS, "iat")
    return claims


def _number(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise IdTokenInvalidError(f"check={name}")
    return float(value)


def _is_nonce(claims: Mapping[str, Any], nonce: str) -> bool:
    expected = hashlib.sha256(nonce.encode("ascii")).hexdigest()
    return bool(nonce) and compare_digest(str(claims.get("nonce", "")), expected)


def _require(holds: bool, check: str) -> None:
    if not holds:
        raise IdTokenInvalidError(f"check={check}")


def _identity(claims: Mapping[str, Any], tenant_id: str, object_id: str) -> Identity:
    wids = claims.get("wids")
    return Identity(
        tenant_id=tenant_id,
        object_id=object_id,
        username=str(claims.get("preferred_username", ""))[:254],
        name=str(claims.get("name", ""))[:200],
        is_guest=claims.get("acct") == 1 or claims.get("idp", claims["iss"]) != claims["iss"],
        role_template_ids=frozenset(map(str, wids)) if isinstance(wids, list) else frozenset(),
        issued_at=datetime.fromtimestamp(_number(claims, "iat"), UTC),
    )


def roles_of(access_token: str) -> frozenset[str]:
    """The `roles` of a token that came from Microsoft over TLS just now, so its signature proves no more."""
    import jwt

    try:
        claims = jwt.decode(access_token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return frozenset()
    roles = claims.get("roles")
    return frozenset(map(str, roles)) if isinstance(roles, list) else frozenset()
