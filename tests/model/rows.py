"""The tables in memory, for the long search: what the adapters ask of Table Storage, and no way there."""

import itertools
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from adapters.storage.connection import RowConflictError, RowMissingError
from adapters.storage.entities import Row
from adapters.storage.service_rules import check_row, check_transaction
from adapters.storage.tables import Operation


class MemoryTables:
    """As `adapters.storage.tables.Tables`: rows under ETags, transactions all or nothing."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, str], Row] = {}
        self._etags = itertools.count(1)

    async def get(self, table: str, partition_key: str, row_key: str) -> Row | None:
        """The row under these keys, or None."""
        return self._rows.get((table, partition_key, row_key))

    async def query(
        self, table: str, partition_key: str, *, most: int | None = None, after: str = ""
    ) -> AsyncIterator[Row]:
        """The rows of one partition in the order of their row keys."""
        keys = sorted(key for key in self._rows if key[:2] == (table, partition_key) and key[2] > after)
        for row in [self._rows[key] for key in keys[:most]]:
            yield row

    async def between(self, table: str, lowest: str, below: str, *, most: int) -> AsyncIterator[Row]:
        """The first rows of the partitions from `lowest` to below `below`."""
        keys = sorted(key for key in self._rows if key[0] == table and lowest <= key[1] < below)
        for row in [self._rows[key] for key in keys[:most]]:
            yield row

    async def insert(self, table: str, row: Row) -> str:
        """A new row."""
        check_row(row)
        self._require("insert", table, row)
        return self._put(table, row)

    async def upsert(self, table: str, row: Row) -> str:
        """A row, new or over the old one."""
        check_row(row)
        return self._put(table, row)

    async def replace(self, table: str, row: Row) -> str:
        """A row over the one with its ETag."""
        check_row(row)
        self._require("replace", table, row)
        return self._put(table, row)

    async def delete(self, table: str, row: Row) -> None:
        """No row, if it still has its ETag."""
        standing = self._rows.get((table, row.partition_key, row.row_key))
        if standing is None:
            return
        if row.etag not in ("", standing.etag):
            raise RowConflictError
        del self._rows[table, row.partition_key, row.row_key]

    async def transact(self, table: str, operations: Sequence[Operation]) -> list[str]:
        """All operations or none."""
        check_transaction([row for _, row in operations])
        for kind, row in operations:
            self._require(kind, table, row)
        return [self._put(table, row) for _, row in operations]

    async def close(self) -> None:
        """Nothing is open."""

    def _require(self, kind: str, table: str, row: Row) -> None:
        standing = self._rows.get((table, row.partition_key, row.row_key))
        if kind == "insert" and standing is not None:
            raise RowConflictError
        if kind == "replace":
            if standing is None:
                raise RowMissingError
            if row.etag not in ("", standing.etag):
                raise RowConflictError

    def _put(self, table: str, row: Row) -> str:
        etag = f'W/"{next(self._etags)}"'
        self._rows[table, row.partition_key, row.row_key] = replace(row, etag=etag)
        return etag
