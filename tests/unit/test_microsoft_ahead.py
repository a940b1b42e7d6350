"""Libraries imported before somebody waits for them: on the event loop, one by one."""

import asyncio
import importlib
import threading

import pytest

from adapters.microsoft import ahead

NONE_SUCH = ("none_such_a", "none_such_b", "none_such_c")


async def test_they_are_imported_one_by_one_on_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, bool]] = []
    between = 0

    def note(name: str) -> None:
        seen.append((name, threading.current_thread() is threading.main_thread()))

    monkeypatch.setattr(importlib, "import_module", note)
    ahead.import_later(0.0, NONE_SUCH)
    assert seen == []
    while len(seen) < len(NONE_SUCH):
        before = len(seen)
        await asyncio.sleep(0)
        assert len(seen) - before <= 1
        between += 1
        assert between < 1000
    assert seen == [(name, True) for name in NONE_SUCH]


async def test_what_is_imported_already_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(importlib, "import_module", seen.append)
    ahead.import_later(0.0, ("json", "asyncio"))
    await asyncio.sleep(0.01)
    assert seen == []


async def test_one_that_cannot_be_imported_is_told_and_stops_the_rest() -> None:
    told: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    ahead.import_later(0.0, ("none_such_a", "none_such_b"))
    await asyncio.sleep(0.05)
    assert [getattr(context["exception"], "name", "") for context in told] == ["none_such_a"]
