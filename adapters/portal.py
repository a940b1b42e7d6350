"""Our signature under what the portal is told, and the public keys that verify it.

ES256 of RFC 7518 §3.4 in a JWS (RFC 7515), keys as a JWK set (RFC 7517), named by their thumbprints
(RFC 7638). PyJWT and cryptography are imported when the first key is needed.
"""

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from association.errors import PortalUnavailableError
from association.settings import PRIVATE_KEY

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey


class PortalSignature:
    """Signs with the first of the keys in `pem` (PKCS #8 or SEC 1, P-256, no password) and publishes all.

    The keys are read on first use: one that can't be used stops the hand-over and nothing else.
    """

    def __init__(self, pem: str) -> None:
        self._pem = pem

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A JWT (RFC 7519) with these claims. Raises PortalUnavailableError."""
        import jwt

        kid, key = next(iter(self._keys.items()))
        return jwt.encode(dict(claims), key, algorithm="ES256", headers={"kid": kid})

    def jwks(self) -> dict[str, Any]:
        """The public keys as a JWK set. Raises PortalUnavailableError."""
        return {"keys": [_described(kid, _coordinates(key)) for kid, key in self._keys.items()]}

    def has_usable_keys(self) -> bool:
        """Whether every key of the setting can be used; `/health/details` asks."""
        try:
            return bool(self._keys)
        except PortalUnavailableError:
            return False

    @cached_property
    def _keys(self) -> dict[str, "EllipticCurvePrivateKey"]:
        """The keys by kid, in the setting's order."""
        keys = [_read(match.group()) for match in PRIVATE_KEY.finditer(self._pem)]
        if not keys:
            raise PortalUnavailableError("key=none")
        return {_thumbprint(_coordinates(key)): key for key in keys}


def _read(pem: str) -> "EllipticCurvePrivateKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it has a password
        # the cause could quote the key
        raise PortalUnavailableError("key=unreadable") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise PortalUnavailableError("key=not_p256")
    return key


def _coordinates(key: "EllipticCurvePrivateKey") -> dict[str, str]:
    """The members of the public key that make it what it is, in the order of RFC 7638 §3.2."""
    from jwt.algorithms import ECAlgorithm

    public = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {name: str(public[name]) for name in ("crv", "kty", "x", "y")}


def _thumbprint(coordinates: Mapping[str, str]) -> str:
    text = json.dumps(coordinates, separators=(",", ":"))
    return urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def _described(kid: str, coordinates: Mapping[str, str]) -> dict[str, str]:
    return {**coordinates, "kid": kid, "use": "sig", "alg": "ES256"}
