"""NCRONTAB: when a timer of the local host is due."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sandbox.host.configuration import timespan_seconds
from sandbox.host.ncrontab import parse_schedule

# A Friday.
NOW = datetime(2026, 11, 20, 10, 42, 7, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "due"),
    [
        pytest.param("* * * * * *", "2026-11-20T10:42:08", id="every second"),
        pytest.param("7 42 10 * * *", "2026-11-21T10:42:07", id="strictly after now"),
        pytest.param("0 */5 * * * *", "2026-11-20T10:45:00", id="every five minutes"),
        pytest.param("0 0 * * * *", "2026-11-20T11:00:00", id="hourly"),
        pytest.param("0 30 3 * * *", "2026-11-21T03:30:00", id="daily"),
        pytest.param("0 30 9 * * Mon-Fri", "2026-11-23T09:30:00", id="weekdays"),
        pytest.param("0 0 0 * * 0", "2026-11-22T00:00:00", id="Sunday"),
        pytest.param("0 0 0 1 jan,JUL *", "2027-01-01T00:00:00", id="names of months"),
        pytest.param("0 0 0 29 2 *", "2028-02-29T00:00:00", id="leap day"),
        pytest.param("5/20 10,50 8-12/2 * * *", "2026-11-20T10:50:05", id="lists, ranges, steps"),
        pytest.param("*/15 * * * *", "2026-11-20T10:45:00", id="five fields start at second 0"),
    ],
)
def test_the_next_run_is_the_first_moment_that_every_field_allows(expression: str, due: str) -> None:
    following = parse_schedule(expression).next_after(NOW)
    assert following is not None
    assert following.isoformat() == f"{due}+00:00"


def test_a_day_that_never_comes_has_no_next_run() -> None:
    assert parse_schedule("0 0 0 31 2 *").next_after(NOW) is None


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * *",
        "60 * * * * *",
        "* * 24 * * *",
        "0 0 0 0 * *",
        "a * * * * *",
        "*/0 * * * * *",
        "5-3 * * * * *",
    ],
)
def test_what_is_no_schedule_is_refused(expression: str) -> None:
    with pytest.raises(ValueError):
        parse_schedule(expression)


@pytest.mark.parametrize(
    ("text", "seconds"), [("00:00:10", 10), ("01:02:03.5", 3723.5), ("1.00:00:00", 86400)]
)
def test_a_timespan_is_read_as_dotnet_writes_it(text: str, seconds: float) -> None:
    assert timespan_seconds(text) == seconds
