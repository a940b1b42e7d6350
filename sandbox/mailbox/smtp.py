"""The SMTP side (RFC 5321): every recipient is accepted, every mail is kept, unless a fault is planned."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiosmtpd.smtp import SMTP, Envelope, Session

from sandbox.faults.listed import Part
from sandbox.faults.plan import Call, Plan
from sandbox.mailbox.messages import Mailbox

MAIL_BYTES = 10 * 1024 * 1024
_ACCEPTED = "250 Message accepted for delivery"
_REFUSALS = {
    "deferred": "451 4.3.0 Requested action aborted: local error in processing",
    "refused": "554 5.7.1 Transaction failed",
}


class _Keeper:
    def __init__(self, mailbox: Mailbox, plan: Plan) -> None:
        self._mailbox = mailbox
        self._plan = plan

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        recipients = list(envelope.rcpt_tos)
        disturbance = self._plan.strikes(Call(part=Part.SMTP, method="DATA", path=", ".join(recipients)))
        fault = disturbance.fault.name if disturbance else ""
        if fault == "hang":
            await asyncio.Event().wait()  # aiosmtpd cancels it when the client leaves
        if fault in ("", "accepted_unheard"):
            self._mailbox.receive(envelope.mail_from or "", recipients, envelope.original_content or b"")
        if fault in ("dropped", "accepted_unheard") and isinstance(server.transport, asyncio.Transport):
            server.transport.abort()
        return _REFUSALS.get(fault, _ACCEPTED)


def smtp_protocol(mailbox: Mailbox, plan: Plan | None = None) -> Callable[[], asyncio.Protocol]:
    """A protocol factory for loop.create_server whose mails land in `mailbox`."""
    keeper = _Keeper(mailbox, plan or Plan())

    def create() -> SMTP:
        return SMTP(
            keeper,
            data_size_limit=MAIL_BYTES,
            enable_SMTPUTF8=True,
            hostname="localhost",
            ident="Sandbox mailbox",
            loop=asyncio.get_running_loop(),
        )

    return create
