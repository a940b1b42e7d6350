"""Many journeys at once, from the order to the add-in file."""

import asyncio
import json
import time
from pathlib import Path

from sandbox.local_settings import FURTHER_APPLICATIONS
from tests.storm.browser import Seen, StormBrowser
from tests.storm.chance import chance
from tests.storm.judge import judge
from tests.storm.outcome import Outcome, unfinished, weather_figures
from tests.storm.person import Administrator, Customer, Everybody, customer
from tests.storm.weather import Options, Weather, running_weather


async def run_journeys(parts: dict[str, str], count: int, options: Options) -> Outcome:
    """`count` people, all of whom have begun before the first one ends, until the queue is empty."""
    applications = _list_applications(Path(parts["settings"]), 1)
    people: list[Everybody] = []
    async with running_weather(parts, options, lambda: bool(people) and people[0].has_time) as weather:
        everybody = _everybody(weather, count)
        people.append(everybody)
        seen = Seen(weather.origin)
        customers = _customers(count, options.seed)
        await weather.disturb()
        weather.start()
        began = time.monotonic()
        lives = [one.live() for one in _administrators(weather, everybody, seen, customers)]
        walks = [asyncio.create_task(life) for life in lives]
        try:
            await weather.until(
                lambda: all(walk.done() for walk in walks) or (everybody.has_time and weather.keeper.is_done)
            )
            ended = time.monotonic()
            await weather.until(lambda: weather.keeper.is_done)
        finally:
            for walk in walks:
                walk.cancel()
            ends = await asyncio.gather(*walks, return_exceptions=True)
        broken = [str(end) for end in ends if isinstance(end, Exception)]
        outcome = await _judged(weather, everybody, seen, customers, applications)
        outcome.wrong += [f"a person broke off: {error}" for error in broken]
        outcome.figures = {
            "journeys": count,
            "seconds until the last file": round(ended - began, 1),
            "seconds until the queue was empty": round(time.monotonic() - began, 1),
            "journeys per second": round(count / (ended - began), 2),
            **outcome.figures,
        }
        return outcome


def _list_applications(settings: Path, most: int) -> tuple[str, ...]:
    document = json.loads(settings.read_text(encoding="utf-8"))
    listed = json.dumps(FURTHER_APPLICATIONS[:most], ensure_ascii=False)
    document["Values"]["FURTHER_APPLICATIONS"] = listed
    settings.write_text(json.dumps(document), encoding="utf-8")
    return tuple(one["key"] for one in FURTHER_APPLICATIONS[:most])


def _everybody(weather: Weather, count: int) -> Everybody:
    return Everybody(
        client=weather.client,
        origin=weather.origin,
        control=weather.parts["control"],
        key={"x-functions-key": weather.settings["Host"]["FunctionKey"]},
        postman=weather.postman,
        total=count,
    )


def _customers(count: int, seed: int) -> list[Customer]:
    return [customer(f"s{seed}n{number}", chance(seed, number)) for number in range(count)]


def _administrators(
    weather: Weather, everybody: Everybody, seen: Seen, customers: list[Customer]
) -> list[Administrator]:
    def browser(number: int) -> StormBrowser:
        random = chance(weather.options.seed, number)
        return StormBrowser(weather.client, seen, random, weather.options.impatience)

    return [Administrator(everybody, one, browser(number)) for number, one in enumerate(customers)]


async def _judged(
    weather: Weather,
    everybody: Everybody,
    seen: Seen,
    customers: list[Customer],
    applications: tuple[str, ...],
) -> Outcome:
    found = await weather.evidence()
    wanted = [one.wanted(one.tenant["tenant_id"], applications) for one in customers]
    wrong = [*unfinished(weather, len(customers)), *judge(wanted, found), *everybody.stuck, *seen.bare]
    if everybody.done != everybody.total:
        wrong.append(f"{everybody.total - everybody.done} people have no file")
    unforeseen = sum(number for page, number in seen.errors.items() if page.startswith("500 "))
    if unforeseen:
        wrong.append(f"{unforeseen} pages about something unforeseen: see workers.log")
    return Outcome(
        wrong,
        {
            "requests": weather.balancer.requests,
            "requests whose worker died": weather.balancer.failures,
            "answers": dict(sorted(seen.statuses.items())),
            "error pages": dict(seen.errors.most_common()),
            "what people did again": dict(everybody.retries.most_common()),
            **weather_figures(weather, found),
        },
    )
