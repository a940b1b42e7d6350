"""What stands before the workers on Azure: it sends each request to a living worker that has room.

A request whose worker dies under it gets 502, one that found no worker for long 503; both say in a header
that they are the balancer's own. https://learn.microsoft.com/azure/azure-functions/functions-concurrency
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from tests.storm.workers import Worker

OWN = "X-Balancer"
WAIT_SECONDS = 230.0
DEATH_NOTICED_SECONDS = 0.1
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}


class Balancer:
    """`at_once` is how many requests run in one worker at the same time."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._room: asyncio.Queue[Worker] = asyncio.Queue()
        self._session: aiohttp.ClientSession | None = None
        self.requests = 0
        self.failures = 0

    def welcome(self, worker: Worker) -> None:
        """Another worker has room for requests."""
        for _ in range(self._at_once):
            self._room.put_nowait(worker)

    @asynccontextmanager
    async def serving(self, port: int) -> AsyncIterator[None]:
        """On the port of this machine, for the length of the block."""
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(),
        ) as self._session:
            runner = web.ServerRunner(web.Server(self._answer, access_log=None))
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
            try:
                yield
            finally:
                await runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests += 1
        body = await request.read()
        worker = await self._worker()
        if worker is None or self._session is None:
            return self._own(503)
        address = URL(f"{worker.address.replace('localhost', '127.0.0.1')}{request.raw_path}", encoded=True)
        try:
            async with self._session.request(
                request.method, address, headers=request.headers, data=body or None, allow_redirects=False
            ) as answer:
                return web.Response(
                    body=await answer.read(), status=answer.status, headers=_end_to_end(answer.headers)
                )
        except aiohttp.ClientError:
            await asyncio.sleep(DEATH_NOTICED_SECONDS)
            return self._own(502)
        finally:
            if worker.is_alive:
                self._room.put_nowait(worker)

    async def _worker(self) -> Worker | None:
        """One with room, whoever has waited longest first."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while not (worker := await self._room.get()).is_alive:
                    continue
                return worker
        except TimeoutError:
            return None

    def _own(self, status: int) -> web.Response:
        self.failures += 1
        return web.Response(status=status, text="", headers={OWN: str(status)})


def _end_to_end(headers: "CIMultiDict[str] | aiohttp.typedefs.LooseHeaders") -> CIMultiDict[str]:
    kept = CIMultiDict(headers)
    for name in (*_HOP_BY_HOP, "content-length"):
        kept.popall(name, None)
    return kept
