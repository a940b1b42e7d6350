"""When to stop: Ctrl-C, SIGTERM, or the end of standard input."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set `stop` on Ctrl-C and SIGTERM."""
    loop = asyncio.get_running_loop()
    if sys.platform == "win32":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGBREAK):
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    else:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)


def stop_with_stdin(stop: asyncio.Event) -> None:
    """Set `stop` when standard input ends, which it does when the process that started us dies."""
    loop = asyncio.get_running_loop()

    def wait() -> None:
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait, daemon=True, name="stdin").start()
