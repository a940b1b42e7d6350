"""What is left of the time that a request, or one call within it, may take (rule R3)."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# In seconds of time.monotonic, which is the event loop's clock as well; tasks and their threads inherit it.
_ends: ContextVar[float] = ContextVar("ends", default=math.inf)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """What is begun inside has `seconds`, and no more than what is around it still has."""
    token = _ends.set(min(_ends.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _ends.reset(token)


def seconds_left(most: float = math.inf) -> float:
    """The seconds left, from 0 to `most`; `most` where nothing sets a time."""
    return max(0.0, min(most, _ends.get() - time.monotonic()))
