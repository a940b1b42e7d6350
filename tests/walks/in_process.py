"""The product in the test's own process: its storage calls counted and stopped, its clock moved.

Everything around it is real: tables and queue on Azurite, Microsoft and SMTP over HTTP. Queue messages are
recorded as they are accepted and handed to the function when they are due by the moved clock.
"""

import asyncio
import heapq
import itertools
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from aiohttp import web
from azure.functions import QueueMessage

from functions import background, services
from sandbox.host.configuration import read_configuration
from sandbox.host.indexing import index_app
from sandbox.host.invocation import Invoker
from sandbox.host.server import FunctionsServer

RETRY = timedelta(seconds=10)
MESSAGE_TEXT = re.compile(r"<MessageText>(.*?)</MessageText>", re.DOTALL)


class DiedError(Exception):
    """The worker's process ended here; nothing that follows in it happens."""


class Storage(requests.Session):
    """The way to tables and queue. The worker dies when call `stop_at` has been made."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.spans: list[tuple[float, float]] = []
        self.messages: list[tuple[str, timedelta]] = []
        self.pause = 0.0
        self.stop_at = 0
        self.dead = False

    def request(self, method: str, url: str, **arguments: Any) -> requests.Response:  # type: ignore[override]
        if self.dead:
            raise DiedError
        self.calls.append(f"{method} {urlsplit(url).path}")
        dying = len(self.calls) == self.stop_at
        begun = time.monotonic()
        # with a pause, calls that are sent together are under way together on a busy machine, too
        time.sleep(self.pause)
        response = super().request(method, url, **arguments)
        self.spans.append((begun, time.monotonic()))
        self._record(method, url, arguments.get("data"), response)
        if dying:
            self.dead = True
            # a transaction's answer is read later, which nobody does any more
            response.close()
            raise DiedError
        return response

    def round_trips(self) -> int:
        """How many calls had to wait for one another; calls under way together count once."""
        trips, end = 0, 0.0
        for begun, ended in sorted(self.spans):
            if begun >= end:
                trips += 1
                end = ended
            else:
                end = min(end, ended)
        return trips

    def _record(self, method: str, url: str, data: Any, response: requests.Response) -> None:
        target = urlsplit(url)
        if method != "POST" or not target.path.endswith("/tasks/messages") or not response.ok:
            return
        body = data.decode() if isinstance(data, bytes) else str(data)
        (text,) = MESSAGE_TEXT.findall(body)
        seconds = int(parse_qs(target.query).get("visibilitytimeout", ["0"])[0])
        self.messages.append((unescape(text), timedelta(seconds=seconds)))


@dataclass(slots=True)
class Product:
    """The product as one worker after another runs it."""

    values: dict[str, str]
    address: str
    storage: Storage = field(default_factory=Storage)
    moved: timedelta = timedelta(0)
    queue: list[tuple[datetime, int, str]] = field(default_factory=list)
    built: list[services.Services] = field(default_factory=list)
    order: "itertools.count[int]" = field(default_factory=itertools.count)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.moved

    def start(self) -> None:
        """A new worker: nothing remembered but what is stored."""
        self.storage.dead = False
        self.storage.stop_at = 0 if len(self.storage.calls) >= self.storage.stop_at else self.storage.stop_at
        built = services.build(self.values, now=self.now, storage=self.storage)
        services._built[:] = [built]
        self.built.append(built)

    async def close(self) -> None:
        """Close what every worker had opened."""
        services._built.clear()
        for built in self.built:
            await built.ports.graph.close()  # type: ignore[attr-defined]
            built.ports.entra._session.close()  # type: ignore[attr-defined]
        self.storage.close()

    def restart_if_dead(self) -> bool:
        """Whether the worker had died; a new one runs then."""
        if not self.storage.dead:
            return False
        self.start()
        return True

    async def work(self, *, most: timedelta = timedelta(0)) -> None:
        """Do what is due on the queue, moving the clock on to later messages by `most` altogether."""
        end = self.now() + most
        while self._take_in() and self.queue[0][0] <= max(end, self.now()):
            due, _, text = heapq.heappop(self.queue)
            self.moved += max(due - self.now(), timedelta(0))
            if not await self._do(text):
                self.restart_if_dead()
                heapq.heappush(self.queue, (self.now() + RETRY, next(self.order), text))

    def _take_in(self) -> bool:
        while self.storage.messages:
            text, delay = self.storage.messages.pop(0)
            heapq.heappush(self.queue, (self.now() + delay, next(self.order), text))
        return bool(self.queue)

    async def _do(self, text: str) -> bool:
        message = QueueMessage(body=text.encode())
        try:
            await background.do_task(message)
        except DiedError:
            return False
        return True


@asynccontextmanager
async def running_product(settings: Path, app: Path, **changes: str) -> AsyncIterator[Product]:
    """The product's pages and JSON on the settings' port, without the host's own queue listener.

    `changes` are made to the settings; without further applications, unless they name them.
    """
    configuration = read_configuration(settings, app)
    values = {**configuration.values, "FURTHER_APPLICATIONS": "[]", **changes}
    product = Product(values, f"http://localhost:{configuration.port}")
    product.start()
    invoker = Invoker(configuration.values)
    server = FunctionsServer(index_app(app), configuration, invoker)
    runner = web.ServerRunner(web.Server(server.handle))
    await runner.setup()
    await web.TCPSite(runner, "localhost", configuration.port).start()
    try:
        yield product
    finally:
        await runner.cleanup()
        invoker.close()
        await product.close()


async def aside(act: Any, *arguments: Any, **named: Any) -> Any:
    """Run blocking code of the browser's side in a thread."""
    return await asyncio.to_thread(act, *arguments, **named)
