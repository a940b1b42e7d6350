"""Reads what a storm has left in the tables: all of it, straight from storage."""

from collections import defaultdict
from typing import Any

from azure.data.tables import TableClient

from tests.storm.judge import Row


def read_tables(connection_string: str) -> dict[str, Any]:
    """The fields `associations`, `claims` and `flows` of the judge's Evidence."""
    associations: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in _rows(connection_string, "associations"):
        associations[row["PartitionKey"]][row["RowKey"]] = row
    claims = {row["PartitionKey"]: row for row in _rows(connection_string, "claims")}
    flows = [row for row in _rows(connection_string, "flows") if row["RowKey"] == "flow"]
    return {"associations": dict(associations), "claims": claims, "flows": flows}


def _rows(connection_string: str, table: str) -> list[Row]:
    from azure.core.exceptions import ResourceNotFoundError

    with TableClient.from_connection_string(connection_string, table) as client:
        try:
            return [dict(row) for row in client.list_entities()]
        except ResourceNotFoundError:  # nothing was ever written to it
            return []
