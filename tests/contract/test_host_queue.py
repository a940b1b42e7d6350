"""Queue triggers of the local host, on Azurite: what is run, tried again, and moved to the poison queue."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient

from sandbox.running import running_host
from sandbox.storage import running_storage
from tests.contract.test_host_http import ask, write_app

APP = """
import json
import time
from pathlib import Path

import azure.functions as func

app = func.FunctionApp()
JOURNAL = Path(__file__).with_name("journal")


def note(entry):
    with JOURNAL.open("a", encoding="utf-8") as journal:
        journal.write(json.dumps(entry) + "\\n")


@app.queue_trigger(arg_name="message", queue_name="tasks", connection="Storage")
async def work(message: func.QueueMessage) -> None:
    text = message.get_body().decode()
    note({"text": text, "count": message.dequeue_count, "id": message.id})
    if text == "fails once" and message.dequeue_count == 1:
        raise RuntimeError
    if text == "always fails":
        raise RuntimeError


@app.queue_trigger(arg_name="message", queue_name="slow", connection="Storage")
def slow(message: func.QueueMessage) -> None:
    note({"text": "begun " + message.get_body().decode()})
    time.sleep(1.0)
    note({"text": message.get_body().decode()})


@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *")
def never(timer: func.TimerRequest) -> None:
    note({"text": "timer", "past_due": timer.past_due, "next": timer.schedule_status["Next"]})


@app.timer_trigger(arg_name="timer", schedule="%SCHEDULE%", run_on_startup=True)
async def at_start(timer: func.TimerRequest) -> None:
    note({"text": "started"})
"""
HOST = {
    "extensions": {
        "queues": {
            "maxDequeueCount": 3,
            "visibilityTimeout": "00:00:00",
            "batchSize": 4,
            "newBatchThreshold": 2,
            "messageEncoding": "none",
        }
    }
}


@dataclass
class Bench:
    folder: Path
    storage: str
    settings: Path
    clients: list[QueueClient] = field(default_factory=list)

    def queue(self, name: str) -> QueueClient:
        client = QueueClient.from_connection_string(self.storage, name)
        self.clients.append(client)
        return client

    def journal(self) -> list[dict[str, Any]]:
        file = self.folder / "journal"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return [json.loads(line) for line in lines]

    def logged(self, line: str) -> bool:
        """Wait until the host's log has this."""
        deadline = time.monotonic() + 10
        while line not in (self.folder / "host.log").read_text(encoding="utf-8"):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def entries(self, text: str, number: int = 1, seconds: float = 10.0) -> list[dict[str, Any]]:
        """Wait for `number` entries with this text."""
        deadline = time.monotonic() + seconds
        while True:
            found = [entry for entry in self.journal() if entry["text"] == text]
            if len(found) >= number or time.monotonic() > deadline:
                return found
            time.sleep(0.05)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with running_storage() as storage:
        settings = write_app(
            tmp_path,
            APP,
            {
                "Values": {"Storage": storage.connection_string, "SCHEDULE": "0 0 0 1 1 *"},
                "Host": {"LocalHttpPort": 0, "MasterKey": "master-key"},
            },
            HOST,
        )
        bench = Bench(tmp_path, storage.connection_string, settings)
        yield bench
        for client in bench.clients:
            client.close()


def sent(bench: Bench, name: str, *texts: str) -> QueueClient:
    queue = bench.queue(name)
    queue.create_queue()
    for text in texts:
        queue.send_message(text)
    return queue


def wait_until_empty(queue: QueueClient) -> bool:
    deadline = time.monotonic() + 10
    while queue.get_queue_properties().approximate_message_count:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_a_message_is_run_once_as_it_was_sent_and_deleted(bench: Bench) -> None:
    queue = sent(bench, "tasks", "<b> & é")
    with running_host(bench.settings, app=bench.folder):
        entries = bench.entries("<b> & é")
        assert wait_until_empty(queue)
    assert [entry["count"] for entry in entries] == [1]
    assert entries[0]["id"]


