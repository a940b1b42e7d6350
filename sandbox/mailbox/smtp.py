"""The SMTP side (RFC 5321): every recipient is accepted, every mail is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiosmtpd.smtp import SMTP, Envelope, Session

from sandbox.mailbox.messages import Mailbox

MAIL_BYTES = 10 * 1024 * 1024


class _Keeper:
    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        raw = envelope.original_content or b""
        self._mailbox.receive(envelope.mail_from or "", list(envelope.rcpt_tos), raw)
        return "250 Message accepted for delivery"


def smtp_protocol(mailbox: Mailbox) -> Callable[[], asyncio.Protocol]:
    """A protocol factory for loop.create_server whose mails land in `mailbox`."""

    def create() -> SMTP:
        return SMTP(
            _Keeper(mailbox),
            data_size_limit=MAIL_BYTES,
            enable_SMTPUTF8=True,
            hostname="localhost",
            ident="Sandbox mailbox",
            loop=asyncio.get_running_loop(),
        )

    return create
