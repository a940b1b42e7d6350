"""Table `limits`: how often somebody did something within a window of time (rule S8)."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

from adapters.storage.connection import RowConflictError
from adapters.storage.entities import Row
from adapters.storage.row_keys import digest, escape
from adapters.storage.tables import Tables
from association.errors import ConcurrentChangeError

TABLE = "limits"
PURGED_DAYS = 31  # how far back `purge` looks; a timer that runs daily leaves nothing older
TOGETHER = 20
TRIES = 100  # of any number of callers at once one succeeds each time, so this many callers all do


class Limits:
    """The counters; each call raises StorageUnavailableError when storage does not answer.

    `subject` is who and what is counted, stored as its SHA-256 because it may hold an address; `window`
    names the span of time (`2026-11-20T10`), and a new one starts at 0. All windows of a day share a
    partition, which `purge` deletes; a window that is no time stays until it is forgotten.
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
        row = await self._tables.get(TABLE, *_keys(subject, window))
        return int(row.properties["count"]) if row else 0

    async def forget(self, subject: str, window: str) -> None:
        """Deletes a count, if it is there."""
        partition_key, row_key = _keys(subject, window)
        await self._tables.delete(TABLE, Row(partition_key=partition_key, row_key=row_key))

    async def purge(self, before: datetime, limit: int) -> int:
        """Deletes up to `limit` counts of days before `before`'s (windows name days); returns how many."""
        purged = 0
        for age in range(PURGED_DAYS, 0, -1):
            if purged < limit:
                day = escape(f"{before - timedelta(days=age):%Y-%m-%d}")
                purged += await self._purge_day(day, limit - purged)
        return purged

    async def _purge_day(self, partition_key: str, limit: int) -> int:
        rows = [replace(row, etag="") async for row in self._tables.query(TABLE, partition_key, most=limit)]
        for start in range(0, len(rows), TOGETHER):
            await asyncio.gather(*(self._tables.delete(TABLE, row) for row in rows[start : start + TOGETHER]))
        return len(rows)

    async def _increment(self, subject: str, window: str) -> int:
        partition_key, row_key = _keys(subject, window)
        row = await self._tables.get(TABLE, partition_key, row_key)
        if row is None:
            first = Row(partition_key=partition_key, row_key=row_key, properties={"count": 1})
            await self._tables.insert(TABLE, first)
            return 1
        count = int(row.properties["count"]) + 1
        await self._tables.replace(TABLE, replace(row, properties={"count": count}))
        return count


def _keys(subject: str, window: str) -> tuple[str, str]:
    return escape(window.partition("T")[0]) or "_", f"{escape(window)}.{digest(subject)}"
