"""Table `limits`: how often somebody did something within a window of time (rule S8)."""

from dataclasses import replace

from adapters.storage.connection import RowConflictError
from adapters.storage.entities import Row
from adapters.storage.row_keys import digest, escape
from adapters.storage.tables import Tables
from association.errors import ConcurrentChangeError

TABLE = "limits"
TRIES = 100  # of any number of callers at once one succeeds each time, so this many callers all do


class Limits:
    """The counters; each call raises StorageUnavailableError when storage does not answer.

    `subject` is who and what is counted, stored as its SHA-256 because it may hold an address; `window`
    names the span of time (`2026-11-20T10`), and a new one starts at 0.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def count(self, subject: str, window: str) -> int:
        """Counts one more and returns the new count; no two callers are given the same one.

        Raises ConcurrentChangeError when too many count the same at once.
        """
        for _ in range(TRIES):
            try:
                return await self._increment(subject, window)
            except RowConflictError:
                continue
        raise ConcurrentChangeError("counting")

    async def current(self, subject: str, window: str) -> int:
        """The count so far."""
        row = await self._tables.get(TABLE, digest(subject), escape(window))
        return int(row.properties["count"]) if row else 0

    async def _increment(self, subject: str, window: str) -> int:
        row = await self._tables.get(TABLE, digest(subject), escape(window))
        if row is None:
            first = Row(partition_key=digest(subject), row_key=escape(window), properties={"count": 1})
            await self._tables.insert(TABLE, first)
            return 1
        count = int(row.properties["count"]) + 1
        await self._tables.replace(TABLE, replace(row, properties={"count": count}))
        return count
