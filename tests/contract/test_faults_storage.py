"""Each fault of table and queue storage through the proxies, as Microsoft's SDK without retries sees it.

And without a fault: nothing that is signed, sent or answered differs from what Azurite says itself.
"""

import socket
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar

import pytest
import requests
from azure.core.exceptions import AzureError, HttpResponseError
from azure.data.tables import TableClient
from azure.storage.queue import QueueClient

from sandbox.faults.listed import STORAGE, Part
from sandbox.faults.plan import Plan, faults_of
from sandbox.faults.storage import faulty_storage
from sandbox.storage import Storage, running_storage

PATIENCE = 0.4
NO_RETRY: dict[str, Any] = {"retry_total": 0, "connection_timeout": PATIENCE, "read_timeout": PATIENCE}
REFUSED = {
    "server_error": (500, "InternalError"),
    "operation_timed_out": (500, "OperationTimedOut"),
    "server_busy": (503, "ServerBusy"),
}
# Faults of which the work is done although the caller cannot know.
DONE = {"answer_lost", "truncated_body", "slow_drip"}
NOT_DONE = {"reset", "hang"}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan()


@pytest.fixture(scope="module")
def storages(plan: Plan) -> Iterator[tuple[Storage, Storage]]:
    """Azurite itself, and the same through the proxies."""
    with running_storage() as straight, faulty_storage(straight, plan) as through:
        yield straight, through


@pytest.fixture(autouse=True)
def nothing_left(plan: Plan) -> Iterator[None]:
    yield
    plan.clear()


@pytest.fixture(scope="module")
def table(storages: tuple[Storage, Storage]) -> Iterator[TableClient]:
    connection = storages[1].connection_string
    with TableClient.from_connection_string(connection, "things", **NO_RETRY) as client:
        client.create_table()
        yield client


@pytest.fixture(scope="module")
def queue(storages: tuple[Storage, Storage]) -> Iterator[QueueClient]:
    connection = storages[1].connection_string
    with QueueClient.from_connection_string(connection, "things", **NO_RETRY) as client:
        client.create_queue()
        yield client


@pytest.fixture
def writing(request: pytest.FixtureRequest) -> tuple[Part, Callable[[], object], Callable[[], bool]]:
    """A write of one part, and whether it was done."""
    unique = uuid.uuid4().hex
    if request.param is Part.STORAGE:
        table: TableClient = request.getfixturevalue("table")
        entity = {"PartitionKey": unique, "RowKey": "r"}
        return (
            Part.STORAGE,
            lambda: table.upsert_entity(entity),
            lambda: len(list(table.query_entities(f"PartitionKey eq '{unique}'"))) == 1,
        )
    queue: QueueClient = request.getfixturevalue("queue")
    return (
        Part.QUEUE,
        lambda: queue.send_message(unique),
        lambda: unique in {message.content for message in queue.peek_messages(32)},
    )


each_part = pytest.mark.parametrize("writing", sorted(STORAGE), indirect=True)
Writing = tuple[Part, Callable[[], object], Callable[[], bool]]


def test_the_tables_here_hold_every_fault_of_the_list() -> None:
    for part in STORAGE:
        assert {fault.name for fault in faults_of(part)} == {*REFUSED, *DONE, *NOT_DONE}


@each_part
@pytest.mark.parametrize("fault", REFUSED)
def test_a_refusal_is_told_as_the_service_tells_it_and_nothing_was_done(
    plan: Plan, writing: Writing, fault: str
) -> None:
    part, write, done = writing
    plan.add(part, fault, method="PATCH" if part is Part.STORAGE else "POST")
    with pytest.raises(HttpResponseError) as caught:
        write()
    assert (caught.value.status_code, caught.value.error_code) == REFUSED[fault]  # type: ignore[attr-defined]
    assert "RequestId:" in str(caught.value)
    assert not done()
    write()
    assert done()


@each_part
@pytest.mark.parametrize("fault", sorted(DONE | NOT_DONE))
def test_a_broken_exchange_is_over_with_the_call(plan: Plan, writing: Writing, fault: str) -> None:
    part, write, done = writing
    plan.add(part, fault)
    with pytest.raises(AzureError):
        write()
    assert done() is (fault in DONE)
    write()
    assert done()


@each_part
@pytest.mark.parametrize("fault", ["truncated_body", "slow_drip"])
def test_a_read_whose_body_never_ends_fails(plan: Plan, writing: Writing, fault: str) -> None:
    part, write, done = writing
    write()
    plan.add(part, fault, method="GET")
    with pytest.raises(AzureError):
        done()
    assert done()


