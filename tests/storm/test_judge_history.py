"""The judge finds what a history has lost or tells twice."""

from datetime import timedelta
from typing import Any

import pytest

from tests.storm.example import Break, Found, rows, tell, trip, verdict


@pytest.mark.parametrize(
    "event",
    [
        {"what": "order_received", "new": "O-1"},
        {"what": "order_received", "new": "O-2"},
        {"what": "signed_in"},
        {"what": "consent_returned", "new": "access_proven"},
        {"what": "checked"},
        {"what": "application_returned", "old": "contact", "new": "proven"},
        {"what": "access_proven"},
        {"what": "application_proven", "new": "contact"},
        {"what": "returned", "old": "confirm"},
        {"what": "bound"},
        {"what": "mail_sent", "old": "associated-1"},
        {"what": "news", "old": "access", "new": "ready"},
    ],
    ids=lambda event: event["what"],
)
def test_it_finds_an_event_that_is_told_twice(event: dict[str, Any]) -> None:
    assert verdict(lambda it: tell(it, **event))


def test_what_happens_again_by_right_is_not_found() -> None:
    def again(it: Found) -> None:
        tell(it, what="left_for_microsoft", new="consent")
        tell(it, what="consent_returned", new="access_awaited")
        it["flows"].append({**trip("consent", 14, is_open=False), "is_retry": True})
        for number in ("1", "2"):
            tell(it, what="looked", by="service", old="access", new=number)
        tell(it, what="access_proven")
        tell(it, what="left_for_microsoft", new="confirm")
        tell(it, what="returned", old="confirm")
        for reference in ("F1", "F2"):
            tell(it, what="failed", reference=reference)

    assert verdict(again) == []


def _twice(**event: Any) -> Break:
    def broken(it: Found) -> None:
        tell(it, **event)
        tell(it, **event)

    return broken


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(_twice(what="looked", by="service", old="access", new="1"), id="a look"),
        pytest.param(_twice(what="failed", reference="F1"), id="a failure"),
    ],
)
def test_it_finds_a_pair(broken: Break) -> None:
    assert verdict(broken)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda it: rows(it).pop("event.0000000001"), id="an event is lost"),
        pytest.param(lambda it: rows(it)["event.0000000001"].update(version=9), id="a version twice"),
        pytest.param(lambda it: it["flows"].pop(0), id="a trip is told twice"),
        pytest.param(lambda it: it["flows"][0].update(status="open"), id="a trip is not consumed"),
        pytest.param(lambda it: it["flows"][3].update(application="books"), id="another application's"),
        pytest.param(lambda it: it["flows"].append(trip("confirm", 30)), id="a session nobody was told of"),
        pytest.param(
            lambda it: it["flows"].append({**trip("confirm", 7), "association_id": "a0"}), id="whose"
        ),
    ],
)
def test_it_finds_an_event_or_a_trip_that_is_lost(broken: Break) -> None:
    assert verdict(broken)


def test_a_trip_that_came_to_nothing_excuses_no_event_of_another_time() -> None:
    def broken(it: Found) -> None:
        it["flows"].append(trip("confirm", 10, is_open=False))
        tell(it, what="checked")
        rows(it)["event.0000000013"]["at"] += timedelta(minutes=10)

    assert any("confirm events" in line for line in verdict(broken))


def test_two_events_at_once_need_a_trip_each() -> None:
    def doubled(it: Found) -> None:
        tell(it, what="checked")
        rows(it)["event.0000000013"]["at"] = rows(it)["event.0000000010"]["at"]

    def repeated(it: Found) -> None:
        doubled(it)
        it["flows"].append(trip("confirm", 10, is_open=False))

    assert any("confirm events" in line for line in verdict(doubled))
    assert verdict(repeated) == []
