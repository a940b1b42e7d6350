"""Support's look-up by everything a caller can read out, in small and large tables."""

import asyncio
import json
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from association.support import Question, find_page
from bench.figures import percentile
from bench.filling import Known, fill
from bench.processes import environment
from functions.services import build
from sandbox.running import running_host, running_parts

LOADING = Path(__file__).with_name("loading.cjs")
KEYS = ("reference", "customer_number", "order_number", "tenant_id", "email", "association_id")
# a hundred thousand associations are 1.4 million rows
NODE_OPTIONS = f"--require {LOADING} --max-old-space-size=8192"


@dataclass(frozen=True, slots=True)
class LookUp:
    """Milliseconds over HTTP at the host, and calls of storage for one look-up."""

    by: str
    associations: int
    p50_ms: float
    p95_ms: float
    storage_calls: int


@dataclass(frozen=True, slots=True)
class Filling:
    """How long it took to have that many associations."""

    associations: int
    seconds: float


class _Counted(requests.Session):
    calls = 0

    def request(self, *arguments: Any, **named: Any) -> requests.Response:
        self.calls += 1
        return super().request(*arguments, **named)


def measure(folder: Path, sizes: tuple[int, ...], asked: int) -> tuple[list[LookUp], list[Filling]]:
    """Look-ups by each key among so many associations, `asked` times each; in turn, so that what else the
    machine does meanwhile is in all of them.
    """
    with environment(NODE_OPTIONS=NODE_OPTIONS), ExitStack() as stack:
        worlds = [stack.enter_context(_running_world(folder / str(size), size)) for size in sizes]
        times: dict[tuple[str, int], list[float]] = {(by, size): [] for by in KEYS for size in sizes}
        for asking in range(asked + 1):
            for by in KEYS:
                for world in worlds:
                    taken = world.look_up(by)
                    if asking:  # the first is not counted: it builds what a worker builds once
                        times[by, world.size].append(taken)
        calls = {(by, world.size): asyncio.run(world.calls(by)) for by in KEYS for world in worlds}
    rows = [
        LookUp(by, size, percentile(taken, 0.5), percentile(taken, 0.95), calls[by, size])
        for (by, size), taken in times.items()
    ]
    return rows, [Filling(world.size, world.seconds) for world in worlds]


@dataclass(frozen=True, slots=True)
class _World:
    """A product with `size` associations; `seconds` is how long they took to be there."""

    size: int
    origin: str
    settings: dict[str, Any]
    known: list[Known]
    seconds: float
    session: requests.Session
    chance: random.Random

    def look_up(self, by: str) -> float:
        """Milliseconds of one look-up. Raises RuntimeError when it does not find what is there."""
        one = self.chance.choice(self.known)
        url, started = f"{self.origin}/support/associations/search", time.perf_counter()
        answer = self.session.post(url, json={by: getattr(one, by)}, timeout=60)
        taken = (time.perf_counter() - started) * 1000
        if one.association_id not in [view["association_id"] for view in answer.json()["associations"]]:
            raise RuntimeError(f"not found by {by}")
        return taken

    async def calls(self, by: str) -> int:
        """How many calls of storage one look-up makes."""
        with _Counted() as session:
            ports = build(self.settings["Values"], storage=session).ports
            await find_page(ports, Question(by, getattr(self.chance.choice(self.known), by)))
            return session.calls


@contextmanager
def _running_world(folder: Path, size: int) -> Iterator[_World]:
    folder.mkdir()
    with running_parts(folder, indexed_storage=True) as parts, requests.Session() as session:
        file = Path(parts["settings"])
        settings = json.loads(file.read_text(encoding="utf-8"))
        session.headers["x-functions-key"] = settings["Host"]["FunctionKey"]
        started = time.perf_counter()
        known = fill(parts["storage"], settings["Values"], folder, range(size))
        seconds = time.perf_counter() - started
        with running_host(file) as origin:
            chance = random.Random(size)  # noqa: S311 - a sample, no secret
            yield _World(size, origin, settings, known, seconds, session, chance)
