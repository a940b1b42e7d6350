"""Whole journeys, from the mailed link to the add-in file: how many a second, how long a page takes, and
whose processor time it is.
"""

import asyncio
import json
import os
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, TCPConnector
from azure.storage.queue import QueueClient

from association.keys import Keys
from association.links import link_id
from association.rows import Purpose
from association.settings import Settings
from bench.figures import percentile
from bench.processes import children_of, cpu_seconds
from bench.walker import APPLICATIONS, AstrayError, Order, Walker
from sandbox.parts import CUSTOMERS
from sandbox.running import running_host, running_parts
from sandbox.storage import ROOT

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Journeys:
    """So many at once; a page is any answer of the product, redirects too. `astray` are those that did not
    reach the end; their pages do not count. Times in milliseconds, processor time for each page.
    """

    clients: int
    journeys: int
    astray: int
    journeys_a_second: float
    pages_each: float
    page_p50_ms: float
    page_p95_ms: float
    cpu_product_ms: float
    cpu_sandbox_ms: float
    cpu_storage_ms: float
    cpu_client_ms: float


@dataclass(frozen=True, slots=True)
class Page:
    """One kind of page with one client."""

    page: str
    answers: int
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class World:
    """Where everything is: the product's origin, the parts' addresses, the settings."""

    origin: str
    parts: dict[str, str]
    settings: dict[str, Any]


@contextmanager
def running_world(folder: Path, app: Path = ROOT) -> Iterator[World]:
    """The parts and a host with the product of folder `app`, and as many further applications as are walked
    through.
    """
    with running_parts(folder) as parts:
        file = Path(parts["settings"])
        settings = json.loads(file.read_text(encoding="utf-8"))
        settings["Values"]["FURTHER_APPLICATIONS"] = json.dumps(APPLICATIONS)
        file.write_text(json.dumps(settings), encoding="utf-8")
        with running_host(file, app=app) as origin:
            yield World(origin, parts, settings)


def measure(folder: Path, runs: dict[int, int]) -> tuple[list[Journeys], list[Page]]:
    """`runs`: how many journeys for each number of clients. What the pages took is of the first."""
    with running_world(folder) as world:
        return measure_in(world, runs)


def measure_in(world: World, runs: dict[int, int]) -> tuple[list[Journeys], list[Page]]:
    """As `measure`, in a world that runs."""
    asyncio.run(_walks(world, 2, 1))  # what is built on first use
    found = [asyncio.run(_walks(world, journeys, clients)) for clients, journeys in runs.items()]
    return [row for row, _ in found], _pages(found[0][1])


async def invite(world: World, session: ClientSession) -> Order:
    """Found a tenant and hand in its company's order."""
    mark, tenant_id = f"b{uuid.uuid4().hex[:12]}", str(uuid.uuid4())
    domain, account = f"{mark}.example", f"admin@{mark}.example"
    user = {"upn": account, "name": "A", "roles": ["Global Administrator"], "licences": ["SPB"]}
    tenant = {
        "tenant_id": tenant_id,
        "display_name": mark,
        "domains": [domain],
        "subscriptions": [{"product": "SPB", "units": 12}],
        "users": [user],
    }
    async with session.put(f"{world.parts['control']}tenants/{mark}", json=tenant) as response:
        response.raise_for_status()
    body = json.loads(CUSTOMERS.read_text(encoding="utf-8"))[0]["order"]
    body |= {"order_number": f"O-{mark}", "customer_number": f"C-{mark}", "administrator_email": account}
    association_id = await _ordered(world, session, body)
    keys = Keys(Settings.from_mapping(world.settings["Values"]).signing_keys)
    token = keys.link_token(keys.kid, link_id(association_id, Purpose.ASSOCIATION, 1))
    return Order(f"{world.origin}/a?k={token}", account, tenant_id)


