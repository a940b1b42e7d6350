"""The tables of one storage account: point reads, partition queries, conditional writes, transactions.

Nothing scans: every query names its partition. https://learn.microsoft.com/rest/api/storageservices/table-service-rest-api
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from adapters.storage.connection import Connection, RowConflictError, RowMissingError
from adapters.storage.entities import Row
from adapters.storage.service_rules import check_key, check_row, check_transaction

if TYPE_CHECKING:
    import requests
    from azure.data.tables import TableEntity
    from azure.data.tables.aio import TableClient

T = TypeVar("T")
Kind = Literal["insert", "replace", "upsert"]
Operation = tuple[Kind, Row]

LARGEST_PAGE = 1000


class Tables:
    """The tables behind a connection string; a table is created when the first write finds it missing.

    Every method raises StorageUnavailableError when the service does not answer within `timeout` seconds
    or answers with a failure of its own, and ValueError, before any call, for what it would refuse.
    """

    def __init__(
        self,
        connection_string: str,
        *,
        timeout: float,
        session: "requests.Session | None" = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._connection_string = connection_string
        self._connection = Connection(timeout=timeout, session=session, sleep=sleep)
        self._clients: dict[str, TableClient] = {}
        # A write whose answer was lost may have been done: repeating it would lose a race against itself.
        # Only what never reached the service is sent again, by the session; whoever wrote reads before
        # writing once more.
        self._once: dict[str, Any] = {"retry_total": 0, "attempt_seconds": timeout}

    async def get(self, table: str, partition_key: str, row_key: str) -> Row | None:
        """The row under these keys, or None."""
        check_key(partition_key)
        check_key(row_key)
        try:
            async with self._connection.call():
                entity = await self._client(table).get_entity(partition_key, row_key)
        except RowMissingError:
            return None
        return _row(entity)

    async def query(
        self, table: str, partition_key: str, *, most: int | None = None, after: str = ""
    ) -> AsyncIterator[Row]:
        """The rows of one partition in the order of their row keys, `most` at most (None: all), those whose
        row key comes after `after`.

        Pages are asked for until there is no continuation token: the service may answer an empty page
        with one (https://learn.microsoft.com/rest/api/storageservices/query-timeout-and-pagination).
        """
        check_key(partition_key)
        wanted = "PartitionKey eq @key and RowKey gt @after" if after else "PartitionKey eq @key"
        parameters = {"key": partition_key, "after": after} if after else {"key": partition_key}
        async for row in self._rows(table, wanted, parameters, most):
            yield row

    async def between(self, table: str, lowest: str, below: str, *, most: int) -> AsyncIterator[Row]:
        """The first `most` rows of the partitions whose keys are `lowest` or higher, and lower than `below`:
        partitions that stand side by side, and nothing of the others.
        """
        check_key(lowest)
        check_key(below)
        wanted = "PartitionKey ge @lowest and PartitionKey lt @below"
        async for row in self._rows(table, wanted, {"lowest": lowest, "below": below}, most):
            yield row

    async def _rows(
        self, table: str, wanted: str, parameters: dict[str, str], most: int | None
    ) -> AsyncIterator[Row]:
        client = self._client(table)
        pages = client.query_entities(
            wanted,
            parameters=parameters,
            results_per_page=None if most is None else min(most, LARGEST_PAGE),
        ).by_page()
        left = most
        while left is None or left > 0:
            try:
                async with self._connection.call():
                    page = await anext(pages, None)
                    entities = None if page is None else [entity async for entity in page]
            except RowMissingError:  # no table yet
                return
            if entities is None:
                return
            for entity in entities[:left]:
                yield _row(entity)
            left = None if left is None else left - len(entities)

    async def insert(self, table: str, row: Row) -> str:
        """Writes a new row and returns its ETag; raises RowConflictError when the keys are taken."""
        check_row(row)

        async def write() -> str:
            async with self._connection.call():
                return _etag(await self._client(table).create_entity(_entity(row), **self._once))

        return await self._creating(table, write)

    async def upsert(self, table: str, row: Row) -> str:
        """Writes a row, whether or not there is one already, and returns its ETag."""
        check_row(row)

        async def write() -> str:
            async with self._connection.call():
                return _etag(
                    await self._client(table).upsert_entity(_entity(row), mode="replace", **self._once)
                )

        return await self._creating(table, write)

    async def replace(self, table: str, row: Row) -> str:
        """Writes a row over the one with `row.etag` (any, when that is "") and returns the new ETag.

        Raises RowConflictError when that one has been changed or deleted.
        """
        check_row(row)
        async with self._connection.call():
            client = self._client(table)
            return _etag(
                await client.update_entity(_entity(row), mode="replace", **_condition(row), **self._once)
            )

    async def delete(self, table: str, row: Row) -> None:
        """Deletes the row if it still has `row.etag` (any, when that is ""); a missing row is no error.

        Raises RowConflictError when it has been changed.
        """
        check_row(row)
        async with self._connection.call():
            await self._client(table).delete_entity(
                row.partition_key, row.row_key, **_condition(row), **self._once
            )

    async def transact(self, table: str, operations: Sequence[Operation]) -> list[str]:
        """Does all operations or none (one partition, 100 at most) and returns the ETag of each row.

        `replace` without an ETag asks only that the row exists. Raises RowConflictError when a row to
        insert exists, or one to replace is missing or changed.
        """
        check_transaction([row for _, row in operations])
        prepared = [_prepared(kind, row) for kind, row in operations]

        async def write() -> list[str]:
            async with self._connection.call():
                answers = await self._client(table).submit_transaction(prepared, **self._once)
                return [_etag(answer) for answer in answers]

        return await self._creating(table, write)

    async def close(self) -> None:
        """Closes the own session; a session that was handed in stays open."""
        self._clients.clear()
        self._connection.close()

    async def _creating(self, table: str, write: Callable[[], Awaitable[T]]) -> T:
        """What `write` returns, after creating the table if it is missing."""
        try:
            return await write()
        except RowMissingError:
            await self._create(table)
            return await write()

    async def _create(self, table: str) -> None:
        try:
            async with self._connection.call():
                await self._client(table).create_table()
        except RowConflictError:  # there already, or created by another worker
            return

    def _client(self, table: str) -> "TableClient":
        if table not in self._clients:
            from azure.data.tables.aio import TableClient

            self._clients[table] = TableClient.from_connection_string(
                self._connection_string,
                table,
                transport=self._connection.transport(),
                retry_total=1,
                retry_backoff_max=1,
            )
        return self._clients[table]


def _entity(row: Row) -> dict[str, Any]:
    return {"PartitionKey": row.partition_key, "RowKey": row.row_key, **row.properties}


def _prepared(kind: Kind, row: Row) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """An operation as the SDK takes it in a transaction."""
    match kind:
        case "insert":
            return "create", _entity(row), {}
        case "upsert":
            return "upsert", _entity(row), {"mode": "replace"}
        case "replace":
            return "update", _entity(row), {"mode": "replace", **_condition(row)}


def _condition(row: Row) -> dict[str, Any]:
    from azure.core import MatchConditions

    if not row.etag:
        return {"match_condition": MatchConditions.Unconditionally}
    return {"match_condition": MatchConditions.IfNotModified, "etag": row.etag}


def _etag(answer: Mapping[str, Any]) -> str:
    return str(answer["etag"])


def _row(entity: "TableEntity") -> Row:
    keys = ("PartitionKey", "RowKey")
    return Row(
        partition_key=entity["PartitionKey"],
        row_key=entity["RowKey"],
        properties={name: value for name, value in entity.items() if name not in keys},
        etag=entity.metadata["etag"] or "",
    )
