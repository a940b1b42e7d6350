"""How the tables behave towards a service that answers as Azurite never does."""

import logging
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from functools import partial
from io import BytesIO
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from adapters.storage.entities import Row
from adapters.storage.tables import Tables
from adapters.storage.tasks import Tasks
from association.errors import StorageUnavailableError
from association.rows import Task, TaskKind

ADDRESS = "http://storage.invalid/account"
ROW = Row(partition_key="p", row_key="r", properties={"secret": "sentinel"})
Answer = tuple[int, dict[str, str], str]


class Script(HTTPAdapter):
    """Answers requests one after the other from a list, the last one for ever."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__()
        self.answers = list(answers)
        self.requests: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self.requests.append(request)
        status, headers, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        headers = {"Content-Type": "application/json", **headers}
        raw = HTTPResponse(BytesIO(body.encode()), headers, status, preload_content=False)
        return self.build_response(request, raw)


def connection_string(address: str) -> str:
    return f"AccountName=account;AccountKey=QQ==;TableEndpoint={address};QueueEndpoint={address}"


@pytest.fixture
async def scripted() -> AsyncIterator[Callable[..., tuple[Tables, Script]]]:
    opened: list[Tables] = []

    def build(*answers: Answer) -> tuple[Tables, Script]:
        script = Script(*answers)
        session = requests.Session()
        session.mount("http://", script)
        opened.append(Tables(connection_string(ADDRESS), timeout=5, session=session))
        return opened[-1], script

    yield build
    for tables in opened:
        await tables.close()


@pytest.fixture
def silent_address() -> Iterator[str]:
    """Where somebody listens who never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/account"


def page(next_row_key: str, *row_keys: str) -> Answer:
    token = {"NextPartitionKey": "p", "NextRowKey": next_row_key} if next_row_key else {}
    headers = {f"x-ms-continuation-{name}": value for name, value in token.items()}
    rows = ",".join(f'{{"PartitionKey":"p","RowKey":"{key}","odata.etag":"W/1"}}' for key in row_keys)
    return 200, headers, f'{{"value":[{rows}]}}'


async def test_a_query_goes_on_over_empty_and_short_pages(scripted: Any) -> None:
    tables, script = scripted(page("a"), page("b", "a"), page("c"), page("d"), page("", "d", "e"))
    assert [row.row_key async for row in tables.query("rows", "p")] == ["a", "d", "e"]
    assert ["NextRowKey=" in (request.url or "") for request in script.requests] == [False] + 4 * [True]


async def test_a_limited_query_goes_on_until_it_has_enough(scripted: Any) -> None:
    tables, script = scripted(page("a"), page("b", "a"), page("c", "b"), page("", "c"))
    assert [row.row_key async for row in tables.query("rows", "p", most=2)] == ["a", "b"]
    assert len(script.requests) == 3


async def test_a_limited_query_never_asks_for_more_than_a_page_may_hold(scripted: Any) -> None:
    tables, script = scripted(page("", "a"))
    assert [row.row_key async for row in tables.query("rows", "p", most=5000)] == ["a"]
    assert "top=1000" in script.requests[0].url


@pytest.mark.parametrize("status", [400, 401, 403, 500, 503])
async def test_any_failure_of_the_service_is_storage_unavailable(scripted: Any, status: int) -> None:
    tables, _ = scripted((status, {}, '{"odata.error":{"code":"Odd","message":{"value":"sentinel"}}}'))
    with pytest.raises(StorageUnavailableError, match=f"status={status}") as failure:
        await tables.get("rows", "p", "r")
    assert "sentinel" not in str(failure.value)


async def test_a_read_is_repeated_once(scripted: Any) -> None:
    tables, script = scripted((500, {}, ""), (200, {}, '{"PartitionKey":"p","RowKey":"r","odata.etag":"1"}'))
    assert await tables.get("rows", "p", "r") == Row(partition_key="p", row_key="r", etag="1")
    assert len(script.requests) == 2


async def test_a_write_that_may_have_been_done_is_not_repeated(scripted: Any) -> None:
    for write in ("insert", "upsert", "replace", "delete"):
        tables, script = scripted((500, {}, ""))
        with pytest.raises(StorageUnavailableError):
            await getattr(tables, write)("rows", ROW)
        assert len(script.requests) == 1, write


async def test_a_transaction_that_may_have_been_done_is_not_repeated(scripted: Any) -> None:
    tables, script = scripted((500, {}, ""))
    with pytest.raises(StorageUnavailableError):
        await tables.transact("rows", [("insert", ROW)])
    assert len(script.requests) == 1


@pytest.mark.parametrize("bad", [Row(partition_key="p/", row_key="r"), Row(partition_key="p", row_key="r%")])
async def test_what_the_service_would_refuse_is_never_sent(scripted: Any, bad: Row) -> None:
    tables, script = scripted((200, {}, ""))
    calls = [
        partial(tables.insert, "rows", bad),
        partial(tables.upsert, "rows", bad),
        partial(tables.replace, "rows", bad),
        partial(tables.delete, "rows", bad),
        partial(tables.get, "rows", bad.partition_key, bad.row_key),
        partial(tables.transact, "rows", [("insert", bad)]),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="a key has"):
            await call()
    assert script.requests == []


async def test_a_query_over_a_bad_partition_key_is_never_sent(scripted: Any) -> None:
    tables, script = scripted(page(""))
    with pytest.raises(ValueError, match="1 to 512"):
        [row async for row in tables.query("rows", "")]
    assert script.requests == []


async def test_a_service_that_does_not_answer_is_given_up_in_time(silent_address: str) -> None:
    tables = Tables(connection_string(silent_address), timeout=0.6)
    tasks = Tasks(connection_string(silent_address), timeout=0.6)
    calls = [
        tables.get("rows", "p", "r"),
        tables.insert("rows", ROW),
        anext(tables.query("rows", "p")),
        tables.transact("rows", [("insert", ROW)]),
        tasks.send(Task(kind=TaskKind.MAIL, association_id="a")),
    ]
    for call in calls:
        started = time.monotonic()
        with pytest.raises(StorageUnavailableError):
            await call
        assert time.monotonic() - started < 1.0
    await tables.close()
    await tasks.close()


async def test_nobody_listening_is_storage_unavailable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/account"
        tables, tasks = (
            Tables(connection_string(address), timeout=5),
            Tasks(connection_string(address), timeout=5),
        )
        with pytest.raises(StorageUnavailableError):
            await tables.get("rows", "p", "r")
        with pytest.raises(StorageUnavailableError):
            await tasks.send(Task(kind=TaskKind.MAIL, association_id="a"), timedelta(seconds=1))
        await tables.close()
        await tasks.close()


async def test_the_sdk_logs_no_addresses(scripted: Any, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("azure").setLevel(logging.NOTSET)
    caplog.set_level(logging.INFO)
    tables, _ = scripted((500, {}, "sentinel"))
    with pytest.raises(StorageUnavailableError):
        await tables.insert("rows", ROW)
    assert caplog.text == ""


async def test_a_session_that_was_handed_in_stays_open(
    scripted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables, script = scripted((404, {}, ""))
    closed: list[bool] = []
    monkeypatch.setattr(script, "close", lambda: closed.append(True))
    await tables.get("rows", "p", "r")
    await tables.close()
    assert closed == []
