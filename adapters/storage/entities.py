"""Values as Table Storage rows and back, by the type hints of their dataclasses.

Types of the service: https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import field, fields
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

from association.dataclass import dataclass

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

INT32 = range(-(2**31), 2**31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: its two keys, its own properties, and the ETag it was read under ("" when new)."""

    partition_key: str
    row_key: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    etag: str = ""


def to_properties(value: "DataclassInstance", *, without: Collection[str] = ()) -> dict[str, Any]:
    """The fields of `value` as properties, leaving out those named in `without` and those that are None.

    Raises ValueError for a naive datetime, TypeError for a type that has no form in storage.
    """
    items = ((item.name, getattr(value, item.name)) for item in fields(value) if item.name not in without)
    return {name: _stored(item) for name, item in items if item is not None}


def to_value(cls: type[T], row: Row, **known: Any) -> T:
    """The `cls` that `row` holds; `known` are fields that stand elsewhere, such as an ETag.

    Properties unknown to `cls` are ignored and absent ones take their default, so that rows written by an
    older or newer version can be read. Raises TypeError when one without default is absent.
    """
    read = {
        name: _read(hint, row.properties[name])
        for name, hint in _hints(cls).items()
        if name in row.properties
    }
    return cls(**{**read, **known})


def _stored(item: Any) -> Any:
    match item:
        case StrEnum():
            return item.value
        case bool() | str():
            return item
        case int():
            return item if item in INT32 else (item, "Edm.Int64")
        case datetime():
            return _utc(item)
        case dict():
            return json.dumps(item, separators=(",", ":"), sort_keys=True)
    raise TypeError(f"no form in storage for {type(item).__name__}")


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a naive datetime names no moment")
    return moment.astimezone(UTC)


def _read(hint: type, stored: Any) -> Any:
    if hint is datetime:
        # The SDK answers with a subclass that remembers its text and would send that text again.
        return datetime.combine(stored.date(), stored.timetz())
    if hint is int:
        return stored[0] if isinstance(stored, tuple) else stored
    if get_origin(hint) is dict:
        return json.loads(stored)
    return hint(stored)


@cache
def _hints(cls: "type[DataclassInstance]") -> dict[str, type]:
    return {item.name: _without_none(item.type) for item in fields(cls)}


def _without_none(hint: Any) -> Any:
    if isinstance(hint, UnionType):
        (hint,) = (part for part in get_args(hint) if part is not type(None))
    return hint
