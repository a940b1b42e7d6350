"""What proves the service to Microsoft, looked at for the day on which it ends."""

from datetime import UTC, datetime, time

from association.settings import Settings


class Credential:
    """The credential that the settings hold; the certificate, where there are both."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

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
