"""The bench's arithmetic, and how its results are shown."""

from dataclasses import dataclass

import pytest

from bench.figures import as_markdown, median, percentile
from bench.support import KEYS
from functions.support import KEYS as IN_A_QUERY


@dataclass(frozen=True, slots=True)
class Row:
    what_it_is: str
    times: int
    spent_ms: float


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1.0), (0.5, 50.0), (0.95, 95.0), (0.99, 99.0), (1.0, 100.0)]
)
def test_a_percentile_is_the_value_that_so_many_do_not_exceed(share: float, expected: float) -> None:
    assert percentile([float(value) for value in range(100, 0, -1)], share) == expected


def test_one_value_is_every_percentile() -> None:
    assert [percentile([7.0], share) for share in (0.0, 0.5, 0.95, 1.0)] == [7.0] * 4


def test_a_median_stands_in_the_middle() -> None:
    assert median([9.0, 1.0, 2.0]) == 2.0


def test_results_are_a_markdown_table_with_as_many_digits_as_are_known() -> None:
    rows = [Row("first", 1200, 1234.56), Row("second", 3, 12.345), Row("third", 0, 1.234)]
    assert as_markdown(rows).splitlines() == [
        "| what it is | times | spent ms |",
        "| --- | --- | --- |",
        "| first | 1,200 | 1,235 |",
        "| second | 3 | 12.3 |",
        "| third | 0 | 1.23 |",
    ]


def test_every_key_that_support_may_ask_by_is_measured() -> None:
    assert set(KEYS) == {*IN_A_QUERY, "email"}
