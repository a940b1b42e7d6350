"""Everything around the people of a storm: clock, queue, workers, killer, faults, balancer, mailbox."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from association.ports import Ports
from functions import services
from tests.storm.attempts import read_attempts
from tests.storm.balancer import Balancer
from tests.storm.chance import chance
from tests.storm.clock import Clock
from tests.storm.evidence import read_hints, read_tables
from tests.storm.found import Evidence
from tests.storm.later import Keeper, MovableTasks
from tests.storm.postman import Postman
from tests.storm.struck import Struck
from tests.storm.workers import Crew

CLIENT_SECONDS = 600.0
# All attempts at a mail, with all pauses between them, are over after three hours.
LONGEST_WAY_SECONDS = 12 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How bad it gets. `faults` is the share of disturbed calls by part; of the queue only POST is disturbed,
    which is the product's: the GET, PUT and DELETE of the host, which asks all the time, are Azure's own
    business. `kill_every` is a number of seconds, `deaths` the share of mails whose worker dies right after
    the first acceptance, `impatience` the share of presses that are done twice, `patience` after how many
    seconds whatever is left to do is lost.
    """

    workers: int
    at_once: int
    seed: int
    kill_every: float
    faults: dict[str, float]
    deaths: float = 0.0
    impatience: float = 0.05
    most_kills: int = 1_000_000
    patience: float = 3600.0


@dataclass(slots=True, kw_only=True)
class Weather:
    """What is running."""

    options: Options
    parts: dict[str, str]
    settings: dict[str, Any]
    folder: Path
    client: aiohttp.ClientSession
    clock: Clock
    keeper: Keeper
    crew: Crew
    balancer: Balancer
    postman: Postman
    struck: Struck
    work: list["asyncio.Task[None]"] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    @property
    def has_patience(self) -> bool:
        """Whether what isn't over yet may still come to an end."""
        is_late = time.monotonic() - self.began > self.options.patience
        return not is_late and self.keeper.jumped_seconds < LONGEST_WAY_SECONDS

    @property
    def origin(self) -> str:
        return str(self.settings["Values"]["PUBLIC_BASE_URL"])

    def start(self) -> None:
        """Let the workers work, and die."""
        random = chance(self.options.seed)
        self.work += [
            asyncio.create_task(self.crew.work()),
            asyncio.create_task(
                self.crew.kill_at_random(self.options.kill_every, self.options.most_kills, random)
            ),
            asyncio.create_task(self.keeper.keep()),
            asyncio.create_task(self.postman.go_round()),
            asyncio.create_task(self.struck.watch()),
        ]

    async def until(self, is_over: Callable[[], bool]) -> None:
        """Wait for it, as long as there is patience; what fails meanwhile is raised."""
        while not is_over() and self.has_patience:
            await asyncio.sleep(0.1)
            for task in self.work:
                if task.done():
                    task.result()

    async def disturb(self) -> None:
        """Begin with the faults."""
        for part, rate in self.options.faults.items():
            method = {"method": "POST"} if part == "queue" else {}
            wanted = {"part": part, "rate": rate, "seed": self.options.seed, "seconds": 0.5, **method}
            await self.tell("faults", wanted)

    async def refuse(self, part: str, fault: str, path: str) -> None:
        """From now on every call of `part` whose path holds `path` ends with this fault."""
        await self.tell("faults", {"part": part, "fault": fault, "rate": 1.0, "path": path})

    async def tell(self, path: str, body: dict[str, Any]) -> None:
        """Post to the control part."""
        async with self.client.post(f"{self.parts['control']}{path}", json=body) as answer:
            assert answer.status in (200, 201), await answer.text()

    async def evidence(self) -> Evidence:
        """What stands when all is over."""
        await self.postman.look()
        await self.struck.look()
        tables = await asyncio.to_thread(read_tables, self.parts["storage"])
        product = self.product()
        return Evidence(
            **tables,
            keys=product.keys,
            hints=await read_hints(product.lookups, product.keys, tables["associations"]),
            mails=self.postman.mails,
            sendings=read_attempts(self.folder),
            mail_faults=self.struck.mails,
            poisoned=await self.keeper.poisoned(),
            unheard=self.struck.counts.get("smtp.accepted_unheard", 0),
        )

    def product(self) -> Ports:
        """The product's own ports, over storage without faults."""
        values = {**self.settings["Values"], "AzureWebJobsStorage": self.parts["storage"]}
        built = services.build(values, now=self.clock.now)
        tasks = MovableTasks(self.parts["storage"], self.clock, services.STORAGE_TIMEOUT_SECONDS)
        return replace(built.ports, tasks=tasks)


@asynccontextmanager
async def running_weather(
    parts: dict[str, str], options: Options, may_jump: Callable[[], bool]
) -> AsyncIterator[Weather]:
    """Parts that run already, and everything else; `may_jump` says whether time may be moved ahead."""
    settings = Path(parts["settings"])
    folder = settings.parent
    document = json.loads(await asyncio.to_thread(settings.read_text, encoding="utf-8"))
    clock = Clock(folder / "clock")
    async with AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=0)
        client = await stack.enter_async_context(
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=CLIENT_SECONDS),
            )
        )

        async def moved(seconds: float) -> None:
            await weather.tell("clock", {"advance_seconds": seconds, "tokens": True})

        async def told() -> dict[str, Any]:
            async with client.get(f"{parts['control']}faults") as answer:
                return dict(await answer.json())

        balancer = Balancer(options.at_once)
        weather = Weather(
            options=options,
            parts=parts,
            settings=document,
            folder=folder,
            client=client,
            clock=clock,
            keeper=Keeper(parts["storage"], clock, may_jump, moved),
            crew=Crew(settings, folder, options.workers, options.seed, options.deaths, balancer.welcome),
            balancer=balancer,
            postman=Postman(client, parts["mailbox_json"]),
            struck=Struck(told),
        )
        await weather.keeper.open()
        stack.push_async_callback(weather.keeper.close)
        await stack.enter_async_context(balancer.serving(urlsplit(weather.origin).port or 80))
        stack.push_async_callback(_end, weather.work)
        yield weather


async def _end(work: list["asyncio.Task[None]"]) -> None:
    for task in work:
        task.cancel()
    for task in work:
        with suppress(asyncio.CancelledError):
            await task
