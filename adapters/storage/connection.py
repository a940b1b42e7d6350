"""How the storage SDKs are reached: over requests, bounded in time, their failures in our own words.

Nothing of azure or requests is imported before the first call, because most visits meet a cold worker
and the first page of many needs no storage at all.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from adapters.deadline import seconds_left, within
from association.errors import StorageUnavailableError

if TYPE_CHECKING:
    import requests
    from azure.core.pipeline.transport import AsyncioRequestsTransport

CONNECTIONS = 32  # as many as the event loop's default executor has threads at most
ATTEMPTS = 2


class RowConflictError(Exception):
    """The row exists already, or has been changed since it was read: somebody else was first."""


class RowMissingError(RowConflictError):
    """The row, or its whole table, does not exist."""


class Connection:
    """One transport of the storage SDKs.

    `session` is the worker's requests session; without one, an own session is made and closed by `close`.
    `timeout` is how long one call may take in seconds, its one retry included, and no longer than the
    request at hand has left. `sleep` waits for seconds between two attempts.
    """

    def __init__(
        self,
        *,
        timeout: float,
        session: "requests.Session | None" = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._timeout = timeout
        self._given = session
        self._sleep = sleep
        self._own: requests.Session | None = None
        self._transport: AsyncioRequestsTransport | None = None

    def transport(self) -> "AsyncioRequestsTransport":
        """The transport, opened on first use."""
        if self._transport is None:
            from adapters.storage_transport import Transport

            _quiet_logger()
            self._transport = Transport(self._session(), self._timeout / ATTEMPTS, self._sleep)
        return self._transport

    @asynccontextmanager
    async def call(self) -> AsyncIterator[None]:
        """Around one call of an SDK: ends it in time and translates what it raises.

        Raises RowMissingError for 404, RowConflictError for 409 and 412, StorageUnavailableError for
        everything else, its detail naming status and class only: the SDK's messages may quote values.
        """
        from azure.core.exceptions import AzureError

        try:
            with within(self._timeout):
                async with asyncio.timeout(seconds_left()):
                    yield
        except (AzureError, OSError) as error:  # OSError: TimeoutError, and what requests raises in a body
            raise _translated(error) from error

    def close(self) -> None:
        """Closes the session if it is an own one; the next call opens another."""
        if self._own is not None:
            self._own.close()
        self._own = self._transport = None

    def _session(self) -> "requests.Session":
        if self._given is not None:
            return self._given
        from adapters.whole_answers import open_session

        self._own = open_session(CONNECTIONS)
        return self._own


def _translated(error: Exception) -> Exception:
    from azure.core.exceptions import ResourceExistsError

    status: Any = getattr(error, "status_code", None)
    if status == 404:
        return RowMissingError()
    # A queue that exists already is answered with 204, which the SDK turns into this error.
    if status in (409, 412) or isinstance(error, ResourceExistsError):
        return RowConflictError()
    return StorageUnavailableError(f"{type(error).__name__} status={status}")


def _quiet_logger() -> None:
    # At INFO the SDKs log every request with its address, and addresses hold keys (rule S5).
    logging.getLogger("azure").setLevel(logging.WARNING)
