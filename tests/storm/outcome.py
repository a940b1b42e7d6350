"""What a storm came to."""

from collections import Counter
from dataclasses import dataclass, field

from tests.storm.found import Evidence
from tests.storm.struck import calm
from tests.storm.weather import Weather


@dataclass(slots=True)
class Outcome:
    """Everything that is wrong, in words, and figures to print in their order."""

    wrong: list[str] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)


def unfinished(weather: Weather, count: int) -> list[str]:
    """That something was still to be done when patience had ended; and which of the faults and deaths that
    were to come over `count` journeys or mails have not.
    """
    wrong = [] if weather.keeper.is_done else ["the queue is not empty, and patience has ended"]
    return wrong + calm(count, weather.options.faults, weather.struck, weather.crew.killed)


def weather_figures(weather: Weather, found: Evidence) -> dict[str, object]:
    """How bad it was, and what became of the mails."""
    times = Counter(mail["message_id"] for mail in found.mails)
    given_up = Counter(
        row["reason"]
        for rows in found.associations.values()
        for key, row in rows.items()
        if key.startswith("outbox.") and row["status"] == "failed"
    )
    return {
        "workers killed": weather.crew.killed,
        "workers that died": weather.crew.died,
        "faults": weather.struck.counts,
        "mails": len(times),
        "mails accepted more than once": sum(number > 1 for number in times.values()),
        "most acceptances of one mail": max(times.values(), default=0),
        "mails given up": dict(given_up.most_common()),
        "minutes that time was moved": round(weather.keeper.jumped_seconds / 60, 1),
    }
