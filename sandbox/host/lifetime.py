"""From the first listening socket to the last running function: start, background triggers, orderly end."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Coroutine, Sequence
from typing import Any

from aiohttp import web

from sandbox.host.configuration import HostConfiguration
from sandbox.host.indexing import IndexedFunction
from sandbox.host.invocation import Invoker
from sandbox.host.queues import QueueListener
from sandbox.host.routing import routes_of
from sandbox.host.server import FunctionsServer
from sandbox.host.stopping import stop_on_signals, stop_with_stdin
from sandbox.host.timers import run_on_schedule, schedule_of

log = logging.getLogger("host")
GRACE_SECONDS = 5.0
_UNLIMITED = 1024 * 1024


def check_triggers(functions: Sequence[IndexedFunction], configuration: HostConfiguration) -> None:
    """Raise IndexingError for a route or schedule that cannot be served."""
    routes_of(functions, configuration.route_prefix)
    for function in functions:
        if function.kind == "timerTrigger":
            schedule_of(function, configuration.values)


async def serve(
    functions: Sequence[IndexedFunction],
    configuration: HostConfiguration,
    port: int,
    until_stdin_closes: bool,
) -> int:
    """Serve until told to stop; the exit code.

    Raises:
        OSError: the port cannot be bound.
    """
    stop = asyncio.Event()
    stop_on_signals(stop)
    if until_stdin_closes:
        stop_with_stdin(stop)
    invoker = Invoker(os.environ)
    server = FunctionsServer(functions, configuration, invoker)
    # The limits are FunctionsServer's own, because it answers with Kestrel's status codes.
    limits: dict[str, Any] = {
        "max_line_size": _UNLIMITED,
        "max_field_size": _UNLIMITED,
        "max_headers": 10_000,
    }
    runner = web.ServerRunner(
        web.Server(server.handle, access_log=None, **limits), shutdown_timeout=GRACE_SECONDS
    )
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    tasks = [asyncio.create_task(work) for work in _background(functions, configuration, invoker)]
    print(f"Host listening on http://localhost:{runner.addresses[0][1]}", flush=True)
    log.info("listening port=%d functions=%d", runner.addresses[0][1], len(functions))
    await stop.wait()
    await _end(runner, tasks, invoker)
    return 0


def _background(
    functions: Sequence[IndexedFunction], configuration: HostConfiguration, invoker: Invoker
) -> list[Coroutine[Any, Any, None]]:
    work: list[Coroutine[Any, Any, None]] = []
    for function in functions:
        if function.kind == "queueTrigger":
            listener = QueueListener(
                function, _connection(function, configuration), configuration.queues, invoker
            )
            work.append(listener.listen())
        elif function.kind == "timerTrigger":
            work.append(run_on_schedule(function, schedule_of(function, configuration.values), invoker))
    return work


def _connection(function: IndexedFunction, configuration: HostConfiguration) -> str:
    """The connection string, empty when the setting is missing: the listener then says so and stays away."""
    name = str(function.trigger.get("connection") or "AzureWebJobsStorage")
    for candidate in (f"AzureWebJobs{name}", name):
        if value := configuration.values.get(candidate):
            return value
    return ""


async def _end(runner: web.ServerRunner, tasks: Sequence[asyncio.Task[None]], invoker: Invoker) -> None:
    for task in tasks:
        task.cancel()
    await runner.cleanup()
    if tasks:
        await asyncio.wait(tasks, timeout=GRACE_SECONDS)
    invoker.close()
    log.info("stopped running=%d", invoker.running)
    if invoker.running:
        # A thread cannot be ended from outside: without this the interpreter would wait for it for ever.
        sys.stderr.flush()
        os._exit(0)
