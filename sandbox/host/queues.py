"""Queue triggers: take messages from Azure Queue Storage, retry, move the hopeless to `<queue>-poison`.

https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger
Unlike Azure's, this listener never waits longer the longer a queue has been empty, so that tests are quick.
"""

from __future__ import annotations

import asyncio
import base64
import importlib
import logging
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from azure.functions.queue import QueueMessage

from sandbox.host.configuration import QueueOptions
from sandbox.host.indexing import IndexedFunction
from sandbox.host.invocation import Invoker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from azure.storage.queue import QueueMessage as StoredMessage
    from azure.storage.queue.aio import QueueClient

log = logging.getLogger("host.queue")
AFTER_ERROR_SECONDS = 1.0
# Azure's listener is another process: here importing its client must not compete with the first request.
START_DELAY_SECONDS = 0.3


class QueueListener:
    """Feeds one queue-triggered function."""

    def __init__(
        self, function: IndexedFunction, connection: str, options: QueueOptions, invoker: Invoker
    ) -> None:
        self._function = function
        self._queue_name = str(function.trigger["queueName"])
        self._connection = connection
        self._options = options
        self._invoker = invoker
        self._running: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Take and run messages until cancelled; then wait for those that run."""
        await asyncio.sleep(START_DELAY_SECONDS)
        try:
            await self._listen()
        except ValueError as error:
            log.error("listener_not_started function=%s reason=%s", self._function.name, error)  # noqa: TRY400

    async def _listen(self) -> None:
        async with (
            self._client(self._queue_name) as queue,
            self._client(f"{self._queue_name}-poison") as poison,
        ):
            try:
                while True:  # noqa: ASYNC110 - storage queues have no event to wait for
                    await asyncio.sleep(await self._take(queue, poison))
            finally:
                if self._running:
                    await asyncio.wait(self._running)

    async def _take(self, queue: QueueClient, poison: QueueClient) -> float:
        """Start one batch; how many seconds to wait before the next."""
        if len(self._running) > self._options.new_batch_threshold:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            return 0.0
        try:
            batch = await _receive(queue, self._options)
        except Exception as error:  # noqa: BLE001 - storage may be away for a while, the listener outlives it
            log.warning("storage_unreachable queue=%s error=%s", self._queue_name, type(error).__name__)
            return AFTER_ERROR_SECONDS
        for message in batch:
            task = asyncio.create_task(self._process(message, queue, poison))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return 0.0 if batch else self._options.idle

    async def _process(self, message: StoredMessage, queue: QueueClient, poison: QueueClient) -> None:
        try:
            async with _lease(queue, message, self._options.lease):
                done = await self._run(message)
            if done:
                await queue.delete_message(message)
            elif (message.dequeue_count or 0) >= self._options.max_dequeue_count:
                await self._move_to_poison(message, queue, poison)
            else:
                await queue.update_message(message, visibility_timeout=int(self._options.retry_delay))
        except Exception as error:  # noqa: BLE001 - the message comes back when its lease ends
            log.warning("message_not_settled queue=%s error=%s", self._queue_name, type(error).__name__)

    async def _run(self, message: StoredMessage) -> bool:
        if (message.dequeue_count or 0) > self._options.max_dequeue_count:
            return False
        try:
            await self._invoker.run(self._function, to_message(message, self._options.encoding))
        except Exception:  # noqa: BLE001 - logged by the invoker; a failure is a retry
            return False
        return True

    async def _move_to_poison(self, message: StoredMessage, queue: QueueClient, poison: QueueClient) -> None:
        await _create(poison)
        await poison.send_message(message.content, time_to_live=-1)
        await queue.delete_message(message)
        log.warning(
            "message_poisoned queue=%s-poison dequeue_count=%s", self._queue_name, message.dequeue_count
        )

    @asynccontextmanager
    async def _client(self, name: str) -> AsyncIterator[QueueClient]:
        await asyncio.to_thread(_import_storage)
        from azure.storage.queue.aio import QueueClient  # noqa: PLC0415 - 0.1 s, only for apps with queues

        quiet = logging.getLogger("host.queue.requests")
        quiet.setLevel(logging.WARNING)
        async with QueueClient.from_connection_string(self._connection, name, logger=quiet) as client:
            yield client


def to_message(stored: StoredMessage, encoding: str = "none") -> QueueMessage:
    """The stored message as the function sees it; `encoding` is host.json's messageEncoding.

    Raises:
        ValueError: a message that is not base64 where host.json says base64.
    """
    text = str(stored.content)
    return QueueMessage(
        id=stored.id,
        body=base64.b64decode(text, validate=True) if encoding == "base64" else text,
        dequeue_count=stored.dequeue_count,
        expiration_time=stored.expires_on,
        insertion_time=stored.inserted_on,
        time_next_visible=stored.next_visible_on,
        pop_receipt=stored.pop_receipt,
    )


async def _receive(queue: QueueClient, options: QueueOptions) -> list[StoredMessage]:
    from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415 - only for apps with queues

    size = options.batch_size
    pages = queue.receive_messages(
        messages_per_page=size, max_messages=size, visibility_timeout=options.lease
    )
    try:
        return [message async for message in pages]
    except ResourceNotFoundError:
        await _create(queue)
        return []


async def _create(queue: QueueClient) -> None:
    from azure.core.exceptions import ResourceExistsError  # noqa: PLC0415 - only for apps with queues

    with suppress(ResourceExistsError):
        await queue.create_queue()


@asynccontextmanager
async def _lease(queue: QueueClient, message: StoredMessage, seconds: int) -> AsyncIterator[None]:
    """Keep the message hidden while the block runs; its pop receipt follows each renewal."""

    async def renew() -> None:
        while True:
            await asyncio.sleep(seconds / 2)
            renewed: Any = await queue.update_message(message, visibility_timeout=seconds)
            message.pop_receipt = renewed.pop_receipt

    renewal = asyncio.create_task(renew())
    try:
        yield
    finally:
        renewal.cancel()
        await asyncio.wait({renewal})


def _import_storage() -> None:
    importlib.import_module("azure.storage.queue.aio")
