"""Threads for calls that block, apart from those of the event loop: storage needs the latter, and a service
that hangs must not take them from it.
"""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """`most` threads at a time, started when they are first needed; further calls wait for one.

    A call whose waiter has gone is not begun any more. One that is under way goes on, so whatever it waits
    for has to end by itself.
    """

    def __init__(self, name: str, most: int) -> None:
        self._pool = ThreadPoolExecutor(most, thread_name_prefix=name)

    async def call(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """What `function` returns or raises in a thread, which sees the caller's context variables."""
        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: context.run(function, *arguments, **named))
