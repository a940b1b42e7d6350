"""Serves Microsoft on free ports from a thread of its own, for as long as a `with` block lasts."""

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from aiohttp import web

from sandbox.faults.plan import Plan
from sandbox.microsoft.directory import Directory
from sandbox.microsoft.registrations import Registration
from sandbox.microsoft.service import Microsoft
from sandbox.threads import loop_in_a_thread
from sandbox.tls import Certificates


@contextmanager
def serving(
    directory: Directory,
    registrations: Iterable[Registration],
    certificates: Certificates,
    plan: Plan | None = None,
) -> Iterator[Microsoft]:
    """Microsoft, listening on two loopback ports; its origins are in `authority`, its faults in `plan`."""
    browser, back_channel = _free_socket(), _free_socket()
    microsoft = Microsoft(
        directory,
        registrations,
        f"http://localhost:{browser.getsockname()[1]}",
        f"https://localhost:{back_channel.getsockname()[1]}",
        plan,
    )
    with loop_in_a_thread() as run:
        runners = run(_start(microsoft, browser, back_channel, certificates))
        try:
            yield microsoft
        finally:
            run(_stop(runners))


def _free_socket() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    return listener


async def _start(
    microsoft: Microsoft, browser: socket.socket, back_channel: socket.socket, certificates: Certificates
) -> list[web.AppRunner]:
    front, back = web.AppRunner(microsoft.browser_app()), web.AppRunner(microsoft.back_channel_app())
    await front.setup()
    await back.setup()
    await web.SockSite(front, browser).start()
    await web.SockSite(back, back_channel, ssl_context=certificates.server_context()).start()
    return [front, back]


async def _stop(runners: list[web.AppRunner]) -> None:
    for runner in runners:
        # Clients keep connections open and need not answer the end of TLS: waiting for that takes 30 s each.
        for connection in runner.server.connections if runner.server else []:
            if isinstance(connection, web.RequestHandler) and connection.transport:
                connection.transport.abort()
        await runner.cleanup()
