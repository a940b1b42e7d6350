"""NCRONTAB expressions: {second} {minute} {hour} {day} {month} {day-of-week}, in UTC.

https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_RANGES = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_SEARCH_DAYS = 366 * 8 + 2


@dataclass(frozen=True, slots=True)
class Schedule:
    """The allowed values of each field; day of week counts from Sunday = 0."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    def next_after(self, moment: datetime) -> datetime | None:
        """The first time strictly after `moment` (same timezone), None if none within eight years."""
        start = moment.replace(microsecond=0) + timedelta(seconds=1)
        for offset in range(_SEARCH_DAYS):
            day = start.date() + timedelta(days=offset)
            if day.month in self.months and day.day in self.days and day.isoweekday() % 7 in self.weekdays:
                earliest = (start.hour, start.minute, start.second) if offset == 0 else (0, 0, 0)
                if clock := self._first_clock(earliest):
                    hour, minute, second = clock
                    midnight = datetime(day.year, day.month, day.day, tzinfo=moment.tzinfo)
                    return midnight.replace(hour=hour, minute=minute, second=second)
        return None

    def _first_clock(self, earliest: tuple[int, int, int]) -> tuple[int, int, int] | None:
        for hour in self.hours:
            for minute in self.minutes:
                if (hour, minute, 59) < earliest:
                    continue
                for second in self.seconds:
                    if (hour, minute, second) >= earliest:
                        return hour, minute, second
        return None


def parse_schedule(expression: str) -> Schedule:
    """Read six fields (five mean second 0).

    Raises:
        ValueError: no NCRONTAB expression.
    """
    fields = expression.split()
    if len(fields) == 5:
        fields.insert(0, "0")
    if len(fields) != 6:
        raise ValueError(f"{expression!r} has not six fields")
    names: tuple[list[str], ...] = ([], [], [], [], ["", *_MONTHS], _DAYS)
    values = [
        _values(text, *limits, known) for text, limits, known in zip(fields, _RANGES, names, strict=True)
    ]
    return Schedule(*values)


def _values(field: str, low: int, high: int, names: list[str]) -> tuple[int, ...]:
    found: set[int] = set()
    for item in field.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        start = low if first == "*" else _number(first, names)
        end = _number(last, names) if last else (high if first == "*" or step else start)
        if not low <= start <= end <= high or (step and int(step) < 1):
            raise ValueError(f"{item!r} is not within {low} to {high}")
        found.update(range(start, end + 1, int(step or 1)))
    return tuple(sorted(found))


def _number(text: str, names: list[str]) -> int:
    return names.index(text[:3].lower()) if text.isalpha() and names else int(text)
