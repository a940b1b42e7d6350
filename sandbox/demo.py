"""The whole product on this machine: all parts, the host, and the demonstration customers' orders."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp

from sandbox.host.stopping import stop_on_signals
from sandbox.parts import CERTIFICATES, CUSTOMERS, Options, Parts, started_parts
from sandbox.running import StartError, running_host

READY_SECONDS = 30.0


class DemoError(Exception):
    """The product does not answer as the demonstration needs; the message says where to look."""


async def run_demo(options: Options) -> int:
    """Run until Ctrl-C; the exit code.

    Raises:
        PortInUseError, StorageError: a part could not start; nothing is left running.
    """
    stop = asyncio.Event()
    stop_on_signals(stop)
    print("Starting the sandbox ...", flush=True)
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(started_parts(options))
        log = parts.settings.parent / CERTIFICATES / "host.log"
        try:
            log.write_bytes(b"")
            host = await _start_host(stack, parts, log)
            await _order_for_everyone(parts, host)
        except (DemoError, StartError) as error:
            print(f"{error}\nThe host's log: {log}", flush=True)
            return 1
        print(_welcome(parts, host, log), flush=True)
        await stop.wait()
        print("Stopping ...", flush=True)
    return 0


async def _start_host(stack: AsyncExitStack, parts: Parts, log: Path) -> str:
    running = running_host(parts.settings, log=log)
    host = await asyncio.to_thread(running.__enter__)
    stack.callback(running.__exit__, None, None, None)
    return host


async def _order_for_everyone(parts: Parts, host: str) -> None:
    customers = json.loads(CUSTOMERS.read_text(encoding="utf-8"))
    async with aiohttp.ClientSession() as session:
        await _wait_until_alive(session, host)
        for customer in customers:
            await _order(session, host, parts.document["Host"]["FunctionKey"], customer["order"])


async def _wait_until_alive(session: aiohttp.ClientSession, host: str) -> None:
    try:
        async with asyncio.timeout(READY_SECONDS), session.get(f"{host}/health") as response:
            if response.status != 200:
                raise DemoError(f"{host}/health answers {response.status}")
    except (TimeoutError, aiohttp.ClientError) as error:
        raise DemoError(f"{host}/health does not answer") from error


async def _order(session: aiohttp.ClientSession, host: str, key: str, order: dict[str, Any]) -> None:
    async with session.post(f"{host}/orders", json=order, headers={"x-functions-key": key}) as response:
        if response.status not in {200, 201, 202}:
            raise DemoError(f"the order {order.get('order_number')} was refused: {await response.text()}")


def _welcome(parts: Parts, host: str, log: Path) -> str:
    addresses = parts.as_json()
    return f"""
  Mailbox            {addresses["mailbox"]}
  Control page       {addresses["control"]}
  Product            {host}/
  The host's log     {log}

Open the mailbox, read a mail and press « Je commence ». The control page lists the demonstration
customers, says what to expect of each, and can change their Microsoft 365.
Ctrl-C ends everything."""
