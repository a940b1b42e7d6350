"""What is asked again of Microsoft, how often and when (rule R3): one policy for sign-in service and Graph.

https://learn.microsoft.com/graph/throttling and https://learn.microsoft.com/azure/architecture/best-practices/transient-faults
"""

import asyncio
import itertools
import math
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from adapters.deadline import seconds_to_ask
from association.answer import Answer
from association.dataclass import dataclass
from association.microsoft_errors import MicrosoftUnavailableError

T = TypeVar("T")

# How often each status is worth asking again. Microsoft's own defects (500) and what stands before its
# services (502) are told from a moment's overload once, not longer.
REPEATS = {429: 2, 500: 1, 502: 1, 503: 2, 504: 2}
# A connection that was reset, refused or closed before the answer was whole.
REPEATS_OF_CONNECTION = 1
# Nobody looks at a page that loads for longer; whoever is told a later time comes back by themselves.
LONGEST_WAIT_SECONDS = 15.0
# What an attempt needs at least to be worth waiting for.
LEAST_ATTEMPT_SECONDS = 1.0
BACK_OFF_SECONDS = 0.5
LONGEST_TOLD_SECONDS = 24 * 3600


class PassingError(MicrosoftUnavailableError):
    """A failure that may pass within seconds: what may be repeated is worth asking again `repeats` times."""

    def __init__(
        self, detail: str, *, repeats: int, answer: Answer = Answer.UNAVAILABLE, retry_after: int = 0
    ) -> None:
        super().__init__(detail, retry_after=retry_after, answer=answer)
        self.repeats = repeats


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How attempts are spaced: `sleep` waits for seconds, `jitter` gives numbers from 0 to 1."""

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random

    async def repeat(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """What `attempt` returns, asked again while its failure is a PassingError that allows it.

        Waits as long as Microsoft says, or twice as long each time with a jitter. When the time that is left
        has no room for it, the failure is raised at once, with `retry_after` as Microsoft told it.
        """
        for repeat in itertools.count():
            try:
                return await attempt()
            except PassingError as error:
                wait = error.retry_after or BACK_OFF_SECONDS * 2**repeat * (1 + self.jitter())
                if repeat >= error.repeats or not _fits(wait):
                    raise
                await self.sleep(wait)
        raise AssertionError("unreachable")


def unavailable(call: str, status: int, headers: Mapping[str, str]) -> MicrosoftUnavailableError | None:
    """The error that a status alone tells (429 and from 500 on), None for other statuses."""
    if status != 429 and status < 500:
        return None
    return PassingError(
        f"call={call} status={status} request_id={_request_id(headers)}",
        repeats=REPEATS.get(status, 0),
        answer=Answer.THROTTLED if status == 429 else Answer.UNAVAILABLE,
        retry_after=told_wait(headers),
    )


def told_wait(headers: Mapping[str, str]) -> int:
    """Seconds in Retry-After (RFC 9110 §10.2.3), given as such or as a date, which is held against the
    answer's own Date; 0 where it tells none.
    """
    told = headers.get("Retry-After", "").strip()
    if told.isascii() and told.isdigit():
        seconds = int(told[:9])
    else:
        until, answered = _moment(told), _moment(headers.get("Date", ""))
        seconds = math.ceil((until - answered).total_seconds()) if until and answered else 0
    return min(max(seconds, 0), LONGEST_TOLD_SECONDS)


def _request_id(headers: Mapping[str, str]) -> str:
    # Graph's name for it, and the sign-in service's
    return (headers.get("request-id") or headers.get("x-ms-request-id") or "")[:60]


def _fits(wait: float) -> bool:
    return wait <= LONGEST_WAIT_SECONDS and wait + LEAST_ATTEMPT_SECONDS <= seconds_to_ask()


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
