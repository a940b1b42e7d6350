"""Each fault of the mail server and the adapter that sends, over real connections; and servers that drip."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from adapters.mail.smtp import THREADS, SmtpPost
from adapters.rendering import Rendering
from association.errors import MailRefusedError
from association.settings import Settings
from functions.services import ROOT
from sandbox.faults.listed import Part
from sandbox.faults.plan import Plan, faults_of
from sandbox.mailbox import Mailbox
from tests.mail_server import running_mail_server
from tests.memory import NOW, SETTINGS
from tests.unit.test_mail_smtp import MESSAGE_ID, TO, VALUES

PATIENCE = 0.4
LONGEST = 0.8
SLACK = 1.0

FAULTS = [fault.name for fault in faults_of(Part.SMTP)]
# What the log says, and whether the server had taken the mail in spite of it.
EXPECTED = {
    "deferred": ("refused code=451", False),
    "refused": ("refused code=554", False),
    "dropped": ("unreachable kind=SMTPServerDisconnected", False),
    "accepted_unheard": ("unreachable kind=SMTPServerDisconnected", True),
    "hang": ("unreachable kind=SMTPServerDisconnected", False),
}


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[int, Mailbox, Plan]]:
    with running_mail_server() as running:
        yield running


def post(port: int) -> SmtpPost:
    values = {**SETTINGS, "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(port), "SMTP_SECURITY": "none"}
    return SmtpPost(Settings.from_mapping(values), Rendering(ROOT), lambda: NOW, PATIENCE, LONGEST)


async def send(sender: SmtpPost) -> None:
    await sender.send("invitation", "fr", TO, MESSAGE_ID, VALUES)


async def refused(sender: SmtpPost) -> str:
    """What the log says of a mail that is not sent, in time."""
    begun = time.monotonic()
    with pytest.raises(MailRefusedError) as caught:
        await send(sender)
    assert time.monotonic() - begun < LONGEST + SLACK
    assert "@" not in f"{caught.value} {caught.value.__cause__}"
    return caught.value.detail


def test_every_fault_of_the_list_is_expected_here() -> None:
    assert set(EXPECTED) == set(FAULTS)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_is_told_and_the_mail_goes_when_it_is_over(
    server: tuple[int, Mailbox, Plan], fault: str
) -> None:
    port, mailbox, plan = server
    mailbox.mails.clear()
    sender, (told, is_taken) = post(port), EXPECTED[fault]
    plan.add("smtp", fault)
    assert await refused(sender) == told
    assert plan.as_json()["counts"][f"smtp.{fault}"] == 1, "the worker repeats, not the adapter"
    plan.clear()
    await send(sender)
    assert len(mailbox.mails) == 1 + is_taken


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[int]:
    """The port of a server that talks like this until the client leaves, or the block ends."""
    tasks: set[asyncio.Task[None]] = set()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            await asyncio.sleep(0)

    serving = await asyncio.start_server(run, "127.0.0.1", 0)
    try:
        yield serving.sockets[0].getsockname()[1]
    finally:
        serving.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize(
    "proper",
    [
        pytest.param([], id="the greeting"),
        pytest.param([b"220 here\r\n"], id="a reply of many lines"),
        pytest.param(
            [b"220 here\r\n", b"250 hello\r\n", b"250 from\r\n", b"250 to\r\n", b"354 go\r\n"],
            id="after the mail",
        ),
    ],
)
async def test_a_server_that_drips_is_given_up(proper: list[bytes]) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number, reply in enumerate(proper):
            if number:
                await reader.readline()
            writer.write(reply)
        while True:
            writer.write(b"250-x\r\n" if proper else b"2")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with talking(talk) as port:
        assert await refused(post(port)) == "unreachable kind=SMTPServerDisconnected"


async def test_a_dialogue_that_never_ends_is_given_up_as_a_whole() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while await reader.readline():
            await asyncio.sleep(PATIENCE * 0.8)
            writer.write(b"250 yes\r\n")

    async with talking(talk) as port:
        assert await refused(post(port)) == "unreachable kind=SMTPServerDisconnected"


async def test_servers_that_hang_give_their_threads_back(server: tuple[int, Mailbox, Plan]) -> None:
    port, mailbox, plan = server
    mailbox.mails.clear()
    sender = post(port)
    plan.add("smtp", "hang", times=THREADS)
    ended = await asyncio.gather(*(send(sender) for _ in range(THREADS)), return_exceptions=True)
    assert {type(each) for each in ended} == {MailRefusedError}
    await send(sender)
    assert len(mailbox.mails) == 1


async def test_a_mail_whose_turn_comes_late_is_not_taken_when_nobody_waits_for_it_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a busy machine a slow reply may free a thread early, and the last mail is sent just in time, or its
    acceptance comes a moment too late: but never is a mail handed over long after its sender heard no.
    """
    monkeypatch.setattr("adapters.mail.smtp.LEAVE_SECONDS", 0.0)
    met, taken, now = itertools.count(1), list[float](), asyncio.get_running_loop().time

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pause = PATIENCE * 0.8 if next(met) <= THREADS else LONGEST / 7
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            await asyncio.sleep(pause)
            if line.lower() == b"data\r\n":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                taken.append(now())
            writer.write(b"250 yes\r\n")

    async with talking(talk) as port:
        sender = post(port)
        ended = await asyncio.gather(*(send(sender) for _ in range(THREADS + 1)), return_exceptions=True)
        over = now()
        await asyncio.sleep(LONGEST)
    assert ended[:THREADS] == [*filter(_is_refusal, ended[:THREADS])]
    assert ended.count(None) <= len(taken) <= 1
    assert all(moment < over + 2 * LONGEST / 7 for moment in taken)


def _is_refusal(result: object) -> bool:
    return isinstance(result, MailRefusedError)


@pytest.mark.parametrize("farewell", [b"421 leaving first\r\n", b"", b"5\r\n"])
async def test_a_mail_that_was_taken_is_sent_whatever_the_server_says_in_leaving(farewell: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            if line.lower() == b"data\r\n":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
            writer.write(farewell if line.lower().startswith(b"quit") else b"250 yes\r\n")

    async with talking(talk) as port:
        await send(post(port))
