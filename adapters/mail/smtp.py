"""Mail over SMTP (RFC 5321), texts rendered from the catalogues (RFC 5322, MIME alternative).

One connection per mail: mails are few, and a kept connection to a mail server is closed by it in any case.
"""

import asyncio
import smtplib
import ssl
from collections.abc import Callable, Mapping
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Any, Protocol

from adapters.deadline import seconds_left, within
from adapters.mail.dialogue import LEAVE_SECONDS, Dialogue, DialogueOverTls
from adapters.threads import Threads
from association.errors import MailRefusedError
from association.settings import Settings

THREADS = 8


class Rendered(Protocol):
    """A mail's texts."""

    @property
    def subject(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def html(self) -> str: ...


class Texts(Protocol):
    """What renders them."""

    def mail(self, kind: str, language: str, **values: Any) -> Rendered: ...


class SmtpPost:
    """The mail server of `settings`.

    `timeout` seconds are for each reply of the server, `longest` for the whole dialogue, which has to end
    before the lease of the mail that is being sent (association/outbox.py).
    """

    def __init__(
        self,
        settings: Settings,
        texts: Texts,
        now: Callable[[], datetime],
        timeout: float = 20.0,
        longest: float = 60.0,
    ) -> None:
        self._settings = settings
        self._texts = texts
        self._now = now
        self._timeout = timeout
        self._longest = longest
        self._threads = Threads("mail", THREADS)

    async def send(
        self, kind: str, language: str, to: str, message_id: str, values: Mapping[str, Any]
    ) -> None:
        """Render the mail `kind` and hand it to the server, which has accepted it when this returns.

        Raises MailRefusedError with the server's code, never with an address.
        """
        try:
            message = self._message(kind, language, to, message_id, values)
        except (ValueError, MessageError) as error:
            raise MailRefusedError(f"unsendable kind={type(error).__name__}") from None
        try:
            # The dialogue ends by itself; waiting for a thread, and for the server's name, do not. What
            # begins late has to end with the rest: nobody would hear that the server took the mail.
            with within(self._longest + self._timeout):
                async with asyncio.timeout(seconds_left() + LEAVE_SECONDS):
                    await self._threads.call(self._hand_over, message)
        except smtplib.SMTPRecipientsRefused as error:
            codes = sorted({code for code, _ in error.recipients.values()})
            raise MailRefusedError(f"recipient_refused codes={codes}") from None
        except smtplib.SMTPResponseException as error:
            raise MailRefusedError(f"refused code={error.smtp_code}") from None
        except (smtplib.SMTPException, OSError) as error:
            raise MailRefusedError(f"unreachable kind={type(error).__name__}") from None

    def _message(
        self, kind: str, language: str, to: str, message_id: str, values: Mapping[str, Any]
    ) -> EmailMessage:
        rendered = self._texts.mail(kind, language, **values)
        name, sender = parseaddr(self._settings.mail_from)
        message = EmailMessage()
        message["Subject"] = rendered.subject
        message["From"] = Address(display_name=name, addr_spec=sender)
        message["To"] = Address(addr_spec=to)
        message["Message-ID"] = message_id
        message["Date"] = format_datetime(self._now())
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(rendered.text)
        message.add_alternative(rendered.html, subtype="html")
        # last, for a new content drops the Content headers that were there
        message["Content-Language"] = language
        return message

    def _hand_over(self, message: EmailMessage) -> None:
        server = self._connect()
        try:
            if self._settings.smtp_security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if self._settings.smtp_username:
                server.login(self._settings.smtp_username, self._settings.smtp_password)
            server.send_message(message)
        finally:
            server.leave()

    def _connect(self) -> Dialogue:
        host, port = self._settings.smtp_host, self._settings.smtp_port
        longest = seconds_left(self._longest)
        if self._settings.smtp_security == "tls":
            context = ssl.create_default_context()
            return DialogueOverTls(host, port, timeout=self._timeout, longest=longest, context=context)
        return Dialogue(host, port, timeout=self._timeout, longest=longest)
