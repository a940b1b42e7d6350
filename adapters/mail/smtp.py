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

from association.errors import MailRefusedError
from association.settings import Settings


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
    """The mail server of `settings`; `timeout` is in seconds and covers each step of the dialogue."""

    def __init__(
        self, settings: Settings, texts: Texts, now: Callable[[], datetime], timeout: float = 10.0
    ) -> None:
        self._settings = settings
        self._texts = texts
        self._now = now
        self._timeout = timeout

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
            await asyncio.to_thread(self._hand_over, message)
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
        with self._connect() as server:
            if self._settings.smtp_security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if self._settings.smtp_username:
                server.login(self._settings.smtp_username, self._settings.smtp_password)
            server.send_message(message)

    def _connect(self) -> smtplib.SMTP:
        host, port = self._settings.smtp_host, self._settings.smtp_port
        if self._settings.smtp_security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(host, port, timeout=self._timeout, context=context)
        return smtplib.SMTP(host, port, timeout=self._timeout)