async def _ordered(world: World, session: ClientSession, body: dict[str, Any]) -> str:
    """The association's id; the order is repeated, as by OCTAVE, while the product cannot take it."""
    key = {"x-functions-key": world.settings["Host"]["FunctionKey"]}
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            async with session.post(f"{world.origin}/orders", json=body, headers=key) as response:
                if response.status != HTTPStatus.SERVICE_UNAVAILABLE:
                    response.raise_for_status()
                    return str((await response.json())["association_id"])
            await asyncio.sleep(1)


async def _walks(world: World, journeys: int, clients: int) -> tuple[Journeys, list[tuple[str, float]]]:
    times: list[tuple[str, float]] = []
    async with ClientSession(connector=TCPConnector(limit=0)) as session:
        before = await _mails(world, session)
        orders = [await invite(world, session) for _ in range(journeys)]
        await _sent(world, session, before + journeys)
        await asyncio.to_thread(_clear_queue, world)
        waiting, astray = iter(orders), list[str]()

        async def person() -> None:
            for order in waiting:
                try:
                    times.extend(await Walker(session, world.origin).walk(order))
                except AstrayError as error:
                    astray.append(str(error))

        used, started = _cpu(), time.perf_counter()
        await asyncio.gather(*(person() for _ in range(clients)))
        seconds = time.perf_counter() - started
        spent = {name: value - used[name] for name, value in _cpu().items()}
    if astray:
        print(*astray, sep="\n", file=sys.stderr)
    return _row(clients, (journeys, len(astray)), seconds, times, spent), times


async def _sent(world: World, session: ClientSession, wanted: int) -> None:
    """Wait until the invitations are out."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await _mails(world, session) < wanted:  # noqa: ASYNC110 - the mailbox has no event to wait for
            await asyncio.sleep(0.3)


def _clear_queue(world: World) -> None:
    """Drop what the invitations, and journeys before, have left for a minute later and more, so that only
    the journeys' own background work is measured.
    """
    with QueueClient.from_connection_string(world.parts["storage"], "tasks") as queue:
        queue.clear_messages()


async def _mails(world: World, session: ClientSession) -> int:
    async with session.get(world.parts["mailbox_json"]) as response:
        return len(await response.json())


def _cpu() -> dict[str, float]:
    """Processor seconds so far, by whose they are."""
    here = os.times()
    used = {"client": here.user + here.system, "product": 0.0, "sandbox": 0.0, "storage": 0.0}
    for process_id, command in children_of(os.getpid()).items():
        if "sandbox.host" in command:
            used["product"] += cpu_seconds(process_id)
        elif "sandbox parts" in command:
            used["sandbox"] += cpu_seconds(process_id)
            used["storage"] += sum(cpu_seconds(child) for child in children_of(process_id))
    return used


def _row(
    clients: int,
    journeys: tuple[int, int],
    seconds: float,
    times: list[tuple[str, float]],
    cpu: dict[str, float],
) -> Journeys:
    if not times:
        raise RuntimeError("no journey came to its end")
    taken = [spent for _, spent in times]
    a_page = {name: value * 1000 / len(taken) for name, value in cpu.items()}
    return Journeys(
        clients=clients,
        journeys=journeys[0],
        astray=journeys[1],
        journeys_a_second=(journeys[0] - journeys[1]) / seconds,
        pages_each=len(taken) / (journeys[0] - journeys[1]),
        page_p50_ms=percentile(taken, 0.5),
        page_p95_ms=percentile(taken, 0.95),
        cpu_product_ms=a_page["product"],
        cpu_sandbox_ms=a_page["sandbox"],
        cpu_storage_ms=a_page["storage"],
        cpu_client_ms=a_page["client"],
    )


def _pages(times: list[tuple[str, float]]) -> list[Page]:
    kinds: dict[str, list[float]] = {}
    for name, spent in times:
        kinds.setdefault(name, []).append(spent)
    return [
        Page(name, len(taken), percentile(taken, 0.5), percentile(taken, 0.95))
        for name, taken in kinds.items()
    ]
