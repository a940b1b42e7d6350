"""Mail over SMTP, against a real server: what it takes, and every way in which it refuses."""

import socket
from collections.abc import Iterator
from email import message_from_bytes, policy
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from adapters.mail.smtp import SmtpPost
from adapters.rendering import Rendering
from association.errors import MailRefusedError
from association.settings import Settings
from functions.services import ROOT
from tests.memory import NOW, SETTINGS

TO = "marie@boulangerie-dupont.example"
MESSAGE_ID = "<aaaa.invitation-1@sage.example>"
VALUES: dict[str, Any] = {
    "company_name": "Boulangerie Dupont",
    "partner_name": "Partenaire Conseil",
    "reference": "K7QF-2MPD",
    "support_phone": "+33 1 00 00 00 00",
    "support_email": "support@sage.example",
    "link": "http://localhost:7071/a?k=" + "A" * 43,
    "ends": NOW,
}


class Server:
    """Answers what it is told to, and keeps what it takes."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.answers: dict[str, str] = {}

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name and arguments
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.answers.get("MAIL", "250 OK")

    async def handle_RCPT(  # noqa: N802 - as above
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.answers.get("RCPT", "250 OK")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.answers.get("DATA", "250 OK")
        if answer.startswith("250"):
            self.taken.append(envelope.original_content or b"")
        return answer


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Server, int]]:
    server = Server()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(server, hostname="127.0.0.1", port=port)
    controller.start()
    yield server, port
    controller.stop()


@pytest.fixture
def server(running: tuple[Server, int]) -> Server:
    running[0].taken.clear()
    running[0].answers.clear()
    return running[0]


def post(port: int, timeout: float = 5.0, **settings: str) -> SmtpPost:
    changes = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(port), "SMTP_SECURITY": "none", **settings}
    read = Settings.from_mapping({**SETTINGS, **changes})
    return SmtpPost(read, Rendering(ROOT), lambda: NOW, timeout)


async def send(sender: SmtpPost, to: str = TO, **values: Any) -> None:
    await sender.send("invitation", "fr", to, MESSAGE_ID, {**VALUES, **values})


async def refusal(sender: SmtpPost) -> str:
    with pytest.raises(MailRefusedError) as caught:
        await send(sender)
    told = f"{caught.value} {caught.value.detail} {caught.value.__cause__}"
    assert "@" not in told
    assert caught.value.__suppress_context__
    return caught.value.detail


async def test_the_server_takes_the_mail_in_two_forms(running: tuple[Server, int], server: Server) -> None:
    await send(post(running[1]))
    (raw,) = server.taken
    message = message_from_bytes(raw, policy=policy.default)
    assert (message["To"], message["From"]) == (TO, "Sage <association@sage.example>")
    assert message["Message-ID"] == MESSAGE_ID
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "fr"
    assert message["Date"].datetime == NOW
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert all(VALUES["link"] in part.get_content() for part in message.iter_parts())


async def test_a_company_name_puts_no_header_into_the_mail(
    running: tuple[Server, int], server: Server
) -> None:
    await send(post(running[1]), company_name="A\r\nBcc: x@y.example\r\n\r\nB")
    message = message_from_bytes(server.taken[0], policy=policy.default)
    assert message["Bcc"] is None
    assert "\n" not in message["Subject"]


@pytest.mark.parametrize("to", ["hélène@boulangerie-dupont.example", "no address", "a@b@c.example"])
async def test_an_address_that_no_mail_can_carry_is_refused_without_being_named(
    running: tuple[Server, int], server: Server, to: str
) -> None:
    with pytest.raises(MailRefusedError) as caught:
        await send(post(running[1]), to=to)
    assert caught.value.detail.startswith("unsendable kind=")
    assert to not in str(caught.value)
    assert server.taken == []


async def test_an_international_domain_arrives(running: tuple[Server, int], server: Server) -> None:
    await send(post(running[1]), to="marie@bücher.example")
    assert "marie@bücher.example".encode() in server.taken[0]


@pytest.mark.parametrize("code", [421, 450, 451, 452, 550, 552, 553, 554])
@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("MAIL", "refused code={code}"),
        ("RCPT", "recipient_refused codes=[{code}]"),
        ("DATA", "refused code={code}"),
    ],
)
async def test_a_refusal_is_told_by_its_code_alone(
    running: tuple[Server, int], server: Server, command: str, expected: str, code: int
) -> None:
    server.answers[command] = f"{code} no room for <{TO}>"
    told = await refusal(post(running[1]))
    assert told == expected.format(code=code)
    assert server.taken == []


async def test_a_server_that_is_not_there_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert await refusal(post(port)) == "unreachable kind=ConnectionRefusedError"


async def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert await refusal(post(silent.getsockname()[1], 0.2)) == "unreachable kind=SMTPServerDisconnected"


@pytest.mark.parametrize("name", ["nowhere.invalid", ""])
async def test_a_name_that_leads_nowhere_is_unreachable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert await refusal(post(25, SMTP_HOST=name or "x")) == "unreachable kind=gaierror"


async def test_a_server_without_tls_is_not_talked_to_in_the_clear(
    running: tuple[Server, int], server: Server
) -> None:
    told = await refusal(post(running[1], SMTP_SECURITY="starttls"))
    assert told == "unreachable kind=SMTPNotSupportedError"
    assert (await refusal(post(running[1], SMTP_SECURITY="tls"))).startswith("unreachable kind=SSL")
    assert server.taken == []


async def test_a_server_that_wants_no_password_is_not_told_one(
    running: tuple[Server, int], server: Server
) -> None:
    told = await refusal(post(running[1], SMTP_USERNAME="user", SMTP_PASSWORD="secret"))
    assert told == "unreachable kind=SMTPNotSupportedError"
    assert server.taken == []
