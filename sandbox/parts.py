"""Everything the product talks to, in one process (Azurite in a second one), until told to stop."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from sandbox import tls
from sandbox.control import control_app
from sandbox.credentials import Credential, new_credential
from sandbox.faults.listed import STORAGE, Part
from sandbox.faults.plan import Plan
from sandbox.faults.storage import proxied
from sandbox.host.stopping import stop_on_signals, stop_with_stdin
from sandbox.local_settings import CLIENT_ID, FURTHER_APPLICATIONS, local_settings, write_settings
from sandbox.mailbox import Mailbox, mailbox_app, smtp_protocol
from sandbox.microsoft import Directory, Microsoft, further_application, sage_business_center
from sandbox.portal import portal_app
from sandbox.ports import Ports, take_ports
from sandbox.storage import Storage, running_storage

CUSTOMERS = Path(__file__).with_name("customers.json")
CERTIFICATES = ".sandbox"


@dataclass(frozen=True, slots=True)
class Options:
    """`port_base` 0 takes free ports; `credential` is one of credentials.KINDS. With `storage_faults` the
    product reaches storage through proxies that can fail; `indexed_storage` is for many rows.
    """

    settings: Path
    port_base: int
    credential: str
    storage_faults: bool = False
    indexed_storage: bool = False


@dataclass(frozen=True, slots=True)
class Parts:
    """The running parts: `document` is what the settings file holds, `storage` leads there without faults."""

    ports: Ports
    storage: str
    settings: Path
    document: dict[str, Any]

    def as_json(self) -> dict[str, str]:
        """The line that `--json` prints."""
        mailbox = self.ports.address("mailbox")
        return {
            "host": self.ports.address("host"),
            "microsoft": self.ports.address("microsoft"),
            "microsoft_https": self.ports.address("microsoft_https", "https"),
            "mailbox": f"{mailbox}/",
            "mailbox_json": f"{mailbox}/messages",
            "portal": f"{self.ports.address('portal')}/",
            "portal_https": f"{self.ports.address('portal_https', 'https')}/",
            "control": f"{self.ports.address('control')}/",
            "storage": self.storage,
            "settings": str(self.settings),
        }


async def run_parts(options: Options, *, as_json: bool, until_stdin_closes: bool) -> None:
    """Start all parts, say where they are, and serve until told to stop.

    Raises:
        PortInUseError, StorageError: a part could not start; none is left running.
    """
    stop = asyncio.Event()
    stop_on_signals(stop)
    if until_stdin_closes:
        stop_with_stdin(stop)
    async with started_parts(options) as parts:
        addresses = parts.as_json()
        print(json.dumps(addresses) if as_json else _listed(addresses), flush=True)
        await stop.wait()


@asynccontextmanager
async def started_parts(options: Options) -> AsyncIterator[Parts]:
    """All parts, listening, for the length of the block; the settings file is written.

    Raises:
        PortInUseError, StorageError: a part could not start; none is left running.
    """
    settings = options.settings.resolve()
    ports = take_ports(options.port_base)
    async with AsyncExitStack() as stack:
        stack.callback(ports.close)
        storage = await _storage(stack, ports, indexed=options.indexed_storage)
        certificates = tls.create(settings.parent / CERTIFICATES)
        credential = new_credential(options.credential)
        plan = Plan(frozenset(Part) if options.storage_faults else frozenset(Part) - STORAGE)
        await _serve_all(stack, ports, credential, certificates.server_context(), plan)
        reached = await _reached(stack, ports, storage, plan) if options.storage_faults else storage
        document = local_settings(ports, reached.connection_string, credential, certificates.ca_file)
        write_settings(settings, document)
        if sys.platform != "linux":
            ports.sockets["host"].close()
        yield Parts(ports, storage.connection_string, settings, document)


async def _storage(stack: AsyncExitStack, ports: Ports, *, indexed: bool) -> Storage:
    wanted = {f"{name}_port": port for name, port in ports.storage.items()}
    running = running_storage(**wanted, indexed=indexed)
    storage = await asyncio.to_thread(running.__enter__)
    stack.callback(running.__exit__, None, None, None)
    return storage


async def _reached(stack: AsyncExitStack, ports: Ports, storage: Storage, plan: Plan) -> Storage:
    proxies = proxied(storage, plan, ports.sockets["queue_proxy"], ports.sockets["table_proxy"])
    return await stack.enter_async_context(proxies)


def _registered_name(name: str | dict[str, str]) -> str:
    """An app registration has one name, whatever ours calls it in each language."""
    return name if isinstance(name, str) else name["fr"]


async def _serve_all(
    stack: AsyncExitStack, ports: Ports, credential: Credential, context: ssl.SSLContext, plan: Plan
) -> None:
    directory = Directory.load()
    forwarded = f"{ports.address('portal')}/consent/forward"
    product = sage_business_center(
        CLIENT_ID,
        ports.address("host"),
        secret=credential.secret,
        certificate=credential.certificate,
        further_redirect_uris=[forwarded],
    )
    further = [
        further_application(
            application["client_id"],
            _registered_name(application["name"]),
            application["roles"],
            [f"{ports.address('host')}/consent/callback", forwarded],
        )
        for application in FURTHER_APPLICATIONS
    ]
    microsoft = Microsoft(
        directory,
        [product, *further],
        ports.address("microsoft"),
        ports.address("microsoft_https", "https"),
        plan,
    )
    mailbox = Mailbox()
    customers = json.loads(CUSTOMERS.read_text(encoding="utf-8"))
    await _serve(stack, microsoft.browser_app(), ports, "microsoft")
    await _serve(stack, microsoft.back_channel_app(), ports, "microsoft_https", context)
    await _serve(stack, mailbox_app(mailbox), ports, "mailbox")
    for name, secured in (("portal", None), ("portal_https", context)):
        portal = portal_app(ports.address("host"), ports.address("portal"))
        await _serve(stack, portal, ports, name, secured)
    await _serve(stack, control_app(directory, customers, plan, microsoft.authority), ports, "control")
    loop, protocol = asyncio.get_running_loop(), smtp_protocol(mailbox, plan)
    smtp = await loop.create_server(protocol, sock=ports.sockets["smtp"])
    stack.callback(smtp.close)


async def _serve(
    stack: AsyncExitStack,
    app: web.Application,
    ports: Ports,
    name: str,
    context: ssl.SSLContext | None = None,
) -> None:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.SockSite(runner, ports.sockets[name], ssl_context=context).start()


def _listed(addresses: dict[str, str]) -> str:
    lines = [f"  {name:<16} {value}" for name, value in addresses.items() if name != "storage"]
    return "\n".join(["The sandbox is running (Ctrl-C ends it):", *lines])
