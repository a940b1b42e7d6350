"""The worker processes: as many as wanted, each followed by another one when it dies."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from sandbox.storage import ROOT

START_SECONDS = 60.0
STOP_SECONDS = 15.0


class WorkerError(Exception):
    """A worker didn't start; the message says where its log is."""


@dataclass(slots=True, eq=False)
class Worker:
    """A living worker and where it listens."""

    process: Process
    address: str

    @property
    def is_alive(self) -> bool:
        return self.process.returncode is None


@dataclass(slots=True)
class Crew:
    """`size` workers over one settings file; their logs go to workers.log in `folder`.

    `arrived` is told of each worker that has started.
    """

    settings: Path
    folder: Path
    size: int
    seed: int
    deaths: float = 0.0
    arrived: Callable[[Worker], None] = lambda _: None
    alive: list[Worker] = field(default_factory=list)
    killed: int = 0
    died: int = 0
    is_ending: bool = False

    async def work(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as places:
                for _ in range(self.size):
                    places.create_task(self._fill())
        finally:
            self.is_ending = True
            await asyncio.gather(*(_stop(worker.process) for worker in self.alive))

    async def kill_at_random(self, seconds: float, most: int, random: Random) -> None:
        """Every `seconds` on average another worker dies without warning (SIGKILL), `most` altogether."""
        while self.killed < most:
            await asyncio.sleep(seconds * random.uniform(0.5, 1.5))
            if self.alive:
                self.killed += 1
                random.choice(self.alive).process.kill()

    async def _fill(self) -> None:
        while True:
            worker = await self._start()
            self.alive.append(worker)
            self.arrived(worker)
            await worker.process.wait()
            self.alive.remove(worker)
            self.died += 1

    def _environment(self) -> dict[str, str]:
        """As on Azure, a worker that starts finds everything compiled."""
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return {**kept, "PYTHONPYCACHEPREFIX": str(self.folder / "compiled")}

    async def _start(self) -> Worker:
        log = self.folder / "workers.log"
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "tests.storm.worker", "--settings", str(self.settings), "--folder", str(self.folder)),
                *("--seed", str(self.seed), "--deaths", str(self.deaths)),
                cwd=ROOT,
                env=self._environment(),
                stdin=PIPE,
                stdout=PIPE,
                stderr=errors,
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(START_SECONDS):
                line = await process.stdout.readline() if process.stdout else b""
        except BaseException:
            process.kill()
            raise
        if not line:
            raise WorkerError(f"a worker did not start: {log}")
        return Worker(process, line.decode().split()[-1])


async def _stop(process: Process) -> None:
    if process.stdin:
        process.stdin.close()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
