"""Reads what a storm has left in the tables: all of it, straight from storage. Only the hints are looked up
through the product's own reader: what is stored of them can't be told from the address alone.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableClient

from adapters.storage.flows import ROW_KEY as FLOW
from association.keys import Keys
from association.ports import Lookups
from tests.storm.found import Partition, Row, rows_of

AT_ONCE = 8


def read_tables(connection_string: str) -> dict[str, Any]:
    """The fields of the judge's Evidence that are rows, or follow from rows alone."""
    associations: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in _rows(connection_string, "associations"):
        associations[row["PartitionKey"]][row["RowKey"]] = row
    limits: Counter[str] = Counter()
    for row in _rows(connection_string, "limits"):
        limits[row["RowKey"].rpartition(".")[2]] += row["count"]
    return {
        "associations": dict(associations),
        "claims": {row["PartitionKey"]: row for row in _rows(connection_string, "claims")},
        "flows": [row for row in _rows(connection_string, "flows") if row["RowKey"] == FLOW],
        "links": _rows(connection_string, "links"),
        "hint_rows": len(_rows(connection_string, "lookups")),
        "limits": limits,
    }


async def read_hints(
    lookups: Lookups, keys: Keys, associations: Mapping[str, Partition]
) -> dict[str, tuple[str, ...]]:
    """What `lookups` finds by each address that is recorded of anybody."""
    emails = {row["email"] for rows in associations.values() for row in rows_of(rows, "person")} - {""}
    room = asyncio.Semaphore(AT_ONCE)

    async def find(email: str) -> tuple[str, ...]:
        async with room:
            hint = keys.address_hints(email)[0]
            return await lookups.find("email", hint, limit=len(associations) + 1)

    return dict(zip(emails, await asyncio.gather(*map(find, emails)), strict=True))


def _rows(connection_string: str, table: str) -> list[Row]:
    with TableClient.from_connection_string(connection_string, table) as client:
        try:
            return [dict(row) for row in client.list_entities()]
        except ResourceNotFoundError:  # nothing was ever written to it
            return []