def test_a_reset_is_a_reset(plan: Plan, storages: tuple[Storage, Storage]) -> None:
    plan.add("storage", "reset")
    with socket.create_connection(("127.0.0.1", storages[1].table_port)) as connection:
        connection.sendall(b"GET /devstoreaccount1/Tables HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_a_slow_drip_goes_on_as_long_as_somebody_reads(plan: Plan, storages: tuple[Storage, Storage]) -> None:
    plan.add("storage", "slow_drip", seconds=0.01)
    url = f"http://127.0.0.1:{storages[1].table_port}/devstoreaccount1/Tables"
    with requests.get(url, stream=True, timeout=PATIENCE) as answer:
        began = time.monotonic()
        assert len([*zip(answer.iter_content(1), range(20), strict=False)]) == 20
        assert time.monotonic() - began > 0.1


class _Hearing(BaseHTTPRequestHandler):
    """Notes requests as they arrive."""

    heard: ClassVar[list[tuple[str, str, dict[str, str], bytes]]] = []

    def do_MERGE(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.heard.append((self.command, self.path, dict(self.headers), body))
        self.send_response(204, "No Content At All")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def test_the_request_arrives_as_it_was_sent(plan: Plan) -> None:
    path = (
        "/devstoreaccount1/t(PartitionKey='%c3%a9%2F%27+a',RowKey='b%20c')?$filter=x%20eq%20'%3d'&timeout=3"
    )
    headers = {"Host": "somewhere.example:1", "Authorization": "SharedKey a:b=", "x-ms-date": "yesterday"}
    headers |= {"If-Match": "W/\"datetime'2026'\"", "x-ms-version": "2019-02-02", "Accept": "a/b;c=d"}
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hearing) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with faulty_storage(Storage(0, 0, server.server_port), plan) as through:
            connection = HTTPConnection("127.0.0.1", through.table_port, timeout=5)
            connection.putrequest("MERGE", path, skip_host=True, skip_accept_encoding=True)
            for name, value in {**headers, "Content-Length": "5"}.items():
                connection.putheader(name, value)
            connection.endheaders(b"\x00\xff{}\n")
            answer = connection.getresponse()
            connection.close()
        server.shutdown()
    assert (answer.status, answer.reason) == (204, "No Content At All")
    assert _Hearing.heard == [("MERGE", path, {**headers, "Content-Length": "5"}, b"\x00\xff{}\n")]


def lowered(headers: Mapping[str, str]) -> dict[str, object]:
    """Without what is of one connection or one answer only."""
    changing = {"x-ms-request-id", "date", "connection", "keep-alive", "content-length", "transfer-encoding"}
    return {name.lower(): value for name, value in headers.items() if name.lower() not in changing}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("GET", "/devstoreaccount1/Tables?$top=1&x=%2F%20+é", id="query as it was written"),
        pytest.param("GET", "/devstoreaccount1/things(PartitionKey='a%2Fb',RowKey='%27')", id="path"),
        pytest.param("POST", "/devstoreaccount1/Tables", id="refused body"),
        pytest.param("HEAD", "/devstoreaccount1/Tables", id="without body"),
    ],
)
def test_without_a_fault_the_answer_is_azurites_own(
    storages: tuple[Storage, Storage], method: str, path: str
) -> None:
    answers = [
        requests.request(
            method, f"http://127.0.0.1:{one.table_port}{path}", data=b"{", headers={"Host": "x"}, timeout=5
        )
        for one in storages
    ]
    straight, through = ({**lowered(answer.headers), "status": answer.status_code} for answer in answers)
    assert through == straight
    bodies = [answer.text.partition("RequestId")[0] for answer in answers]
    assert bodies[0] == bodies[1]


def test_transactions_continuations_and_etags_pass_unchanged(table: TableClient) -> None:
    partition = uuid.uuid4().hex
    rows = [
        {"PartitionKey": partition, "RowKey": f"é {number:03}/".replace("/", "'")} for number in range(100)
    ]
    etags = [outcome["etag"] for outcome in table.submit_transaction([("create", row) for row in rows])]
    pages = table.query_entities(f"PartitionKey eq '{partition}'", results_per_page=40).by_page()
    found = [row for page in pages for row in page]
    assert [row["RowKey"] for row in found] == [row["RowKey"] for row in rows]
    assert [row.metadata["etag"] for row in found] == etags