def test_a_missing_queue_is_created_and_heard_from_then_on(bench: Bench) -> None:
    with running_host(bench.settings, app=bench.folder):
        queue = bench.queue("tasks")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                queue.send_message("late")
                break
            except ResourceNotFoundError:
                time.sleep(0.05)
        assert bench.entries("late")


def test_an_idle_listener_takes_a_message_soon(bench: Bench) -> None:
    queue = sent(bench, "tasks", "first")
    with running_host(bench.settings, app=bench.folder):
        bench.entries("first")
        time.sleep(1.0)
        queue.send_message("second")
        started = time.monotonic()
        assert bench.entries("second")
        assert time.monotonic() - started < 2.0


def test_a_failed_message_comes_back_with_its_count(bench: Bench) -> None:
    queue = sent(bench, "tasks", "fails once")
    with running_host(bench.settings, app=bench.folder):
        entries = bench.entries("fails once", 2)
        assert wait_until_empty(queue)
    assert [entry["count"] for entry in entries] == [1, 2]


def test_a_message_that_always_fails_ends_in_the_poison_queue(bench: Bench) -> None:
    queue = sent(bench, "tasks", "always fails", "another")
    poison = sent(bench, "tasks-poison")
    with running_host(bench.settings, app=bench.folder):
        assert bench.entries("another")
        entries = bench.entries("always fails", 3)
        assert wait_until_empty(queue)
    assert [entry["count"] for entry in entries] == [1, 2, 3]
    assert [message.content for message in poison.receive_messages()] == ["always fails"]
    assert len(bench.entries("always fails", 3)) == 3


def test_a_stopped_host_finishes_what_runs_and_leaves_the_rest(bench: Bench) -> None:
    queue = sent(bench, "slow", *[f"slow {number}" for number in range(12)])
    with running_host(bench.settings, app=bench.folder):
        assert bench.logged("executed function=slow")
        while len([entry for entry in bench.journal() if entry["text"].startswith("begun")]) < 5:
            time.sleep(0.02)
    texts = {entry["text"] for entry in bench.journal()}
    done = {text for text in texts if text.startswith("slow")}
    assert {text.removeprefix("begun ") for text in texts if text.startswith("begun")} == done
    assert queue.get_queue_properties().approximate_message_count == 12 - len(done)
    assert 0 < len(done) < 12


def test_a_timer_runs_at_start_only_when_it_says_so(bench: Bench) -> None:
    with running_host(bench.settings, app=bench.folder):
        assert len(bench.entries("started")) == 1
        assert bench.entries("timer", seconds=0.5) == []


def test_the_master_key_runs_a_timer_or_queue_function_at_once(bench: Bench) -> None:
    master = {"x-functions-key": "master-key"}
    with running_host(bench.settings, app=bench.folder) as origin:
        port = int(origin.rpartition(":")[2])
        assert ask(port, "/admin/functions/never", "POST", b"{}").status == 401
        assert bench.entries("timer", seconds=0.3) == []
        assert ask(port, "/admin/functions/nobody", "POST", b"{}", master).status == 404
        assert ask(port, "/admin/functions/never", "POST", b"{}", master).status == 202
        assert ask(port, "/admin/functions/work", "POST", b'{"input": "by hand"}', master).status == 202
        assert bench.entries("timer")[0]["next"].endswith("-01-01T00:00:00+00:00")
        assert bench.entries("by hand")


def test_a_listener_without_its_connection_leaves_the_rest_running(bench: Bench) -> None:
    document = json.loads(bench.settings.read_text(encoding="utf-8"))
    document["Values"].pop("Storage")
    bench.settings.write_text(json.dumps(document), encoding="utf-8")
    with running_host(bench.settings, app=bench.folder):
        assert bench.entries("started")
        assert bench.logged("listener_not_started function=work")
        assert bench.logged("listener_not_started function=slow")
