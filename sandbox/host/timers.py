"""Timer triggers: run a function at the times of its NCRONTAB schedule (UTC).

https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

from azure.functions.timer import TimerRequest

from sandbox.host.indexing import IndexedFunction, IndexingError
from sandbox.host.invocation import Invoker
from sandbox.host.ncrontab import Schedule, parse_schedule

log = logging.getLogger("host.timer")


def schedule_of(function: IndexedFunction, values: Mapping[str, str]) -> Schedule:
    """The function's schedule; `%NAME%` is looked up in the settings.

    Raises:
        IndexingError: no setting of that name, or no NCRONTAB expression.
    """
    expression = str(function.trigger["schedule"])
    if expression.startswith("%") and expression.endswith("%"):
        expression = values.get(expression.strip("%"), "")
    try:
        return parse_schedule(expression)
    except ValueError as error:
        raise IndexingError(f"function {function.name} has no usable schedule: {error}") from error


async def run_on_schedule(function: IndexedFunction, schedule: Schedule, invoker: Invoker) -> None:
    """Run the function whenever it is due, until cancelled; one run at a time."""
    last: datetime | None = None
    if function.trigger.get("runOnStartup"):
        last = datetime.now(UTC)
        await _run(function, schedule, invoker, last)
    while (due := schedule.next_after(last or datetime.now(UTC))) is not None:
        while (wait := (due - datetime.now(UTC)).total_seconds()) > 0:  # noqa: ASYNC110 - a clock
            await asyncio.sleep(min(wait, 60))
        await _run(function, schedule, invoker, due)
        last = max(due, datetime.now(UTC))


async def _run(function: IndexedFunction, schedule: Schedule, invoker: Invoker, due: datetime) -> None:
    with suppress(Exception):  # logged by the invoker; the next run comes anyway
        await invoker.run(function, timer_request(schedule, due))


def timer_request(schedule: Schedule, due: datetime) -> TimerRequest:
    """What a timer-triggered function receives for the run that was due at `due`."""
    following = schedule.next_after(due)
    status = {
        "Last": due.isoformat(),
        "Next": following.isoformat() if following else "",
        "LastUpdated": datetime.now(UTC).isoformat(),
    }
    return TimerRequest(past_due=False, schedule_status=status, schedule={"AdjustForDST": True})
