"""The mailbox's SMTP server in a thread, with the faults that a plan holds."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.faults.plan import Plan
from sandbox.mailbox import Mailbox, smtp_protocol
from sandbox.threads import loop_in_a_thread


@contextmanager
def running_mail_server() -> Iterator[tuple[int, Mailbox, Plan]]:
    """Its port, what it has accepted, and its plan."""
    mailbox, plan = Mailbox(), Plan()

    async def start() -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(smtp_protocol(mailbox, plan), "127.0.0.1", 0)

    async def stop(serving: asyncio.Server) -> None:
        serving.close()
        await asyncio.sleep(0.1)

    with loop_in_a_thread() as run:
        serving = run(start())
        yield serving.sockets[0].getsockname()[1], mailbox, plan
        run(stop(serving))
