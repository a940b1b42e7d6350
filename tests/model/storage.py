"""The way to storage as the model watches it: every call waits for its turn, every change is seen as it is
stored, and what is put on the queue is kept until the model hands it out.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from adapters.storage.associations import TABLE as ASSOCIATIONS
from adapters.storage.claims import TABLE as CLAIMS
from adapters.storage.entities import Row
from adapters.storage.flows import TABLE as FLOWS
from adapters.storage.tables import Operation, Tables
from association.rows import Task
from tests.model.rows import MemoryTables
from tests.model.stage import Stage

T = TypeVar("T")
Seen = Callable[[str, str], Awaitable[None]]
Read = Callable[[str], None]


class WatchedTables:
    """The tables, one call at a time. `seen` is told the table and partition of every change, once stored,
    `was_read` the association of every reading of one.
    """

    def __init__(self, inner: Tables | MemoryTables, stage: Stage) -> None:
        self.inner = inner
        self.stage = stage
        self.seen: Seen | None = None
        self.was_read: Read | None = None

    async def get(self, table: str, partition_key: str, row_key: str) -> Row | None:
        return await self.stage.call(f"get {table}", lambda: self.inner.get(table, partition_key, row_key))

    async def query(self, table: str, partition_key: str, **limits: Any) -> AsyncIterator[Row]:
        async def read() -> list[Row]:
            found = [row async for row in self.inner.query(table, partition_key, **limits)]
            if self.was_read and table == ASSOCIATIONS:
                self.was_read(partition_key)
            return found

        for row in await self.stage.call(f"query {table}", read):
            yield row

    async def between(self, table: str, lowest: str, below: str, *, most: int) -> AsyncIterator[Row]:
        async def read() -> list[Row]:
            return [row async for row in self.inner.between(table, lowest, below, most=most)]

        for row in await self.stage.call(f"between {table}", read):
            yield row

    async def insert(self, table: str, row: Row) -> str:
        return await self._write("insert", table, row.partition_key, lambda: self.inner.insert(table, row))

    async def upsert(self, table: str, row: Row) -> str:
        return await self._write("upsert", table, row.partition_key, lambda: self.inner.upsert(table, row))

    async def replace(self, table: str, row: Row) -> str:
        return await self._write("replace", table, row.partition_key, lambda: self.inner.replace(table, row))

    async def delete(self, table: str, row: Row) -> None:
        await self._write("delete", table, row.partition_key, lambda: self.inner.delete(table, row))

    async def transact(self, table: str, operations: Sequence[Operation]) -> list[str]:
        partition_key = operations[0][1].partition_key
        return await self._write(
            "transact", table, partition_key, lambda: self.inner.transact(table, operations)
        )

    async def close(self) -> None:
        await self.inner.close()

    async def _write(self, kind: str, table: str, partition_key: str, write: Callable[[], Awaitable[T]]) -> T:
        async def act() -> T:
            written = await write()
            if self.seen and table in (ASSOCIATIONS, CLAIMS, FLOWS):
                await self.seen(table, partition_key)
            return written

        return await self.stage.call(f"{kind} {table}", act)


@dataclass
class Message:
    """A task on the queue, and when it becomes visible."""

    task: Task
    due: datetime
    deliveries: int = 0


@dataclass
class WatchedTasks:
    """The queue: sent for real where `inner` is real, and kept here to be handed out by the virtual clock."""

    inner: Any
    stage: Stage
    now: Callable[[], datetime]
    messages: list[Message] = field(default_factory=list)

    async def send(self, task: Task, delay: timedelta = timedelta(0)) -> None:
        """Put it on the queue."""

        async def act() -> None:
            if self.inner is not None:
                await self.inner.send(task, delay)
            self.messages.append(Message(task, self.now() + delay))

        await self.stage.call(f"send {task.kind}", act)

    async def poisoned(self) -> int:
        """None ever fails for good here."""
        return 0

    def due(self) -> list[Message]:
        """The visible messages, the one that waits longest first."""
        return sorted((each for each in self.messages if each.due <= self.now()), key=lambda each: each.due)
