"""What is left of the time that a request, or one call within it, may take (rule R3)."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# In seconds of time.monotonic, which is the event loop's clock as well; tasks and their threads inherit it.
_ends: ContextVar[float] = ContextVar("ends", default=math.inf)
_asks_until: ContextVar[float] = ContextVar("asks_until", default=math.inf)


@contextmanager
def within(seconds: float, *, keeping: float = 0.0) -> Iterator[None]:
    """What is begun inside has `seconds`, and no more than what is around it still has.

    Microsoft is asked for no longer than until `keeping` seconds before: what came of it, even that nothing
    did, has still to be noted.
    """
    ends = time.monotonic() + seconds
    until, asks = _ends.set(min(_ends.get(), ends)), _asks_until.set(min(_asks_until.get(), ends - keeping))
    try:
        yield
    finally:
        _ends.reset(until)
        _asks_until.reset(asks)


def seconds_left(most: float = math.inf) -> float:
    """The seconds left, from 0 to `most`; `most` where nothing sets a time."""
    return max(0.0, min(most, _ends.get() - time.monotonic()))


def seconds_to_ask(most: float = math.inf) -> float:
    """As `seconds_left`, for what is asked of Microsoft."""
    return max(0.0, min(most, _asks_until.get() - time.monotonic()))
