"""The tables in memory answer what Azurite answers, through the adapter: the same operations on both."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from adapters.storage.connection import RowConflictError, RowMissingError
from adapters.storage.entities import Row
from adapters.storage.tables import Operation, Tables
from tests.model.rows import MemoryTables

pytest_plugins = ["tests.azurite"]

Storage = Tables | MemoryTables
Script = Callable[["Told"], Awaitable[None]]


class Told:
    """One storage, asked through a script; what it tells is noted, ETags by their order in each row."""

    def __init__(self, tables: Storage, table: str) -> None:
        self.tables = tables
        self.table = table
        self.etags: dict[tuple[str, str], list[str]] = {}
        self.noted: list[Any] = []

    async def do(self, kind: str, row: Row) -> str:
        """A write of one row; its ETag, "" if there is none."""
        etag = await self._unless_refused(getattr(self.tables, kind)(self.table, row))
        self.noted.append(etag and self._number(row, etag))
        return etag or ""

    async def transact(self, *operations: Operation) -> None:
        etags = await self._unless_refused(self.tables.transact(self.table, operations))
        rows = [row for _, row in operations]
        self.noted.append([self._number(*each) for each in zip(rows, etags or (), strict=False)])

    async def get(self, row: Row) -> None:
        self._note([await self.tables.get(self.table, row.partition_key, row.row_key)])

    async def query(self, partition_key: str, **limits: Any) -> None:
        self._note([row async for row in self.tables.query(self.table, partition_key, **limits)])

    async def between(self, lowest: str, below: str, most: int) -> None:
        self._note([row async for row in self.tables.between(self.table, lowest, below, most=most)])

    async def _unless_refused(self, asked: Awaitable[Any]) -> Any:
        try:
            return await asked
        except RowConflictError as error:
            self.noted.append(type(error).__name__)
            return None

    def _note(self, rows: list[Row | None]) -> None:
        self.noted.append(
            [
                row and (row.partition_key, row.row_key, dict(row.properties), self._number(row, row.etag))
                for row in rows
            ]
        )

    def _number(self, row: Row, etag: str) -> int:
        known = self.etags.setdefault((row.partition_key, row.row_key), [])
        if etag not in known:
            known.append(etag)
        return known.index(etag)


def row(row_key: str, partition_key: str = "p", etag: str = "", **properties: Any) -> Row:
    return Row(partition_key=partition_key, row_key=row_key, properties=properties, etag=etag)


async def writes_under_etags(it: Told) -> None:
    await it.get(row("a"))
    await it.do("replace", row("a"))
    first = await it.do("insert", row("a", what="one"))
    await it.do("insert", row("a", what="two"))
    second = await it.do("replace", row("a", etag=first, what="three"))
    await it.do("replace", row("a", etag=first, what="four"))
    await it.do("replace", row("a", what="whatever stands"))
    await it.do("upsert", row("a", what="five", more=1))
    await it.get(row("a"))
    await it.do("delete", row("a", etag=second))
    await it.do("delete", row("a"))
    await it.do("delete", row("a"))
    await it.do("replace", row("a", etag=second))
    await it.do("upsert", row("a", what="again"))
    await it.query("p")


async def transactions(it: Told) -> None:
    facts = await it.do("insert", row("facts", version=1))
    await it.transact(("replace", row("facts", etag=facts, version=2)), ("insert", row("event")))
    await it.query("p")
    await it.transact(("replace", row("facts", etag=facts, version=3)), ("insert", row("other")))
    await it.transact(("replace", row("facts", version=4)), ("insert", row("event")))
    await it.transact(("upsert", row("person")), ("replace", row("nobody")))
    await it.query("p")
    await it.transact(("upsert", row("person", name="x")), ("replace", row("facts", version=5)))
    await it.query("p")


async def queries(it: Told) -> None:
    await it.query("p")
    for partition_key in ("a", "a-1", "b", "c.1"):
        for number in (10, 9, 1, 100):
            await it.do("upsert", row(f"r.{number}", partition_key, number=number))
    for limits in ({}, {"most": 2}, {"after": "r.1"}, {"after": "r.10", "most": 1}, {"most": 100}):
        await it.query("a", **limits)
    for lowest, below, most in (("a", "b", 100), ("a", "c", 3), ("a-1", "c.2", 5), ("d", "e", 5)):
        await it.between(lowest, below, most)


async def pages(it: Told) -> None:
    for start in range(0, 1100, 100):
        rows = [row(f"r.{number:04}") for number in range(start, start + 100)]
        await it.transact(*(("insert", each) for each in rows))
    for limits in ({}, {"most": 1001}, {"after": "r.0050", "most": 1020}):
        await it.query("p", **limits)


@pytest.mark.parametrize("script", [writes_under_etags, transactions, queries, pages])
async def test_both_are_told_and_tell_the_same(tables: Tables, unique: str, script: Script) -> None:
    real, imitated = Told(tables, f"t{unique}"), Told(MemoryTables(), f"t{unique}")
    for each in (real, imitated):
        await script(each)
    assert imitated.noted == real.noted


async def test_a_missing_row_and_a_changed_one_are_told_apart(tables: Tables, unique: str) -> None:
    for each in (tables, MemoryTables()):
        with pytest.raises(RowMissingError):
            await each.replace(f"t{unique}", row("nobody", etag='W/"1"'))
        etag = await each.insert(f"t{unique}", row("r"))
        await each.upsert(f"t{unique}", row("r", what="changed"))
        with pytest.raises(RowConflictError) as caught:
            await each.replace(f"t{unique}", replace(row("r"), etag=etag))
        assert type(caught.value) is RowConflictError
