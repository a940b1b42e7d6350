"""Each fault of table and queue storage and each of the adapter's operations, over real connections."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import requests

from adapters.deadline import within
from adapters.storage.associations import Associations
from adapters.storage.connection import ATTEMPTS
from adapters.storage.entities import Row
from adapters.storage.tables import Tables
from adapters.storage.tasks import Tasks
from association.errors import StorageUnavailableError
from association.facts import Change
from association.partition import Event, Mail, MailStatus
from association.rows import Task, TaskKind
from sandbox.faults.listed import Part
from sandbox.faults.plan import Plan, faults_of
from sandbox.faults.storage import faulty_storage
from sandbox.storage import Storage, running_storage
from tests.storage_values import NOW, facts

# An attempt has half of it, of which a busy machine may take much.
TIMEOUT = 2.0
SLACK = 1.0
ENDLESS = 50
TASK = Task(kind=TaskKind.MAIL, association_id="a")

pytest_plugins = ["tests.azurite"]

FAULTS = [fault.name for fault in faults_of(Part.STORAGE)]
OF_QUEUE = [fault.name for fault in faults_of(Part.QUEUE)]
# What the log says, and of a write whether it was done in spite of it.
EXPECTED = {
    "server_error": ("status=500", False),
    "operation_timed_out": ("status=500", False),
    "server_busy": ("status=503", False),
    "truncated_body": ("status=None", True),
    "reset": ("ServiceResponseError status=None", False),
    "answer_lost": ("ServiceResponseError status=None", True),
    "hang": ("status=None", False),
    "slow_drip": ("status=None", True),
}


@pytest.fixture(scope="module")
def faulty() -> Iterator[tuple[Storage, Plan]]:
    """Azurite as it is reached through what the plan disturbs."""
    plan = Plan()
    with running_storage() as straight, faulty_storage(straight, plan) as through:
        yield through, plan


@pytest.fixture
def plan(faulty: tuple[Storage, Plan]) -> Iterator[Plan]:
    yield faulty[1]
    faulty[1].clear()


@pytest.fixture
async def tables(faulty: tuple[Storage, Plan], plan: Plan) -> AsyncIterator[Tables]:
    # the first call of a process imports the SDK, and makes the table
    patient = Tables(faulty[0].connection_string, timeout=30)
    await patient.upsert("rows", Row(partition_key="p", row_key="r"))
    await patient.close()
    opened = Tables(faulty[0].connection_string, timeout=TIMEOUT)
    yield opened
    await opened.close()


@pytest.fixture
async def tasks(faulty: tuple[Storage, Plan], plan: Plan) -> AsyncIterator[Tasks]:
    patient = Tasks(faulty[0].connection_string, timeout=30)
    await patient.send(TASK)
    await patient.close()
    opened = Tasks(faulty[0].connection_string, timeout=TIMEOUT)
    yield opened
    await opened.close()


def count_of(plan: Plan, part: str, fault: str) -> int:
    return int(plan.as_json()["counts"].get(f"{part}.{fault}", 0))


async def get(tables: Tables, row: Row) -> Any:
    return await tables.get("rows", row.partition_key, row.row_key)


async def query(tables: Tables, row: Row) -> Any:
    return [each async for each in tables.query("rows", row.partition_key)]


async def insert(tables: Tables, row: Row) -> Any:
    return await tables.insert("rows", replace(row, row_key="inserted"))


async def upsert(tables: Tables, row: Row) -> Any:
    return await tables.upsert("rows", replace(row, row_key="inserted", etag=""))


async def replaced(tables: Tables, row: Row) -> Any:
    return await tables.replace("rows", replace(row, properties={"what": "changed"}))


async def delete(tables: Tables, row: Row) -> Any:
    await tables.delete("rows", row)
    return True


async def transact(tables: Tables, row: Row) -> Any:
    changed = replace(row, properties={"what": "changed"})
    return await tables.transact(
        "rows", [("replace", changed), ("insert", replace(row, row_key="inserted", etag=""))]
    )


Operation = Callable[[Tables, Row], Awaitable[Any]]
READS: tuple[Operation, ...] = (get, query)
WRITES: tuple[Operation, ...] = (insert, upsert, replaced, delete, transact)


async def fresh(tables: Tables, unique: str) -> Row:
    row = Row(partition_key=f"p{unique}", row_key="there", properties={"what": "sentinel"})
    return replace(row, etag=await tables.insert("rows", row))


def test_every_fault_of_the_list_is_expected_here() -> None:
    assert set(EXPECTED) == set(FAULTS) == set(OF_QUEUE)


@pytest.mark.parametrize("operation", READS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_read_is_asked_again_once_and_then_given_up_in_time(
    tables: Tables, plan: Plan, operation: Operation, fault: str, unique: str
) -> None:
    row = await fresh(tables, unique)
    plan.add("storage", fault, times=ENDLESS, path=row.partition_key, seconds=0.05)
    begun = time.monotonic()
    with pytest.raises(StorageUnavailableError) as caught:
        await operation(tables, row)
    assert time.monotonic() - begun < TIMEOUT + SLACK
    assert EXPECTED[fault][0] in caught.value.detail
    assert "sentinel" not in str(caught.value)
    assert count_of(plan, "storage", fault) == ATTEMPTS

    plan.clear()
    plan.add("storage", fault, path=row.partition_key, seconds=0.05)
    assert await operation(tables, row), "a fault that passes is not noticed"
    assert count_of(plan, "storage", fault) == 1


@pytest.mark.parametrize("operation", WRITES, ids=lambda each: each.__name__)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_write_is_never_repeated_and_done_once_or_not_at_all(
    tables: Tables, plan: Plan, operation: Operation, fault: str, unique: str
) -> None:
    row = await fresh(tables, unique)
    before = await query(tables, row)
    plan.add("storage", fault, times=ENDLESS, seconds=0.05)
    begun = time.monotonic()
    with pytest.raises(StorageUnavailableError) as caught:
        await operation(tables, row)
    assert time.monotonic() - begun < TIMEOUT + SLACK
    told, is_done = EXPECTED[fault]
    assert told in caught.value.detail
    assert "sentinel" not in str(caught.value)
    assert count_of(plan, "storage", fault) == 1

    plan.clear()
    assert (await query(tables, row) != before) is is_done
    if not is_done:
        assert await operation(tables, row)


class Timed(requests.Session):
    """Notes the seconds that each attempt may take."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def request(self, *arguments: Any, **named: Any) -> requests.Response:
        self.seconds.append(named["timeout"])
        return super().request(*arguments, **named)


