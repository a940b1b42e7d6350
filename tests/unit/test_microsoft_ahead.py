"""Libraries imported before somebody waits for them: on the event loop, one by one."""

import asyncio
import importlib
import threading

import pytest

from adapters.microsoft import ahead


async def test_they_are_imported_one_by_one_on_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, bool]] = []
    between = 0

    def note(name: str) -> None:
        seen.append((name, threading.current_thread() is threading.main_thread()))

    monkeypatch.setattr(importlib, "import_module", note)
    monkeypatch.setattr(ahead, "BETWEEN_SECONDS", 0.0)
    ahead.import_later(0.0)
    assert seen == []
    while len(seen) < len(ahead.SIGN_IN) + len(ahead.GRAPH):
        before = len(seen)
        await asyncio.sleep(0)
        assert len(seen) - before <= 1
        between += 1
        assert between < 1000
    assert seen == [(name, True) for name in (*ahead.SIGN_IN, *ahead.GRAPH)]


async def test_one_that_cannot_be_imported_is_told_and_stops_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[dict[str, object]] = []
    monkeypatch.setattr(ahead, "SIGN_IN", ("no_such_library", "json"))
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    ahead.import_later(0.0)
    await asyncio.sleep(0.05)
    assert [type(context["exception"]) for context in told] == [ModuleNotFoundError]
