"""Whether a hand-over may be believed: RFC 7519 §7.2 and the claims of docs/portal.md, in that order.

Each refusal has a reason of one word, which the page explains to people who develop the real portal.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt

ALGORITHM = "ES256"
_NAMES = ("sub", "tid", "oid", "jti")
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (jwt.InvalidAlgorithmError, "algorithm"),
    (jwt.InvalidSignatureError, "signature"),
    (jwt.ExpiredSignatureError, "expired"),
    (jwt.ImmatureSignatureError, "not_yet"),
    (jwt.InvalidIssuerError, "issuer"),
    (jwt.InvalidAudienceError, "audience"),
    (jwt.MissingRequiredClaimError, "claim"),
    (jwt.exceptions.InvalidSubjectError, "claim"),
    (jwt.exceptions.InvalidJTIError, "claim"),
)


class RefusedError(Exception):
    """Nobody arrives; `reason` is one word, `found` what stood in the token instead (never the token)."""

    def __init__(self, reason: str, found: str = "") -> None:
        super().__init__(f"{reason} {found}".strip())
        self.reason = reason
        self.found = found


@dataclass(slots=True)
class Verifier:
    """Verifies hand-overs of `product` (its base address) to `portal` (its own); remembers each `jti`."""

    product: str
    portal: str
    _seen: dict[str, float] = field(default_factory=dict)

    def verify(self, token: str, keys: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """The claims of `token`, signed with one of the JWKs `keys` of the product. Raises RefusedError."""
        header = _header(token)
        if header.get("alg") != ALGORITHM:
            raise RefusedError("algorithm", str(header.get("alg", "")))
        key = next((key for key in keys if key.get("kid") == header.get("kid")), None)
        if key is None:
            raise RefusedError("unknown_kid", str(header.get("kid", "")))
        claims = self._decoded(token, key)
        missing = [name for name in _NAMES if not isinstance(claims[name], str) or not claims[name]]
        if missing:
            raise RefusedError("claim", missing[0])
        self._require_first(claims["jti"], claims["exp"])
        return claims

    def _decoded(self, token: str, key: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return jwt.decode(
                token,
                jwt.PyJWK(dict(key), algorithm=ALGORITHM),
                algorithms=[ALGORITHM],
                issuer=self.product,
                audience=self.portal,
                leeway=0,
                options={"require": ["iss", "aud", "iat", "exp", *_NAMES], "strict_aud": True},
            )
        except jwt.PyJWTError as error:
            reason = next((reason for kind, reason in _REASONS if isinstance(error, kind)), "malformed")
            raise RefusedError(reason, _found(token, reason)) from None

    def _require_first(self, token_id: str, ends: float) -> None:
        # after its end a token is refused for that, so its jti need not be kept any longer
        now = time.time()
        self._seen = {known: until for known, until in self._seen.items() if until > now}
        if token_id in self._seen:
            raise RefusedError("seen", token_id)
        self._seen[token_id] = ends


def _header(token: str) -> dict[str, Any]:
    try:
        return jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise RefusedError("malformed") from None


def _found(token: str, reason: str) -> str:
    """What the token says where it was expected to say something else, for the page to show."""
    name = {"issuer": "iss", "audience": "aud", "expired": "exp", "not_yet": "iat"}.get(reason, "")
    claims = jwt.decode(token, options={"verify_signature": False}) if name else {}
    return str(claims.get(name, ""))