@pytest.mark.parametrize("operation", (*READS, *WRITES), ids=lambda each: each.__name__)
async def test_what_is_tried_once_has_all_the_time_of_the_call(
    tables: Tables, faulty: tuple[Storage, Plan], operation: Operation, unique: str
) -> None:
    row = await fresh(tables, unique)
    with Timed() as timed:
        await operation(Tables(faulty[0].connection_string, timeout=TIMEOUT, session=timed), row)
    longest = TIMEOUT / (ATTEMPTS if operation in READS else 1)
    assert timed.seconds == [pytest.approx(longest, abs=0.2)]


@pytest.mark.parametrize("fault", OF_QUEUE)
async def test_a_message_is_sent_again_once_since_a_second_one_does_no_harm(
    tasks: Tasks, plan: Plan, fault: str
) -> None:
    plan.add("queue", fault, times=ENDLESS, method="POST", seconds=0.05)
    begun = time.monotonic()
    with pytest.raises(StorageUnavailableError) as caught:
        await tasks.send(TASK)
    assert time.monotonic() - begun < TIMEOUT + SLACK
    assert EXPECTED[fault][0] in caught.value.detail
    assert count_of(plan, "queue", fault) == ATTEMPTS

    plan.clear()
    plan.add("queue", fault, seconds=0.05)
    await tasks.send(TASK, timedelta(minutes=1))
    assert await tasks.poisoned() == 0


@pytest.mark.parametrize("fault", ["hang", "slow_drip"])
async def test_no_call_lasts_longer_than_the_request_has_left(
    tables: Tables, plan: Plan, unique: str, fault: str
) -> None:
    row = await fresh(tables, unique)
    plan.add("storage", fault, times=ENDLESS, seconds=0.05)
    begun = time.monotonic()
    with within(0.2), pytest.raises(StorageUnavailableError):
        await get(tables, row)
    assert time.monotonic() - begun < TIMEOUT / ATTEMPTS
    with within(0), pytest.raises(StorageUnavailableError):
        await get(tables, row)
    assert count_of(plan, "storage", fault) == 1


# What stands above: a commit and a lease whose answers are lost


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_commit_is_done_whole_or_not_at_all_and_trying_again_tells_which(
    tables: Tables, plan: Plan, fault: str, unique: str
) -> None:
    associations = Associations(tables)
    created = Change(facts=facts(unique), event=Event(what="created", at=NOW))
    before = await associations.commit(None, created)
    mail = Mail(key="invitation-1", kind="invitation", person=1, created_at=NOW)
    wanted = Change(facts=before.facts, event=Event(what="invited", at=NOW), mails=(mail,))
    plan.add("storage", fault, path="$batch", seconds=0.05)
    with pytest.raises(StorageUnavailableError):
        await associations.commit(before, wanted)
    record = await associations.read(unique)
    assert record
    is_done = EXPECTED[fault][1]
    assert [event.what for event in record.events] == ["created", "invited"][: 2 if is_done else 1]
    assert set(record.outbox) == ({"invitation-1"} if is_done else set())
    assert record.facts.version == record.events[-1].version == (2 if is_done else 1)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_lease_whose_answer_is_lost_ends_by_itself(
    tables: Tables, plan: Plan, fault: str, unique: str
) -> None:
    associations, later = Associations(tables), NOW + timedelta(minutes=3)
    mail = Mail(key="invitation-1", kind="invitation", person=1, created_at=NOW)
    await associations.commit(
        None, Change(facts=facts(unique), event=Event(what="created", at=NOW), mails=(mail,))
    )
    plan.add("storage", fault, method="PUT", seconds=0.05)
    with pytest.raises(StorageUnavailableError):
        await associations.lease_mail(unique, mail.key, now=NOW, until=later)
    is_done = EXPECTED[fault][1]
    at_once = await associations.lease_mail(unique, mail.key, now=NOW, until=later)
    assert (at_once is None) is is_done
    in_time = await associations.lease_mail(unique, mail.key, now=later, until=later + timedelta(minutes=3))
    assert in_time and in_time.status is MailStatus.SENDING
