"""Table `lookups`: hints that lead to associations, each to be checked against the facts."""

from adapters.storage.entities import Row
from adapters.storage.row_keys import digest, escape
from adapters.storage.tables import Tables

TABLE = "lookups"


class Lookups:
    """The look-ups; each call raises StorageUnavailableError when storage does not answer.

    `kind` and `key` are what is looked up (`domain`, `contoso.example`); the key is stored as its SHA-256.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def add(self, kind: str, key: str, association_id: str) -> None:
        """Adds a hint; one that is there already stays."""
        await self._tables.upsert(TABLE, _row(kind, key, association_id))

    async def find(self, kind: str, key: str, limit: int = 50, after: str = "") -> tuple[str, ...]:
        """The ids of up to `limit` associations, in the order of the ids, those that come after `after`."""
        rows = self._tables.query(TABLE, _partition_key(kind, key), most=limit, after=after)
        return tuple([row.row_key async for row in rows])

    async def remove(self, kind: str, key: str, association_id: str) -> None:
        """Removes a hint, if it is there."""
        await self._tables.delete(TABLE, _row(kind, key, association_id))


def _row(kind: str, key: str, association_id: str) -> Row:
    return Row(partition_key=_partition_key(kind, key), row_key=association_id)


def _partition_key(kind: str, key: str) -> str:
    return f"{escape(kind)}.{digest(key)}"
