"""What Table Storage refuses and Azurite accepts, checked before the call.

https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model and
https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from adapters.storage.entities import Row

MIB = 1024 * 1024
MOST_OPERATIONS = 100
MOST_PROPERTIES = 252
LONGEST_KEY = 512
LONGEST_STRING = 32 * 1024
INT64 = range(-(2**63), 2**63)
EARLIEST = datetime(1601, 1, 1, tzinfo=UTC)

# Less than the service allows: what `row_keys.escape` writes, and the dot that joins the parts of a key.
_KEY = re.compile(rf"[A-Za-z0-9._-]{{1,{LONGEST_KEY}}}", re.ASCII)
_PROPERTY_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}", re.ASCII)
_SYSTEM_PROPERTIES = {"PartitionKey", "RowKey", "Timestamp"}


def check_row(row: Row) -> None:
    """Raises ValueError when the service would refuse `row`; says which rule, never which value."""
    check_key(row.partition_key)
    check_key(row.row_key)
    if len(row.properties) > MOST_PROPERTIES:
        raise ValueError(f"more than {MOST_PROPERTIES} properties")
    for name, value in row.properties.items():
        _check_name(name)
        _check_value(name, value)
    if _size(row) > MIB:
        raise ValueError("a row of more than 1 MiB")


def check_key(key: str) -> None:
    """Raises ValueError when `key` is no key: empty, too long, or with a character that must be escaped."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"a key has 1 to {LONGEST_KEY} letters, digits and . _ -")


def check_transaction(rows: Sequence[Row]) -> None:
    """Raises ValueError when the service would refuse to write `rows` as one entity-group transaction."""
    if not 1 <= len(rows) <= MOST_OPERATIONS:
        raise ValueError(f"a transaction has 1 to {MOST_OPERATIONS} operations")
    if len({row.partition_key for row in rows}) > 1:
        raise ValueError("a transaction over several partitions")
    if len({row.row_key for row in rows}) < len(rows):
        raise ValueError("a transaction that touches a row twice")
    for row in rows:
        check_row(row)
    if sum(_payload(row) for row in rows) > 4 * MIB:
        raise ValueError("a transaction of more than 4 MiB")


def _check_name(name: str) -> None:
    if not _PROPERTY_NAME.fullmatch(name) or name in _SYSTEM_PROPERTIES:
        raise ValueError("a name that properties may not have")


def _check_value(name: str, value: Any) -> None:
    match value:
        case str() if _utf16_units(value) > LONGEST_STRING:
            raise ValueError(f"{name} has more than {LONGEST_STRING} characters")
        case datetime() if value < EARLIEST:
            raise ValueError(f"{name} is before 1601")
        case (int(number), "Edm.Int64") if number not in INT64:
            raise ValueError(f"{name} needs more than 64 bits")


def _size(row: Row) -> int:
    """The size as the service counts it: 4 bytes, the keys, and 8 bytes, name and value of each property."""
    keys = len(row.partition_key) + len(row.row_key)
    return (
        4 + 2 * keys + sum(8 + 2 * len(name) + _value_size(value) for name, value in row.properties.items())
    )


def _value_size(value: Any) -> int:
    return 4 + 2 * _utf16_units(value) if isinstance(value, str) else 8


def _payload(row: Row) -> int:
    """No less than the bytes of one operation in the request: its JSON, type annotations and headers."""
    return len(_json(row.properties)) + 64 * len(row.properties) + 4 * LONGEST_KEY + 1024


def _json(properties: Mapping[str, Any]) -> bytes:
    return json.dumps(properties, default=str).encode()


def _utf16_units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
