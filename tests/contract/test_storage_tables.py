"""Tables, rows and transactions on Azurite."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.storage.connection import RowConflictError, RowMissingError
from adapters.storage.entities import Row, to_properties, to_value
from adapters.storage.row_keys import escape
from adapters.storage.tables import Tables
from tests.storage_values import STORED_TYPES, texts, values

pytest_plugins = ["tests.azurite"]

TABLE = "rows"
# Each example asks for rows of its own, so the tables may be shared by them.
ON_AZURITE = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def row(unique: str, row_key: str = "r", etag: str = "", **properties: Any) -> Row:
    return Row(partition_key=unique, row_key=row_key, properties=properties, etag=etag)


async def keys(tables: Tables, partition_key: str, most: int | None = None) -> list[str]:
    return [row.row_key async for row in tables.query(TABLE, partition_key, most=most)]


async def fill(tables: Tables, partition_key: str, count: int) -> None:
    rows = [row(partition_key, f"{number:05}") for number in range(count)]
    for start in range(0, count, 100):
        await tables.transact(TABLE, [("insert", item) for item in rows[start : start + 100]])


async def test_what_is_read_from_a_missing_table_is_absent(tables: Tables, unique: str) -> None:
    table = f"t{unique}"
    assert await tables.get(table, "p", "r") is None
    assert [row async for row in tables.query(table, "p")] == []
    await tables.delete(table, row("p"))


@pytest.mark.parametrize(
    "write",
    [
        lambda tables, table: tables.insert(table, row("p")),
        lambda tables, table: tables.upsert(table, row("p")),
        lambda tables, table: tables.transact(table, [("insert", row("p"))]),
    ],
)
async def test_the_first_write_creates_the_table(
    tables: Tables, unique: str, write: Callable[[Tables, str], Any]
) -> None:
    await write(tables, f"t{unique}")
    assert await tables.get(f"t{unique}", "p", "r") is not None


async def test_racing_first_writes_all_succeed(tables: Tables, unique: str) -> None:
    await asyncio.gather(*(tables.insert(f"t{unique}", row("p", str(number))) for number in range(10)))
    assert len([row async for row in tables.query(f"t{unique}", "p")]) == 10


async def test_a_row_comes_back_under_the_etag_its_writing_returned(tables: Tables, unique: str) -> None:
    etag = await tables.insert(TABLE, row(unique, text="é"))
    assert await tables.get(TABLE, unique, "r") == row(unique, etag=etag, text="é")
    etag = await tables.replace(TABLE, row(unique, etag=etag, other=1))
    assert await tables.get(TABLE, unique, "r") == row(unique, etag=etag, other=1)
    etag = await tables.upsert(TABLE, row(unique, last=True))
    assert await tables.get(TABLE, unique, "r") == row(unique, etag=etag, last=True)


async def test_taken_keys_are_a_conflict_and_nothing_is_written(tables: Tables, unique: str) -> None:
    await tables.insert(TABLE, row(unique, text="first"))
    with pytest.raises(RowConflictError):
        await tables.insert(TABLE, row(unique, text="second"))
    found = await tables.get(TABLE, unique, "r")
    assert found and found.properties == {"text": "first"}


async def test_a_stale_etag_is_a_conflict_and_nothing_is_written(tables: Tables, unique: str) -> None:
    stale = await tables.insert(TABLE, row(unique, text="first"))
    await tables.replace(TABLE, row(unique, etag=stale, text="second"))
    for call in (tables.replace, tables.delete):
        with pytest.raises(RowConflictError):
            await call(TABLE, row(unique, etag=stale, text="third"))
    found = await tables.get(TABLE, unique, "r")
    assert found and found.properties == {"text": "second"}


async def test_replacing_a_missing_row_is_a_conflict(tables: Tables, unique: str) -> None:
    etag = await tables.insert(TABLE, row(unique))
    await tables.delete(TABLE, row(unique, etag=etag))
    for condition in (etag, ""):
        with pytest.raises(RowMissingError):
            await tables.replace(TABLE, row(unique, etag=condition))
    assert await tables.get(TABLE, unique, "r") is None


async def test_deleting_a_missing_row_is_no_error(tables: Tables, unique: str) -> None:
    await tables.upsert(TABLE, row(unique))
    await tables.delete(TABLE, row(unique))
    await tables.delete(TABLE, row(unique))
    assert await tables.get(TABLE, unique, "r") is None


async def test_a_transaction_does_all_of_it_and_returns_each_etag(tables: Tables, unique: str) -> None:
    etag = await tables.insert(TABLE, row(unique, "a", old=1))
    etags = await tables.transact(
        TABLE,
        [
            ("replace", row(unique, "a", etag=etag, new=1)),
            ("insert", row(unique, "b")),
            ("upsert", row(unique, "c")),
        ],
    )
    found = [row async for row in tables.query(TABLE, unique)]
    assert [(item.row_key, item.etag) for item in found] == list(zip("abc", etags, strict=True))
    assert found[0].properties == {"new": 1}


@pytest.mark.parametrize("last", ["taken", "stale", "missing"])
async def test_a_transaction_whose_last_operation_fails_does_nothing(
    tables: Tables, unique: str, last: str
) -> None:
    stale = await tables.insert(TABLE, row(unique, "kept", number=1))
    await tables.replace(TABLE, row(unique, "kept", etag=stale, number=2))
    operation: Any = {
        "taken": ("insert", row(unique, "kept", number=3)),
        "stale": ("replace", row(unique, "kept", etag=stale, number=3)),
        "missing": ("replace", row(unique, "absent")),
    }[last]
    with pytest.raises(RowConflictError):
        await tables.transact(
            TABLE, [("insert", row(unique, "new")), ("upsert", row(unique, "other")), operation]
        )
    assert [item.properties async for item in tables.query(TABLE, unique)] == [{"number": 2}]


async def test_a_partition_of_more_than_a_page_is_read_to_its_end(tables: Tables, unique: str) -> None:
    await fill(tables, unique, 1100)
    assert await keys(tables, unique) == [f"{number:05}" for number in range(1100)]
    assert len(await keys(tables, unique, most=1050)) == 1050
    assert await keys(tables, unique, most=2) == ["00000", "00001"]


async def test_a_query_sees_its_own_partition_only(tables: Tables, unique: str) -> None:
    for partition_key in (unique, f"{unique}0", unique[:-1], unique.upper()):
        await tables.insert(TABLE, row(partition_key, "own" if partition_key == unique else "other"))
    assert await keys(tables, unique) == ["own"]


@ON_AZURITE
@given(hostile=texts() | st.text(st.sampled_from("/\\#?%'\"+ &=:;,@é😀\x00\x7f\x85"), min_size=1))
async def test_a_row_under_an_escaped_key_is_found_under_it(
    tables: Tables, unique: str, hostile: str
) -> None:
    key = f"order.{escape(hostile)}"
    await tables.upsert(TABLE, row(unique, key, text=hostile))
    await tables.transact(TABLE, [("upsert", row(f"{unique}{key}", key, text=hostile))])
    for partition_key in (unique, f"{unique}{key}"):
        found = await tables.get(TABLE, partition_key, key)
        assert found and found.properties == {"text": hostile}
    assert await keys(tables, f"{unique}{key}") == [key]


@pytest.mark.parametrize("cls", STORED_TYPES)
@ON_AZURITE
@given(data=st.data())
async def test_every_stored_value_comes_back_equal_from_the_service(
    tables: Tables, unique: str, cls: type[Any], data: st.DataObject
) -> None:
    value = data.draw(values(cls))
    await tables.upsert(TABLE, row(unique, **to_properties(value)))
    found = await tables.get(TABLE, unique, "r")
    assert found
    read = to_value(cls, found)
    assert read == value
    moments = [getattr(read, name) for name in found.properties if isinstance(getattr(read, name), datetime)]
    assert {type(moment) for moment in moments} <= {datetime}


async def test_a_value_that_was_read_can_be_changed_and_written_again(tables: Tables, unique: str) -> None:
    first = datetime.fromisoformat("2026-11-20T10:42:00.123456+00:00")
    second = datetime.fromisoformat("2027-01-01T00:00:00+00:00")
    await tables.upsert(TABLE, row(unique, first=first, second=second, large=(2**40, "Edm.Int64")))
    found = await tables.get(TABLE, unique, "r")
    assert found
    await tables.replace(TABLE, found)
    again = await tables.get(TABLE, unique, "r")
    assert again and again.properties == found.properties
