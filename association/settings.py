"""Every setting the product has, read from one mapping into one frozen value.

Nothing is read at import: a missing setting must never keep the host from registering the functions, so
`functions/services.py` calls `Settings.from_mapping` on first use and `/health` names what is missing.
"""

import base64
import binascii
import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

from association.errors import SettingsIncompleteError

T = TypeVar("T")
GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
LOCAL_HOSTS = ("localhost", "127.0.0.1")
URL_LENGTH = 2048  # what the add-in manifest's schema allows an address
TASKPANE_LENGTH = URL_LENGTH - len("&tenant=") - 36
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
    signing_keys: tuple[SigningKey, ...]
    smtp_host: str
    smtp_port: int
    smtp_security: str
    smtp_username: str
    smtp_password: str = field(repr=False)
    mail_from: str
    portal_url: str
    addin_product_id: str
    addin_taskpane_url: str
    support_phone: str
    support_email: str
    link_days: int
    share_days: int

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
        settings = cls(
            storage=read("AzureWebJobsStorage", str),
            public_base_url=read("PUBLIC_BASE_URL", _manifest_origin),
            authority=read("MICROSOFT_AUTHORITY", _https, "https://login.microsoftonline.com"),
            login_origin=read("MICROSOFT_LOGIN_ORIGIN", _origin, "https://login.microsoftonline.com"),
            graph_url=read("MICROSOFT_GRAPH_URL", _https, "https://graph.microsoft.com/v1.0"),
            client_id=read("MICROSOFT_CLIENT_ID", _guid),
            client_secret=read("MICROSOFT_CLIENT_SECRET", str, ""),
            certificate=read("MICROSOFT_CERTIFICATE", _pem, ""),
            signing_keys=read("SIGNING_KEYS", _signing_keys),
            smtp_host=read("SMTP_HOST", str),
            smtp_port=read("SMTP_PORT", int, "587"),
            smtp_security=read("SMTP_SECURITY", _smtp_security, "starttls"),
            smtp_username=read("SMTP_USERNAME", str, ""),
            smtp_password=read("SMTP_PASSWORD", str, ""),
            mail_from=read("MAIL_FROM", str),
            portal_url=read("PORTAL_URL", _manifest_origin),
            addin_product_id=read("ADDIN_PRODUCT_ID", _guid),
            addin_taskpane_url=read("ADDIN_TASKPANE_URL", _taskpane),
            support_phone=read("SUPPORT_PHONE", str),
            support_email=read("SUPPORT_EMAIL", str),
            link_days=read("LINK_DAYS", _days, "30"),
            share_days=read("SHARE_DAYS", _days, "90"),
        )
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


def _manifest_address(text: str) -> str:
    """An address that may stand in the add-in file, which its readers' Outlook and its schema judge."""
    if len(text) > URL_LENGTH or not _ADDRESS.fullmatch(text):
        raise ValueError(text)
    return text


def _manifest_origin(text: str) -> str:
    return _origin(_manifest_address(text))


def _taskpane(text: str) -> str:
    _https(_manifest_address(text))
    names = [name for name, _ in parse_qsl(urlsplit(text).query, keep_blank_values=True)]
    # the add-in file adds a tenant of its own, and of two the pane could read the wrong one
    if "tenant" in names or len(text) > TASKPANE_LENGTH:
        raise ValueError(text)
    return text


def _guid(text: str) -> str:
    if not GUID.fullmatch(text.lower()):
        raise ValueError(text)
    return text.lower()


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
