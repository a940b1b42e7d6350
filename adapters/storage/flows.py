"""Table `flows`: one row for each trip of a browser to Microsoft, consumed once.

Beside it one row in the partition of the day the flow expires, so that `purge` finds old flows without
reading the table.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.storage.connection import RowConflictError
from adapters.storage.entities import Row, to_properties, to_value
from adapters.storage.tables import Tables
from association.errors import FlowBusyError
from association.rows import Flow, FlowStatus

TABLE = "flows"
ROW_KEY = "flow"
PURGED_DAYS = 31  # how far back `purge` looks; a timer that runs daily leaves nothing older
TOGETHER = 20


class Flows:
    """The flows; each call raises StorageUnavailableError when storage does not answer."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def begin(self, flow: Flow) -> None:
        """Stores a new flow. Raises FlowBusyError when its state has been used before."""
        mark = Row(partition_key=_day(flow.expires_at), row_key=flow.state_hash)
        stored, marked = await asyncio.gather(
            self._tables.insert(TABLE, _row(flow)),
            self._tables.upsert(TABLE, mark),
            return_exceptions=True,
        )
        if isinstance(stored, RowConflictError):
            raise FlowBusyError from stored
        if isinstance(stored, BaseException):
            raise stored
        if isinstance(marked, BaseException):
            # nobody will come back by this flow, and no purge would find it
            await self._tables.delete(TABLE, replace(_row(flow), etag=stored))
            raise marked

    async def find(self, state_hash: str) -> Flow | None:
        """The flow begun with that state, under its ETag and whatever its status and age; or None."""
        row = await self._tables.get(TABLE, state_hash, ROW_KEY)
        return to_value(Flow, row, etag=row.etag) if row else None

    async def consume(self, flow: Flow, now: datetime) -> Flow:
        """Takes an open flow, as `find` returned it, for the caller alone; returns it as it stands then.

        Raises FlowBusyError when it is not open any more, or another caller was faster.
        """
        if flow.status is not FlowStatus.OPEN:
            raise FlowBusyError
        return await self._replace(replace(flow, status=FlowStatus.CONSUMING, consuming_since=now))

    async def finish(self, flow: Flow, outcome: dict[str, Any]) -> None:
        """Records the outcome of a flow, as `consume` returned it, and drops MSAL's secrets with it.

        Raises FlowBusyError when it is not the caller's to finish.
        """
        if flow.status is not FlowStatus.CONSUMING:
            raise FlowBusyError
        await self._replace(replace(flow, status=FlowStatus.DONE, outcome=outcome, msal={}))

    async def purge(self, before: datetime, limit: int) -> int:
        """Deletes up to `limit` flows that expired on a day before `before`'s (UTC); returns how many."""
        purged = 0
        for age in range(PURGED_DAYS, 0, -1):
            partition_key = _day(before - timedelta(days=age))
            if purged < limit:
                purged += await self._purge_day(partition_key, limit - purged)
        return purged

    async def _purge_day(self, partition_key: str, limit: int) -> int:
        marks = [row async for row in self._tables.query(TABLE, partition_key, most=limit)]
        for start in range(0, len(marks), TOGETHER):
            await asyncio.gather(*(self._forget(mark) for mark in marks[start : start + TOGETHER]))
        return len(marks)

    async def _forget(self, mark: Row) -> None:
        # The mark goes last: a purge that is interrupted finds it, and through it the flow, again.
        await self._tables.delete(TABLE, Row(partition_key=mark.row_key, row_key=ROW_KEY))
        await self._tables.delete(TABLE, replace(mark, etag=""))

    async def _replace(self, flow: Flow) -> Flow:
        try:
            etag = await self._tables.replace(TABLE, _row(flow))
        except RowConflictError as error:
            raise FlowBusyError from error
        return replace(flow, etag=etag)


def _row(flow: Flow) -> Row:
    return Row(
        partition_key=flow.state_hash,
        row_key=ROW_KEY,
        properties=to_properties(flow, without=("etag",)),
        etag=flow.etag,
    )


def _day(moment: datetime) -> str:
    return f"expires-{moment.astimezone(UTC):%Y%m%d}"
