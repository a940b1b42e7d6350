"""Mails as they were received, and what a reader or a test wants of them (RFC 5322, MIME)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser

_ADDRESS_IN_TEXT = re.compile(r"https?://[^\s<>\"']+")


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail; `to` the envelope's recipients joined with a comma, `links` in order and once each."""

    to: str
    sender: str
    subject: str
    text: str
    html: str
    message_id: str
    links: tuple[str, ...]
    received: datetime
    raw: bytes = field(repr=False)

    def as_json(self) -> dict[str, object]:
        """The mail as GET /messages returns it."""
        return {
            "to": self.to,
            "subject": self.subject,
            "text": self.text,
            "html": self.html,
            "message_id": self.message_id,
            "links": list(self.links),
            "received": self.received.isoformat(),
        }


@dataclass(slots=True)
class Mailbox:
    """All mails since the start (or the last clearing), newest last."""

    mails: list[Mail] = field(default_factory=list)

    def receive(self, sender: str, recipients: list[str], raw: bytes, now: datetime | None = None) -> None:
        """Keep a mail as SMTP handed it over."""
        self.mails.append(read_mail(sender, recipients, raw, now or datetime.now(UTC)))


def read_mail(sender: str, recipients: list[str], raw: bytes, received: datetime) -> Mail:
    """Parse a mail; a missing part or header is the empty string."""
    message = message_from_bytes(raw, policy=policy.default)
    text, html = _part(message, "plain"), _part(message, "html")
    return Mail(
        to=", ".join(recipients),
        sender=sender,
        subject=str(message["Subject"] or ""),
        text=text,
        html=html,
        message_id=str(message["Message-ID"] or ""),
        links=tuple(dict.fromkeys([*_hrefs(html), *_addresses(text)])),
        received=received,
        raw=raw,
    )


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    content = part.get_content() if part else ""
    return content.replace("\r\n", "\n") if isinstance(content, str) else ""


def _addresses(text: str) -> list[str]:
    return [found.rstrip(".,;:!?)»") for found in _ADDRESS_IN_TEXT.findall(text)]


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.hrefs += [value for name, value in attrs if name == "href" and value]


def _hrefs(html: str) -> list[str]:
    parser = _Links()
    parser.feed(html)
    return parser.hrefs
