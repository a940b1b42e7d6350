"""Run one function once: async handlers on the event loop, sync ones in the worker's thread pool."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import azure.functions as func

from sandbox.host.indexing import IndexedFunction

log = logging.getLogger("host")


@dataclass(frozen=True, slots=True)
class _Context:
    invocation_id: str
    function_name: str
    function_directory: str
    thread_local_storage: threading.local = field(default_factory=threading.local)
    trace_context: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(trace_parent="", trace_state="", attributes={})
    )
    retry_context: SimpleNamespace | None = None


# The worker's own context is registered the same way: handlers only ever see the abstract func.Context.
func.Context.register(_Context)


class Invoker:
    """Runs handlers and knows how many are running."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        wanted = environment.get("PYTHON_THREADPOOL_THREAD_COUNT")
        workers = int(wanted) if wanted else min(32, (os.cpu_count() or 1) + 4)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="function")
        self.running = 0

    async def run(self, function: IndexedFunction, value: Any) -> Any:
        """What the handler returns for the trigger's `value`; its exceptions are logged and raised again."""
        arguments = {function.argument: value}
        if function.wants_context:
            arguments["context"] = _Context(str(uuid4()), function.name, function.folder)
        self.running += 1
        started = time.perf_counter()
        try:
            result = await self._call(function, arguments)
        except Exception:
            log.exception("failed function=%s duration_ms=%d", function.name, _milliseconds(started))
            raise
        finally:
            self.running -= 1
        log.info("executed function=%s duration_ms=%d", function.name, _milliseconds(started))
        return result

    async def _call(self, function: IndexedFunction, arguments: dict[str, Any]) -> Any:
        if inspect.iscoroutinefunction(function.handler):
            return await function.handler(**arguments)
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, lambda: function.handler(**arguments)
        )

    def close(self) -> None:
        """Start no further sync handler."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _milliseconds(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)
