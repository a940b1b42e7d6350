"""Every setting the product has, read from one mapping into one frozen value.

Nothing is read at import: a missing setting must never keep the host from registering the functions, so
`functions/services.py` calls `Settings.from_mapping` on first use and `/health` names what is missing.
"""

import base64
import binascii
import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from datetime import date
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from association.dataclass import dataclass
from association.errors import SettingsIncompleteError
from association.further_applications import FurtherApplication, parse_applications
from association.identity import GUID

T = TypeVar("T")
LOCAL_HOSTS = ("localhost", "127.0.0.1")
URL_LENGTH = 2048  # what the add-in manifest's schema allows an address
TASKPANE_LENGTH = URL_LENGTH - len("&tenant=") - 36
PRIVATE_KEY = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)
_ADDRESS = re.compile(  # https, or http on localhost; no user; after the host RFC 3986's characters alone
    r"(?:https://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|http://localhost)(?::[0-9]{1,5})?"
    r"(?:[/?#][a-z0-9\-._~:/?#@!$&'()*+,;=%]*)?",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A 32-byte key with the name under which rows and tokens remember it."""

    kid: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The product's settings; `docs/settings.md` describes each. Secrets stay out of `repr`."""

    storage: str = field(repr=False)
    public_base_url: str
    authority: str
    login_origin: str
    graph_url: str
    client_id: str
    client_secret: str = field(repr=False)
    certificate: str = field(repr=False)
    secret_ends: date | None
    consent_redirect_uri: str
    applications: tuple[FurtherApplication, ...]
    signing_keys: tuple[SigningKey, ...]
    portal_signing_key: str = field(repr=False)
    smtp_host: str
    smtp_port: int
    smtp_security: str
    smtp_username: str
    smtp_password: str = field(repr=False)
    mail_from: str
    portal_url: str
    connector_url: str
    front_door_id: str
    addin_product_id: str
    addin_taskpane_url: str
    support_phone: str
    support_email: str
    link_days: int
    share_days: int
    retention_days: int

    @property
    def is_https(self) -> bool:
        """Whether cookies are Secure and HSTS is sent."""
        return self.public_base_url.startswith("https://")

    @classmethod
    def from_mapping(cls, values: Mapping[str, str]) -> "Settings":
        """Read every setting from `values` (environment names → texts).

        Raises SettingsIncompleteError naming all the missing and malformed ones at once.
        """
        read = _Reader(values)
        settings = cls(**{field: read(*named) for field, named in _NAMES.items()})
        if not settings.consent_redirect_uri:
            settings = replace(settings, consent_redirect_uri=f"{settings.public_base_url}/consent/callback")
        if not settings.client_secret and not settings.certificate:
            read.wrong.append("MICROSOFT_CERTIFICATE or MICROSOFT_CLIENT_SECRET")
        if read.wrong:
            raise SettingsIncompleteError(tuple(read.wrong))
        return settings


class _Reader:
    """Reads settings one by one and remembers the names that failed, so that all are reported together."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values
        self.wrong: list[str] = []

    def __call__(self, name: str, parse: Callable[[str], T], default: str | None = None) -> T:
        text = self.values.get(name, "").strip() or default
        if text is not None:
            with contextlib.suppress(ValueError):
                return parse(text)
        self.wrong.append(name)
        # never seen by anyone: from_mapping raises before it returns
        return None  # type: ignore[return-value]


def _origin(text: str) -> str:
    parts = urlsplit(text)
    local = parts.scheme == "http" and parts.hostname in LOCAL_HOSTS
    if not (local or parts.scheme == "https") or not parts.hostname:
        raise ValueError(text)
    if parts.path.strip("/") or re.search("[?#]", text):
        raise ValueError(text)
    return text.rstrip("/")


def _https(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError(text)
    return text.rstrip("/")


def _address(text: str) -> str:
    """One that a browser may be sent to, and the add-in's schema takes: https, or http on this machine."""
    if len(text) > URL_LENGTH or not _ADDRESS.fullmatch(text):
        raise ValueError(text)
    return text


def _optional_address(text: str) -> str:
    return _address(text) if text else ""


def _optional_date(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _private_key(text: str) -> str:
    # whole, at least; whether it is a key that can sign, adapters/portal.py finds out when one is needed
    pem = text.replace("\\n", "\n")
    whole = len(PRIVATE_KEY.findall(pem))
    if whole == 0 or pem.count("PRIVATE KEY-----") != 2 * whole:
        raise ValueError("private key")
    return pem


def _manifest_origin(text: str) -> str:
    return _origin(_address(text))


def _taskpane(text: str) -> str:
    _https(_address(text))
    names = [name for name, _ in parse_qsl(urlsplit(text).query, keep_blank_values=True)]
    # the add-in file adds a tenant of its own, and of two the pane could read the wrong one
    if "tenant" in names or len(text) > TASKPANE_LENGTH:
        raise ValueError(text)
    return text


def _guid(text: str) -> str:
    if not GUID.fullmatch(text.lower()):
        raise ValueError(text)
    return text.lower()


def _optional_guid(text: str) -> str:
    return _guid(text) if text else ""


def _pem(text: str) -> str:
    # App settings are often single-line: a literal backslash-n stands for a line end there.
    pem = text.replace("\\n", "\n")
    if pem and ("PRIVATE KEY-----" not in pem or "BEGIN CERTIFICATE-----" not in pem):
        raise ValueError("certificate")
    return pem


def _smtp_security(text: str) -> str:
    if text not in ("none", "starttls", "tls"):
        raise ValueError(text)
    return text


def _days(text: str) -> int:
    days = int(text)
    if not 0 < days <= 3650:
        raise ValueError(text)
    return days


def _signing_keys(text: str) -> tuple[SigningKey, ...]:
    return tuple(_signing_key(part.strip()) for part in text.split(","))


def _signing_key(text: str) -> SigningKey:
    kid, _, encoded = text.partition(":")
    try:
        secret = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except binascii.Error as error:
        raise ValueError("signing key") from error
    if not re.fullmatch(r"[A-Za-z0-9]{1,16}", kid) or len(secret) < 32:
        raise ValueError("signing key")
    return SigningKey(kid, secret)


# Each field of Settings: its name in the environment, its parser, and a default unless it is needed.
_NAMES: Mapping[str, tuple[Any, ...]] = {
    "storage": ("AzureWebJobsStorage", str),
    "public_base_url": ("PUBLIC_BASE_URL", _manifest_origin),
    "authority": ("MICROSOFT_AUTHORITY", _https, "https://login.microsoftonline.com"),
    "login_origin": ("MICROSOFT_LOGIN_ORIGIN", _origin, "https://login.microsoftonline.com"),
    "graph_url": ("MICROSOFT_GRAPH_URL", _https, "https://graph.microsoft.com/v1.0"),
    "client_id": ("MICROSOFT_CLIENT_ID", _guid),
    "client_secret": ("MICROSOFT_CLIENT_SECRET", str, ""),
    "certificate": ("MICROSOFT_CERTIFICATE", _pem, ""),
    "secret_ends": ("MICROSOFT_SECRET_ENDS", _optional_date, ""),
    "consent_redirect_uri": ("CONSENT_REDIRECT_URI", _optional_address, ""),
    "applications": ("FURTHER_APPLICATIONS", parse_applications, "[]"),
    "signing_keys": ("SIGNING_KEYS", _signing_keys),
    "portal_signing_key": ("PORTAL_SIGNING_KEY", _private_key),
    "smtp_host": ("SMTP_HOST", str),
    "smtp_port": ("SMTP_PORT", int, "587"),
    "smtp_security": ("SMTP_SECURITY", _smtp_security, "starttls"),
    "smtp_username": ("SMTP_USERNAME", str, ""),
    "smtp_password": ("SMTP_PASSWORD", str, ""),
    "mail_from": ("MAIL_FROM", str),
    "portal_url": ("PORTAL_URL", _manifest_origin),
    "connector_url": ("CONNECTOR_URL", _address),
    "front_door_id": ("FRONT_DOOR_ID", _optional_guid, ""),
    "addin_product_id": ("ADDIN_PRODUCT_ID", _guid),
    "addin_taskpane_url": ("ADDIN_TASKPANE_URL", _taskpane),
    "support_phone": ("SUPPORT_PHONE", str),
    "support_email": ("SUPPORT_EMAIL", str),
    "link_days": ("LINK_DAYS", _days, "30"),
    "share_days": ("SHARE_DAYS", _days, "90"),
    "retention_days": ("RETENTION_DAYS", _days, "1095"),
}
