"""What proves the service to Microsoft: what MSAL signs with, and the day on which it ends."""

import re
from datetime import UTC, datetime, time
from functools import cached_property
from typing import Any

from association.microsoft_errors import MicrosoftUnavailableError
from association.settings import Settings


class Credential:
    """The credential that the settings hold; the certificate, where there are both."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def for_msal(self) -> str | dict[str, Any]:
        """What MSAL takes for `client_credential`: the secret, or the certificate and its key.

        The key is read once for a worker: that takes 35 ms (OpenSSL looks whether an RSA key is sound), and
        MSAL would do it for every signature, which takes a quarter of one.
        Raises MicrosoftUnavailableError for a key that cannot be read.
        """
        pem = self._settings.certificate
        if not pem:
            return self._settings.client_secret
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(_first("PRIVATE KEY", pem).encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it has a password
            # the cause could quote the key
            raise MicrosoftUnavailableError("reason=key_unreadable") from None
        return {"private_key": key, "public_certificate": _first("CERTIFICATE", pem)}

    def ends_at(self) -> datetime | None:
        """When it ends (aware): the certificate's notAfter (RFC 5280 §4.1.2.5), or the first moment (UTC) of
        the day that the settings give for the secret; None where they give none.

        Raises ValueError for a certificate that cannot be read.
        """
        if not self._settings.certificate:
            day = self._settings.secret_ends
            return datetime.combine(day, time(), UTC) if day else None
        from cryptography.x509 import load_pem_x509_certificate

        # the first one in the text, which is the one that MSAL's assertion names
        return load_pem_x509_certificate(self._settings.certificate.encode()).not_valid_after_utc


def _first(label: str, pem: str) -> str:
    """The first block of a PEM text (RFC 7468) whose label ends like this. Of several pairs the first signs:
    another one waits behind it until the registration knows it.
    """
    found = re.search(rf"-----BEGIN ([A-Z ]*{label})-----.*?-----END \1-----", pem, re.DOTALL)
    return found.group() + "\n" if found else ""
