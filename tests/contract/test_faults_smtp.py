"""Each fault of the mail server over a real connection."""

import smtplib
import socket
from collections.abc import Iterator

import pytest

from sandbox.faults.listed import Part
from sandbox.faults.plan import Plan, faults_of
from sandbox.mailbox import Mailbox
from tests.mail_server import running_mail_server

PATIENCE = 0.4
# The exception or the status of the refusal, and whether the mail was accepted nevertheless.
SEEN: dict[str, tuple[type[Exception] | int, bool]] = {
    "deferred": (451, False),
    "refused": (554, False),
    "dropped": (smtplib.SMTPServerDisconnected, False),
    "accepted_unheard": (smtplib.SMTPServerDisconnected, True),
    "hang": (smtplib.SMTPServerDisconnected, False),
}


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[int, Mailbox, Plan]]:
    with running_mail_server() as running:
        yield running


def send(port: int, to: str) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE) as connection:
        connection.sendmail("from@sage.example", [to], "Subject: a mail\r\n\r\ntext")


def test_the_table_here_holds_every_fault_of_the_list() -> None:
    assert {fault.name for fault in faults_of(Part.SMTP)} == set(SEEN)


@pytest.mark.parametrize("fault", SEEN)
def test_a_fault_is_over_with_the_mail(server: tuple[int, Mailbox, Plan], fault: str) -> None:
    port, mailbox, plan = server
    mailbox.mails.clear()
    seen, accepted = SEEN[fault]
    plan.add("smtp", fault, path=f"{fault}@x.example")
    send(port, "other@x.example")
    with pytest.raises(seen if isinstance(seen, type) else smtplib.SMTPDataError) as caught:
        send(port, f"{fault}@x.example")
    if isinstance(caught.value, smtplib.SMTPDataError):
        assert caught.value.smtp_code == seen
    assert [mail.to for mail in mailbox.mails] == ["other@x.example", f"{fault}@x.example"][: 1 + accepted]
    send(port, f"{fault}@x.example")
    assert len(mailbox.mails) == 2 + accepted


def test_who_hangs_up_leaves_nothing_running(server: tuple[int, Mailbox, Plan]) -> None:
    port, _, plan = server
    plan.add("smtp", "hang", times=3)
    for _ in range(3):
        with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
            send(port, "a@x.example")
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        assert connection.recv(3) == b"220"
