"""What is derived from the signing keys: link tokens, codes, look-up hints, session secrets.

One setting holds the keys; each use gets its own sub-key, so that no two uses can be confused. Nothing
derived here is ever stored: a mail worker can repeat a token identically from the link's id alone.
"""

import base64
import hashlib
import hmac

from association.settings import SigningKey

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Keys:
    """The signing keys in use: the first signs, all of them verify.

    `keys` must not be empty.
    """

    def __init__(self, keys: tuple[SigningKey, ...]) -> None:
        self._keys = {key.kid: key.secret for key in keys}
        self.kid = keys[0].kid

    def link_token(self, kid: str, link_id: str) -> str:
        """The token of the link `link_id` under key `kid`: 43 base64url characters.

        Raises KeyError when that key has been retired.
        """
        return _base64url(_derive(self._keys[kid], "link", link_id))

    def knows(self, kid: str) -> bool:
        """Whether the key of that name is still in use."""
        return kid in self._keys

    def is_link_token(self, token: str, link_id: str) -> bool:
        """Whether `token` is that of the link `link_id` under one of the keys in use: a key that is removed
        takes its links with it.
        """
        derived = (self.link_token(kid, link_id) for kid in self._keys)
        return any([hmac.compare_digest(token, known) for known in derived])

    def code(self, association_id: str, number: int, tenant_id: str) -> str:
        """The one-time code `number` for accepting `tenant_id`: 6 digits (RFC 4226's truncation idea)."""
        digest = _derive(self._keys[self.kid], "code", f"{association_id}.{number}.{tenant_id}")
        return f"{int.from_bytes(digest[:8], 'big') % 1_000_000:06d}"

    def address_hints(self, email: str) -> tuple[str, ...]:
        """The look-up keys of an e-mail address, newest signing key first; case does not matter."""
        address = email.strip().casefold()
        return tuple(_derive(secret, "lookup", address).hex() for secret in self._keys.values())

    def secrets_for(self, use: str) -> tuple[str, ...]:
        """A secret per key for `use`, oldest first, the order in which itsdangerous wants them."""
        return tuple(_derive(secret, use, "").hex() for secret in reversed(self._keys.values()))


def token_hash(token: str) -> str:
    """SHA-256 (hex) of a token: the only form in which tokens reach storage."""
    return hashlib.sha256(token.encode()).hexdigest()


def reference_of(seed: str) -> str:
    """40 bits of `seed`'s SHA-256 in Crockford base32, as `K7QF-2MPD`; random where the seed is random."""
    number = int.from_bytes(hashlib.sha256(f"reference:{seed}".encode()).digest()[:5], "big")
    digits = "".join(CROCKFORD[number >> shift & 31] for shift in range(35, -1, -5))
    return f"{digits[:4]}-{digits[4:]}"


def read_reference(text: str) -> str:
    """A reference as somebody typed or read it out (case, blanks, O for 0, I or L for 1), or ""."""
    digits = "".join(text.upper().split()).replace("-", "").translate(str.maketrans("OIL", "011"))
    if len(digits) != 8 or any(digit not in CROCKFORD for digit in digits):
        return ""
    return f"{digits[:4]}-{digits[4:]}"


def _derive(secret: bytes, use: str, text: str) -> bytes:
    subkey = hmac.digest(secret, use.encode(), "sha256")
    return hmac.digest(subkey, text.encode(), "sha256")


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
