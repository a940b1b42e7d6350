"""The storage SDKs' transport, each of whose attempts ends with the time of its call.

The SDK runs requests in the event loop's threads: they do not end because nobody waits for them any more, so
the time that is left goes with every attempt.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import requests
from azure.core.exceptions import HttpResponseError, ServiceResponseError
from azure.core.pipeline.transport import AsyncioRequestsTransport

from adapters.deadline import seconds_left


class Transport(AsyncioRequestsTransport):  # type: ignore[misc] # azure.core exports it without its type
    """Attempts of `longest` seconds at most over `session`, which stays open; `sleep` waits between two.

    A call that is tried once may take longer: the option `attempt_seconds` of the SDK's call says so.
    """

    def __init__(
        self, session: requests.Session, longest: float, sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        super().__init__(session=session, session_owner=False)
        self._longest = longest
        self._sleep = sleep

    async def sleep(self, duration: float) -> None:
        """Between two attempts of the SDK's retry policies."""
        await self._sleep(duration)

    async def send(self, request: Any, **options: Any) -> Any:
        """One attempt. Raises AzureError, and of what was not begun in time, too."""
        left = seconds_left(options.pop("attempt_seconds", self._longest))
        if not left:
            raise ServiceResponseError("no time left")
        try:
            return await super().send(request, **{**options, "connection_timeout": left})
        except HttpResponseError as error:
            # of an answer that broke off, and so without the response that the table client looks into
            raise ServiceResponseError("the answer broke off") from error
