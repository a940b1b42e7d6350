"""Medians and percentiles, and results as Markdown: one dataclass a row, one field a column."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of them (0 to 1) does not exceed: the nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def as_markdown(rows: Sequence["DataclassInstance"]) -> str:
    """A table of rows of one kind; the heads are the fields' names."""
    names = [field.name for field in fields(rows[0])]
    lines = [[name.replace("_", " ") for name in names], ["---"] * len(names)]
    lines += [[_shown(value) for value in asdict(row).values()] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return (
            f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
        )
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
