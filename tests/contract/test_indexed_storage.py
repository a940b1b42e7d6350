"""Azurite that finds by index answers what Azurite answers: the same questions to both."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.data.tables import TableClient, UpdateMode
from azure.storage.queue import QueueClient

from sandbox.storage import running_storage

PARTITIONS = ("a", "a1", "b", "it's", "10", "9", "1e1", "é")
ROWS = ("facts", "event.0000000001", "event.0000000010", "1", "10", "9", "it's")


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[str, str]]:
    """The connection strings of a plain Azurite and of one with indices."""
    with running_storage() as plain, running_storage(indexed=True) as indexed:
        yield plain.connection_string, indexed.connection_string


@pytest.fixture(scope="module")
def tables(both: tuple[str, str]) -> Iterator[list[TableClient]]:
    """The same table in both."""
    with ExitStack() as stack:
        clients = [
            stack.enter_context(TableClient.from_connection_string(connection, "things"))
            for connection in both
        ]
        for client in clients:
            client.create_table()
            for number, partition in enumerate(PARTITIONS):
                # the other way round than they are asked for
                rows = [
                    {"PartitionKey": partition, "RowKey": row, "number": number} for row in reversed(ROWS)
                ]
                client.submit_transaction([("create", row) for row in rows])
        yield clients


def plain_rows(rows: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in rows]


@pytest.mark.parametrize(
    "wanted",
    [
        *(f"PartitionKey eq '{key.replace(chr(39), chr(39) * 2)}'" for key in (*PARTITIONS, "nobody", "")),
        "PartitionKey eq 'a' and RowKey eq '10'",
        "PartitionKey eq 'a' and RowKey gt 'event.0000000001'",
        "PartitionKey eq 'a' and RowKey ge '1' and RowKey lt 'f'",
        "(PartitionKey eq 'it''s') and (RowKey le 'it''s')",
        "PartitionKey eq 'a' and number eq 0",
        "PartitionKey eq 'a' or RowKey eq '10'",
        "PartitionKey eq 'a' and RowKey eq '10' or PartitionKey eq 'b'",
        "not (PartitionKey eq 'a')",
        "PartitionKey ne 'a'",
        "PartitionKey ge '9' and PartitionKey lt 'b'",
        "RowKey eq 'facts'",
        "number gt 3",
        "",
    ],
)
def test_a_query_finds_the_same_rows_in_the_same_order(tables: list[TableClient], wanted: str) -> None:
    plain, indexed = (plain_rows(table.query_entities(wanted)) for table in tables)
    assert indexed == plain


@pytest.mark.parametrize("wanted", ["PartitionKey eq 'a'", "PartitionKey eq 'a' and RowKey gt '10'", ""])
def test_pages_end_at_the_same_rows_and_their_tokens_lead_on(tables: list[TableClient], wanted: str) -> None:
    found: list[list[Any]] = [[], []]
    for told, table in zip(found, tables, strict=True):
        pages: Any = table.query_entities(wanted, results_per_page=3).by_page()
        for page in pages:
            rows = plain_rows(page)
            told.append((rows, pages.continuation_token))
    assert found[1] == found[0]
    assert len(found[0]) > 1


def outcome(act: Callable[[], Any]) -> Any:
    """What it returns, without what differs each time; the status of its refusal."""
    try:
        told = act()
    except HttpResponseError as error:
        return error.status_code
    return dict(told) if told and "PartitionKey" in told else None


@pytest.mark.parametrize("row", [*ROWS, "nothing"])
@pytest.mark.parametrize("partition", [*PARTITIONS, "nobody"])
def test_a_point_read_finds_the_same_row_or_none(tables: list[TableClient], partition: str, row: str) -> None:
    def read(table: TableClient) -> Any:
        return outcome(lambda: table.get_entity(partition, row))

    plain, indexed = map(read, tables)
    assert indexed == plain


def test_writes_are_done_or_refused_alike(tables: list[TableClient]) -> None:
    stale: dict[str, Any] = {"etag": 'W/"stale"', "match_condition": MatchConditions.IfNotModified}
    there, new = ({"PartitionKey": "written", "RowKey": key, "n": 1} for key in ("10", "9"))

    def written(table: TableClient) -> list[Any]:
        acts: list[Callable[[], Any]] = [
            lambda: table.create_entity(there),
            lambda: table.create_entity(there),
            lambda: table.update_entity(new, mode=UpdateMode.REPLACE),
            lambda: table.update_entity({**there, "n": 2}, mode=UpdateMode.REPLACE, **stale),
            lambda: table.update_entity({**there, "n": 3}, mode=UpdateMode.REPLACE),
            lambda: table.upsert_entity({**there, "m": 4}, mode=UpdateMode.MERGE),
            lambda: table.submit_transaction([("create", new), ("create", there)]),
            lambda: table.submit_transaction([("upsert", new), ("update", there)]),
            lambda: table.delete_entity("written", "10", **stale),
            lambda: table.delete_entity("written", "10"),
            lambda: table.delete_entity("written", "10"),
        ]
        told = [outcome(act) for act in acts]
        return [*told, *plain_rows(table.query_entities("PartitionKey eq 'written'"))]

    plain, indexed = (written(table) for table in tables)
    assert indexed == plain
    assert {409, 404, 412} <= {each for each in plain if isinstance(each, int)}


def test_a_queue_hands_out_its_own_messages_in_the_same_order(both: tuple[str, str]) -> None:
    found = []
    for connection in both:
        with (
            QueueClient.from_connection_string(connection, "these") as these,
            QueueClient.from_connection_string(connection, "those") as those,
        ):
            for queue in (these, those):
                queue.create_queue()
            for number in range(6):
                these.send_message(f"this {number}", visibility_timeout=3600 if number == 4 else 0)
                those.send_message(f"that {number}", time_to_live=-1)
            first, second, *_ = these.receive_messages(max_messages=3)
            these.delete_message(first)
            these.update_message(second, visibility_timeout=0, content="again")
            left = [message.content for message in these.receive_messages(max_messages=32)]
            count = these.get_queue_properties().approximate_message_count
            found.append((first.content, left, count, [each.content for each in those.peek_messages(32)]))
    assert found[1] == found[0]
    assert found[0][0] == "this 0"
