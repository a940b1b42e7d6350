"""What a worker's very first page costs, against a function that only says hello in the same host; and its
first read of licences, against the SDK's client with models.
"""

import asyncio
import json
import os
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientSession

from bench.customer import invited
from bench.figures import median
from bench.journey import World, invite, running_world
from bench.processes import First, environment, first_answer, output_of
from bench.walker import Walker
from deployment.package import SITE
from deployment.pruning import LEFT_OUT
from sandbox.running import running_parts
from sandbox.storage import ROOT

HELLO = ROOT / "bench" / "hello"
# What the local host is made of itself: it cannot be kept from the package, which has no use for it.
OF_THE_HOST = {"aiohttp", "aiohappyeyeballs", "aiosignal", "attrs", "frozenlist"}
# What httpx imports for its command line, where it is there: here, for our own tools.
OF_THE_TOOLS = {"click", "pygments", "rich"}
WAYS = {
    "ours, on a worker that has shown a page": "ahead",
    "ours, on a worker that has not, the token in no time": "ours",
    "ours, on a worker that has not, the token in 0.2 s": "meanwhile",
    "GraphServiceClient with models": "models",
}


@dataclass(frozen=True, slots=True)
class ColdStart:
    """Milliseconds from a process's start to the first byte of its first answer, and its processor time."""

    first_answer: str
    median_ms: float
    lowest_ms: float
    highest_ms: float
    times_hello: float
    cpu_ms: float
    cpu_times_hello: float


@dataclass(frozen=True, slots=True)
class FirstRead:
    """A worker's first read of a tenant's licences; medians of fresh processes."""

    licences_read_by: str
    first_ms: float
    warm_ms: float
    first_minus_warm_ms: float
    modules_imported: int


def measure_pages(folder: Path, app: Path, runs: int) -> list[ColdStart]:
    """Hello and the pages of the product in `app` in turn, `runs` times each; logs go to `folder`.

    Libraries are as in `packaged`.
    """
    with running_parts(folder) as parts, packaged(folder, app):
        settings, log = Path(parts["settings"]), folder / "cold.log"
        customer = invited(settings)
        opened = _asked((app, customer.link, 303), settings, "", log)
        cookie = dict(opened.headers)["Set-Cookie"].partition(";")[0]
        pages = {
            "hello": (HELLO, "/hello", 200),
            "a page without storage": (app, "/privacy", 200),
            "the association's page": (app, customer.page, 200),
            "the mailed link": (app, customer.link, 303),
        }
        taken: dict[str, list[First]] = {name: [] for name in pages}
        for run in range(runs + 1):
            for name, page in pages.items():
                first = _asked(page, settings, cookie, log)
                if run:  # the first of each writes the host's .pyc files and is not counted
                    taken[name].append(first)
    return [_row(name, found, taken["hello"]) for name, found in taken.items()]


def measure_licences(folder: Path, app: Path, runs: int) -> list[FirstRead]:
    """The ways in turn, each in fresh processes, in a tenant that has consented; ours with the libraries of
    `app`, the SDK's with all that it asks for.
    """
    with running_world(folder) as world:
        tenant_id = asyncio.run(consented(world))
        taken: dict[str, list[dict[str, float]]] = {name: [] for name in WAYS}
        for run in range(runs + 1):
            for name, way in WAYS.items():
                with _lending(folder) if way == "models" else packaged(folder, app):
                    told = output_of(["-m", "bench.licences", way, world.parts["settings"], tenant_id])
                if run:
                    taken[name].append(json.loads(told))
    return [_read(name, found) for name, found in taken.items()]


def packaged(folder: Path, app: Path) -> AbstractContextManager[None]:
    """Processes take libraries and bytecode from `app`, where it brings some; of what it leaves out they find
    only what the local host is made of.
    """
    left_out = {name.replace("-", "_") for name in LEFT_OUT.keys() - OF_THE_HOST}
    return _lending(folder, left_out, path=[str(app / SITE)], PYTHONPYCACHEPREFIX=None)


def _lending(
    folder: Path, left_out: Collection[str] = (), path: Sequence[str] = (), **values: str | None
) -> AbstractContextManager[None]:
    """Processes find none of `left_out`, nor what only our tools need, and have these variables."""
    missing = folder / f"missing-{len(left_out)}"
    missing.mkdir(exist_ok=True)
    for name in OF_THE_TOOLS.union(left_out):
        (missing / f"{name}.py").write_text(f"raise ModuleNotFoundError('no {name}', name='{name}')\n")
    return environment(PYTHONPATH=os.pathsep.join([str(missing), *path]), **values)


async def consented(world: World) -> str:
    """The id of a tenant that has walked the journey."""
    async with ClientSession() as session:
        order = await invite(world, session)
        await Walker(session, world.origin).walk(order)
        return order.tenant_id


def _asked(page: tuple[Path, str, int], settings: Path, cookie: str, log: Path) -> First:
    app, path, status = page
    first = first_answer(app, settings, path, cookie, log)
    if first.status != status:
        raise RuntimeError(f"{path.partition('?')[0]} answered {first.status}")
    return first


def _row(name: str, own: Sequence[First], hello: Sequence[First]) -> ColdStart:
    pairs = list(zip(own, hello, strict=True))
    times = [first.milliseconds for first in own]
    return ColdStart(
        first_answer=name,
        median_ms=median(times),
        lowest_ms=min(times),
        highest_ms=max(times),
        # pairwise, so that what else the machine did meanwhile is in both
        times_hello=median([one.milliseconds / other.milliseconds for one, other in pairs]),
        cpu_ms=median([first.cpu_milliseconds for first in own]),
        cpu_times_hello=median([one.cpu_milliseconds / other.cpu_milliseconds for one, other in pairs]),
    )


def _read(name: str, found: Sequence[dict[str, float]]) -> FirstRead:
    return FirstRead(
        licences_read_by=name,
        first_ms=median([each["first_ms"] for each in found]),
        warm_ms=median([each["warm_ms"] for each in found]),
        first_minus_warm_ms=median([each["first_ms"] - each["warm_ms"] for each in found]),
        modules_imported=int(median([each["modules"] for each in found])),
    )
