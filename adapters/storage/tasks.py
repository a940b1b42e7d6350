"""Queue `tasks`: what has to be looked at later.

Messages are JSON text without further encoding, as host.json's `messageEncoding` says:
https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue#host-json
"""

import json
import math
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from adapters.storage.connection import Connection, RowConflictError, RowMissingError
from association.rows import Task, TaskKind

if TYPE_CHECKING:
    import requests
    from azure.storage.queue.aio import QueueClient

LONGEST_DELAY = timedelta(days=7)
NEVER = -1  # a message may not become visible later than it expires, so it does not expire


class Tasks:
    """A queue behind a connection string, created when the first message finds it missing."""

    def __init__(
        self,
        connection_string: str,
        queue: str = "tasks",
        *,
        timeout: float,
        session: "requests.Session | None" = None,
    ) -> None:
        self._connection_string = connection_string
        self._queue = queue
        self._connection = Connection(timeout=timeout, session=session)
        self._client: QueueClient | None = None

    async def send(self, task: Task, delay: timedelta = timedelta(0)) -> None:
        """Sends a task that becomes visible after `delay`, in whole seconds, rounded up, 7 days at most.

        Raises ValueError for another delay, StorageUnavailableError when storage does not answer.
        """
        if not timedelta(0) <= delay <= LONGEST_DELAY:
            raise ValueError("a delay is between 0 and 7 days")
        text = json.dumps(asdict(task), separators=(",", ":"))
        seconds = math.ceil(delay.total_seconds())
        try:
            await self._send(text, seconds)
        except RowMissingError:
            await self._create()
            await self._send(text, seconds)

    async def poisoned(self) -> int:
        """About how many messages failed for good; the Functions host moves them to a queue of their own.

        Raises StorageUnavailableError.
        """
        try:
            async with self._connection.call():
                properties = await self._client_of(f"{self._queue}-poison").get_queue_properties()
        except RowMissingError:
            return 0
        return int(properties.approximate_message_count or 0)

    @staticmethod
    def parse(text: str) -> Task:
        """The task in a message's text; raises ValueError when it is none. Unknown fields are ignored."""
        try:
            message: dict[str, Any] = json.loads(text)
            return Task(
                kind=TaskKind(message["kind"]),
                association_id=str(message["association_id"]),
                key=str(message.get("key", "")),
                attempt=int(message.get("attempt", 0)),
            )
        except (LookupError, TypeError, AttributeError) as error:
            raise ValueError("a message that is no task") from error

    async def close(self) -> None:
        """Closes the own session; a session that was handed in stays open."""
        self._client = None
        self._connection.close()

    async def _send(self, text: str, seconds: int) -> None:
        async with self._connection.call():
            await self._open().send_message(text, visibility_timeout=seconds, time_to_live=NEVER)

    async def _create(self) -> None:
        try:
            async with self._connection.call():
                await self._open().create_queue()
        except RowConflictError:  # created by another worker
            return

    def _open(self) -> "QueueClient":
        if self._client is None:
            self._client = self._client_of(self._queue)
        return self._client

    def _client_of(self, queue: str) -> "QueueClient":
        from azure.storage.queue.aio import QueueClient

        # A message sent twice is harmless; the SDK's default pause before a retry is 15 seconds.
        return QueueClient.from_connection_string(
            self._connection_string,
            queue,
            transport=self._connection.transport(),
            retry_total=1,
            initial_backoff=0,
            increment_base=0,
            random_jitter_range=0,
        )
