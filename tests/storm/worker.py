"""python -m tests.storm.worker: one worker of the product, on the storm's clock, with its mails written down.

The product and the host are as they are; what is handed to them is the storm's: the time, and the queue under
that time. `--deaths` is the share of mails after whose first acceptance the worker kills itself, before
anything is noted.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from association import outbox
from association.errors import MailRefusedError
from association.outbox import deliver, message_id
from association.ports import Ports, Post
from association.rows import Task
from functions import services
from sandbox.host.configuration import read_configuration
from sandbox.host.indexing import index_app
from sandbox.host.lifetime import serve
from tests.storm.attempts import Attempts
from tests.storm.chance import chance
from tests.storm.clock import Clock
from tests.storm.later import MovableTasks

# A task that failed comes back, and a killed worker's tasks are taken up, after so many real seconds.
RETRY_SECONDS = 2
LEASE_SECONDS = 5
# Each of five workers looks this often into an empty queue: what looking costs is taken from the journeys.
IDLE_SECONDS = 1.0


class WatchedPost:
    """The product's mail server, with every acceptance written down, and sudden death after some."""

    def __init__(self, post: Post, attempts: Attempts, deaths: float, seed: int) -> None:
        self._post = post
        self._attempts = attempts
        self._deaths = deaths
        self._seed = seed

    async def send(
        self, kind: str, language: str, to: str, message_id: str, values: Mapping[str, Any]
    ) -> None:
        try:
            await self._post.send(kind, language, to, message_id, values)
        except MailRefusedError:
            self._attempts.write(message_id, "not_accepted")
            raise
        self._attempts.write(message_id, "accepted")
        # not by its id, which is another at every run
        chosen = chance(self._seed, to, kind).random() < self._deaths
        if chosen and self._attempts.is_first_death(message_id):
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> int:
    """The exit code of the host."""
    options = _options()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    logging.getLogger("aiohttp.access").disabled = True
    configuration = read_configuration(options.settings, services.ROOT)
    os.environ.update(configuration.values)
    queues = replace(configuration.queues, retry_delay=RETRY_SECONDS, lease=LEASE_SECONDS, idle=IDLE_SECONDS)
    attempts = Attempts(options.folder, f"{options.seed}-{os.getpid()}")
    services._built.append(_services(options, attempts))
    outbox.deliver = _watched(attempts)
    functions = index_app(services.ROOT)
    return asyncio.run(serve(functions, replace(configuration, queues=queues), 0, until_stdin_closes=True))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.storm.worker", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="the clock, and what is written down")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--deaths", type=float, default=0.0)
    return parser.parse_args()


def _services(options: argparse.Namespace, attempts: Attempts) -> services.Services:
    clock = Clock(options.folder / "clock")
    built = services.build(os.environ, now=clock.now)
    tasks = MovableTasks(built.settings.storage, clock, services.STORAGE_TIMEOUT_SECONDS)
    post = WatchedPost(built.ports.post, attempts, options.deaths, options.seed)
    return services.Services(replace(built.ports, tasks=tasks, post=post), built.rendering)


def _watched(attempts: Attempts) -> Any:
    async def do(ports: Ports, task: Task) -> None:
        identifier = message_id(ports, task)
        attempts.begin(identifier)
        try:
            await deliver(ports, task)
        except BaseException:
            attempts.write(identifier, "raised")
            raise
        attempts.write(identifier, "ended")

    return do


if __name__ == "__main__":
    sys.exit(main())
