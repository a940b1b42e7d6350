"""What the histories tell after a storm: without gaps, nothing told twice that happened once, and every
return from Microsoft of a trip of its own.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from tests.storm.found import Evidence, Partition, Row, events, held, rows_of

# The event that each kind of trip to Microsoft may leave once.
TRIPS = {
    "sign_in": ("signed_in", "sign_in_refused"),
    "consent": ("consent_returned", "consent_refused"),
    "confirm": ("checked",),
    "application": ("application_returned", "application_refused"),
}
RETURNS = {"returned", *(what for names in TRIPS.values() for what in names)}
# No callback works longer, on a machine that has other things to do as well.
LONGEST = timedelta(minutes=3)


def histories(found: Evidence) -> Iterator[str]:
    """What the histories have lost, or tell twice."""
    flows: dict[str, list[Row]] = defaultdict(list)
    for flow in found.flows:
        flows[flow["association_id"]].append(flow)
    for identifier, facts, rows in held(found):
        told = events(rows)
        versions = [event["version"] for event in told]
        if versions != list(range(1, facts.get("version", 0) + 1)):
            yield f"association {identifier} has a history with gaps: {versions}"
        yield from _orders(identifier, rows, told)
        yield from _proofs(identifier, told)
        yield from _looks(identifier, told)
        yield from _returns(identifier, told)
        yield from _failures(identifier, told)
        yield from _trips(identifier, told, flows[identifier])
    yield from (f"flows of association {one}, which isn't there" for one in flows.keys() - found.associations)


def _orders(identifier: str, rows: Partition, told: list[Row]) -> Iterator[str]:
    """Each order is told once."""
    received = Counter(event["new"] for event in told if event["what"] == "order_received")
    if received != Counter(row["order_number"] for row in rows_of(rows, "order")):
        yield f"association {identifier} was told of the orders {dict(received)}"


def _proofs(identifier: str, told: list[Row]) -> Iterator[str]:
    """A proof is told once, and again only after a consent or a look that found nothing there."""
    proven: set[str] = set()
    for event in told:
        match event["what"]:
            case "consent_returned" if event["new"] != "access_proven":
                proven.discard("access")
            case "access_missing":
                proven.discard("access")
            case "application_returned" if event["new"] != "proven":
                proven.discard(event["old"])
            case "access_proven" | "application_proven":
                about = "access" if event["what"] == "access_proven" else event["new"]
                if about in proven:
                    yield f"association {identifier} tells twice that {about} is proven"
                proven.add(about)


def _looks(identifier: str, told: list[Row]) -> Iterator[str]:
    """The looks after one consent are numbered, and none of them is told twice."""
    seen: set[tuple[str, str]] = set()
    for event in told:
        if event["what"] in ("consent_returned", "application_returned"):
            seen.clear()
        elif event["what"] == "looked" and event["by"] == "service":
            look = (event["old"], event["new"])
            if look in seen:
                yield f"association {identifier} tells look {look} twice"
            seen.add(look)


def _returns(identifier: str, told: list[Row]) -> Iterator[str]:
    """Nobody returns from Microsoft who hasn't left since the return before."""
    is_away = False
    for event in told:
        if event["what"] == "left_for_microsoft":
            is_away = True
        elif event["what"] in RETURNS:
            if event["what"] == "returned" and not is_away:
                yield f"association {identifier}: version {event['version']} returns and had not left"
            is_away = False


def _failures(identifier: str, told: list[Row]) -> Iterator[str]:
    """Each failure has a reference of its own."""
    references = Counter(event["reference"] for event in told if event.get("reference"))
    if twice := sorted(reference for reference, times in references.items() if times > 1):
        yield f"association {identifier} tells failures twice: {twice}"


def _trips(identifier: str, told: list[Row], flows: list[Row]) -> Iterator[str]:
    """A trip is consumed once: each event of a return has a trip of its own that was being worked on then,
    and each trip that opened a session has an event.
    """
    for leg, names in TRIPS.items():
        returned = [event for event in told if event["what"] in names]
        trips = [flow for flow in flows if flow["leg"] == leg and flow["status"] != "open"]
        fitting = [[number for number, trip in enumerate(trips) if _fits(it, trip)] for it in returned]
        matched = _matched(fitting)
        if matched < len(returned):
            yield f"association {identifier}: {matched} of {len(returned)} {leg} events have their trip"
        opened = [number for number, trip in enumerate(trips) if _session(trip)]
        leaving = [[at for at, fits in enumerate(fitting) if number in fits] for number in opened]
        if (matched := _matched(leaving)) < len(opened):
            yield f"association {identifier}: {matched} of {len(opened)} sessions by {leg} have an event"


def _fits(event: Row, trip: Row) -> bool:
    """Whether the event can be of this trip: of its application, after it was taken and its session began."""
    if trip["leg"] == "application" and event.get("old") != trip.get("application"):
        return False
    session = _session(trip)
    began = datetime.fromtimestamp(session, UTC) if session else trip["consuming_since"]
    return bool(began <= event["at"] <= began + LONGEST)


def _session(trip: Row) -> float:
    """When the session began that the trip opened, in Unix seconds; 0 where it opened none."""
    session = json.loads(trip.get("outcome") or "{}").get("session")
    return float(session["started_at"]) if session else 0.0


def _matched(fitting: Sequence[Sequence[int]]) -> int:
    """How many of those on the left find a partner of their own on the right (Kuhn's augmenting paths)."""
    partner: dict[int, int] = {}

    def finds(one: int, tried: set[int]) -> bool:
        for other in fitting[one]:
            if other not in tried:
                tried.add(other)
                if other not in partner or finds(partner[other], tried):
                    partner[other] = one
                    return True
        return False

    return sum(finds(one, set()) for one in range(len(fitting)))
