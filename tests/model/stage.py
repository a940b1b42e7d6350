"""Who may make the next call: workers whose storage and Microsoft calls are put in one order that is drawn.

One call is under way at a time and everything between calls is pure, so that an order is an example that can
be repeated. A worker may die at its n-th call, before it was made or after.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


class DiedError(BaseException):
    """The worker's process ended here: no `except Exception` of the product sees it."""


@dataclass
class Worker:
    """One request, or one queue message, under way. It dies at call `dies_at` (0: never), or at its first
    call `dies_on`; before its first call `yields_on` it lets all others go first.

    `reads` is what Microsoft told it (what, of whom, the answer), `faults` what Microsoft failed it with,
    `posted` the Message-IDs that the mail server took from it, `stood` how each association stood at its last
    write and at its reads since.
    """

    name: str
    act: Callable[[], Awaitable[Any]]
    dies_at: int = 0
    dies_on: str = ""
    after: bool = False
    yields_on: str = ""
    calls: list[str] = field(default_factory=list)
    is_dead: bool = False
    result: Any = None
    reads: list[tuple[str, str, Any]] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    posted: list[str] = field(default_factory=list)
    stood: dict[str, list[Any]] = field(default_factory=dict)


PRESENT: ContextVar[Worker | None] = ContextVar("worker", default=None)


class Stage:
    """Lets the calls of the workers at hand through, one after another."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Worker, str, asyncio.Future[None], asyncio.Future[None]]] = []

    async def call(self, label: str, act: Callable[[], Awaitable[T]]) -> T:
        """`act`, when it is this worker's turn; at once for who looks on from outside."""
        worker = PRESENT.get()
        if worker is None:
            return await act()
        loop = asyncio.get_running_loop()
        turn, over = loop.create_future(), loop.create_future()
        self._waiting.append((worker, label, turn, over))
        try:
            await turn
            return await self._made(worker, label, act)
        finally:
            over.set_result(None)

    async def _made(self, worker: Worker, label: str, act: Callable[[], Awaitable[T]]) -> T:
        if worker.is_dead:
            raise DiedError
        worker.calls.append(label)
        is_last = len(worker.calls) == worker.dies_at or label == worker.dies_on
        if is_last and not worker.after:
            worker.is_dead = True
            raise DiedError
        try:
            return await act()
        finally:
            if is_last:
                worker.is_dead = True
                raise DiedError

    async def play(self, workers: Sequence[Worker], order: Sequence[int] = ()) -> None:
        """Run the workers to their ends; `order` draws whose call is next, and then each goes on alone."""
        tasks = [asyncio.create_task(_run(worker)) for worker in workers]
        drawn, last = list(order), workers[0]
        while True:
            await _nothing_more_to_do()
            if all(task.done() for task in tasks) and not self._waiting:
                break
            present = [each for each in workers if any(each is item[0] for item in self._waiting)]
            assert present, f"stuck: {[worker.name for worker in workers]}"
            if drawn:
                last = workers[drawn.pop(0) % len(workers)]
            ready = [each for each in present if not self._yields(each)] or present
            if not any(last is each for each in ready):
                last = ready[0]
            await self._let_through(last)
        for task in tasks:
            task.result()

    def _yields(self, worker: Worker) -> bool:
        return worker.yields_on not in ("", *worker.calls) and any(
            worker is each and worker.yields_on == label for each, label, _, _ in self._waiting
        )

    async def _let_through(self, worker: Worker) -> None:
        place = next(number for number, item in enumerate(self._waiting) if item[0] is worker)
        _, _, turn, over = self._waiting.pop(place)
        if turn.cancelled():
            return
        turn.set_result(None)
        await over


async def _run(worker: Worker) -> None:
    PRESENT.set(worker)
    try:
        worker.result = await worker.act()
    except DiedError:
        worker.is_dead = True


async def _nothing_more_to_do() -> None:
    """Wait until nothing can go on without a call being let through."""
    loop: Any = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(0)
        if not loop._ready:  # the only sign there is that every task waits
            return
