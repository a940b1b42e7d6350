"""A mail server that delivers nothing: it keeps what the product sends and shows it on a page and as JSON.

Start it with `Mailbox()`, `smtp_protocol(mailbox)` (for loop.create_server) and `mailbox_app(mailbox)`.
"""

from sandbox.mailbox.messages import Mailbox
from sandbox.mailbox.page import mailbox_app
from sandbox.mailbox.smtp import smtp_protocol

__all__ = ["Mailbox", "mailbox_app", "smtp_protocol"]
