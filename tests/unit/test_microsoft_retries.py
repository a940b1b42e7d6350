"""What is asked again of Microsoft and when, by a clock that nobody waits for."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from adapters.deadline import seconds_left, seconds_to_ask, within
from adapters.microsoft.retries import (
    BACK_OFF_SECONDS,
    LONGEST_TOLD_SECONDS,
    LONGEST_WAIT_SECONDS,
    REPEATS,
    PassingError,
    Retries,
    told_wait,
    unavailable,
)
from adapters.threads import Threads
from association.answer import Answer
from association.microsoft_errors import MicrosoftRefusedError, MicrosoftUnavailableError
from functions import services

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
LONG = int(LONGEST_WAIT_SECONDS)


class Attempts:
    """Fails as it is told, one error after the other, then succeeds; and records what was waited."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.made = 0
        self.waited: list[float] = []

    async def __call__(self) -> str:
        self.made += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)

    async def run(self, jitter: float = 0.0) -> str:
        return await Retries(sleep=self.sleep, jitter=lambda: jitter).repeat(self)


def passing(repeats: int = 2, retry_after: int = 0) -> PassingError:
    return PassingError("status=503", repeats=repeats, retry_after=retry_after)


async def test_what_goes_well_is_asked_once() -> None:
    attempts = Attempts()
    assert await attempts.run() == "done"
    assert (attempts.made, attempts.waited) == (1, [])


async def test_each_wait_is_twice_as_long_with_a_jitter() -> None:
    attempts = Attempts(passing(), passing())
    assert await attempts.run(jitter=0.5) == "done"
    assert attempts.waited == [BACK_OFF_SECONDS * 1.5, BACK_OFF_SECONDS * 3]


@pytest.mark.parametrize("repeats", [0, 1, 2])
async def test_a_failure_that_stays_is_raised_after_its_repeats(repeats: int) -> None:
    attempts = Attempts(*(passing(repeats) for _ in range(9)))
    with pytest.raises(PassingError):
        await attempts.run()
    assert attempts.made == 1 + repeats


async def test_the_last_failure_decides() -> None:
    attempts = Attempts(passing(2), passing(1), passing(0))
    with pytest.raises(PassingError):
        await attempts.run()
    assert attempts.made == 2


@pytest.mark.parametrize(
    "error", [MicrosoftUnavailableError("kind=Timeout"), MicrosoftRefusedError(Answer.DENIED), ValueError()]
)
async def test_nothing_else_is_asked_again(error: Exception) -> None:
    attempts = Attempts(error)
    with pytest.raises(type(error)):
        await attempts.run()
    assert attempts.made == 1


async def test_microsofts_time_is_kept() -> None:
    attempts = Attempts(passing(retry_after=LONG))
    assert await attempts.run(jitter=1.0) == "done"
    assert attempts.waited == [LONG]


@pytest.mark.parametrize(("told", "left"), [(LONG + 1, 1000.0), (5, 5.5), (0, 1.2), (5, 0.0)])
async def test_a_wait_that_does_not_fit_is_not_begun(told: int, left: float) -> None:
    attempts = Attempts(passing(retry_after=told))
    with within(left), pytest.raises(PassingError) as caught:
        await attempts.run()
    assert (attempts.made, attempts.waited, caught.value.retry_after) == (1, [], told)


async def test_a_wait_that_fits_is_begun() -> None:
    attempts = Attempts(passing(retry_after=5))
    with within(6.5):
        assert await attempts.run() == "done"


@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 404, 408, 428, 430, 499])
def test_a_status_that_says_something_is_no_trouble_of_microsofts(status: int) -> None:
    assert unavailable("x", status, {"Retry-After": "9"}) is None


@pytest.mark.parametrize("status", [429, 500, 501, 502, 503, 504, 509, 599])
def test_trouble_of_microsofts_may_be_asked_again_as_the_table_says(status: int) -> None:
    error = unavailable("graph", status, {"request-id": "r-1", "Retry-After": "9"})
    assert isinstance(error, PassingError)
    assert (error.repeats, error.retry_after) == (REPEATS.get(status, 0), 9)
    assert error.detail == f"call=graph status={status} request_id=r-1"
    assert error.values == {"answer": Answer.THROTTLED if status == 429 else Answer.UNAVAILABLE}


HERE = format_datetime(NOW, usegmt=True)
LATER = format_datetime(NOW + timedelta(seconds=30), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": " 7 "}, 7),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": LATER, "Date": HERE}, 30),
        ({"Retry-After": LATER}, 0),
        ({"Retry-After": LATER, "Date": format_datetime(NOW + timedelta(seconds=10), usegmt=True)}, 20),
        ({"Retry-After": LATER, "Date": "soon"}, 0),
        ({"Retry-After": HERE, "Date": LATER}, 0),
        ({"Retry-After": "Sat, 21 Nov 2026 10:00:30", "Date": HERE}, 30),
        ({"Retry-After": "999999999999"}, LONGEST_TOLD_SECONDS),
        ({"Retry-After": "Sat, 21 Nov 9999 10:00:00 GMT", "Date": HERE}, LONGEST_TOLD_SECONDS),
        *(
            ({"Retry-After": text, "Date": HERE}, 0)
            for text in ("-5", "1.5", "٣", "soon", "inf", "Sat, 99 Nov 2026", "1e3")
        ),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(headers: Mapping[str, str], seconds: int) -> None:
    assert told_wait(headers) == seconds


def test_what_is_left_is_never_more_than_around_it() -> None:
    assert seconds_left(5) == 5
    with within(100):
        with within(1):
            assert 0 < seconds_left() <= 1
            with within(50):
                assert 0 < seconds_left() <= 1
        assert 50 < seconds_left() <= 100
        assert seconds_left(5) == 5
    with within(-1):
        assert seconds_left(5) == 0
    assert seconds_left(5) == 5


def test_microsoft_is_not_asked_in_the_time_that_is_kept_for_noting() -> None:
    assert seconds_to_ask(5) == 5
    with within(10, keeping=4):
        assert 5 < seconds_to_ask() <= 6
        assert 9 < seconds_left() <= 10
        with within(100):
            assert 5 < seconds_to_ask() <= 6
        with within(3):
            assert 2 < seconds_to_ask() <= 3
    with within(2, keeping=4):
        assert (seconds_to_ask(), seconds_left() > 1) == (0, True)


async def test_a_wait_leaves_the_time_that_is_kept() -> None:
    attempts = Attempts(passing(retry_after=5))
    with within(9, keeping=4), pytest.raises(PassingError):
        await attempts.run()
    assert attempts.waited == []


async def test_a_thread_knows_what_is_left_to_its_caller() -> None:
    with within(5):
        assert await Threads("test", 1).call(seconds_left) <= 5


def test_a_requests_time_is_not_all_microsofts() -> None:
    with services.within(19):
        assert 14 < seconds_to_ask() <= 15
        assert 18 < seconds_left() <= 19
