"""Many mails that are all due at once, and workers on one queue that die while they send them.

Every task is on the queue several times, as a queue may do that delivers at least once.
"""

import json
import time
from dataclasses import replace

from association.invite import receive_order
from association.order import parse_order
from association.rows import Task, TaskKind
from tests.storm.chance import chance
from tests.storm.found import Evidence
from tests.storm.judge import judge
from tests.storm.outcome import Outcome, unfinished, weather_figures
from tests.storm.person import Customer, customer
from tests.storm.weather import Options, Weather, running_weather

COPIES = 2
# One in so many addresses is refused for good.
REFUSED_EVERY = 25
REFUSED = "refused@"
# What the server's word is noted as, or ours where workers died at all the attempts that are made.
REASONS = ("554", "never_finished")


async def run_mails(parts: dict[str, str], count: int, options: Options) -> Outcome:
    """The invitations of `count` orders, until the queue is empty."""
    async with running_weather(parts, options, lambda: True) as weather:
        customers = [_customer(number, options.seed) for number in range(count)]
        await _hand_in(weather, customers)
        await weather.refuse("smtp", "refused", REFUSED)
        await weather.disturb()
        weather.start()
        began = time.monotonic()
        await weather.until(lambda: weather.keeper.is_done)
        seconds = time.monotonic() - began
        found = await weather.evidence()
        figures = {
            "mails due": count,
            "seconds until the queue was empty": round(seconds, 1),
            **weather_figures(weather, found),
        }
        wanted = [one.wanted() for one in customers]
        wrong = [*unfinished(weather, count), *judge(wanted, found), *_refusals(customers, found)]
        return Outcome(wrong, figures)


def _customer(number: int, seed: int) -> Customer:
    one = customer(f"s{seed}m{number}", chance(seed, number))
    if number % REFUSED_EVERY:
        return one
    return replace(one, order={**one.order, "administrator_email": one.account.replace("admin@", REFUSED)})


async def _hand_in(weather: Weather, customers: list[Customer]) -> None:
    """Straight through the verb, without faults, before anybody works."""
    ports = weather.product()
    for one in customers:
        record = await receive_order(ports, parse_order(json.loads(json.dumps(one.order))))
        for key in record.outbox:
            task = Task(kind=TaskKind.MAIL, association_id=record.facts.association_id, key=key)
            for _ in range(COPIES):
                await ports.tasks.send(task)


def _refusals(customers: list[Customer], found: Evidence) -> list[str]:
    """What nobody takes is given up with the server's reason, and nothing was accepted of it."""
    refused = {
        one.order["customer_number"] for one in customers if REFUSED in one.order["administrator_email"]
    }
    wrong = [f"a refused mail was accepted: {mail['to']}" for mail in found.mails if REFUSED in mail["to"]]
    for rows in found.associations.values():
        if rows["facts"]["customer_number"] in refused:
            mail = rows["outbox.invitation-1"]
            known = any(reason in mail.get("reason", "") for reason in REASONS)
            if mail["status"] != "failed" or not known:
                wrong.append(f"a refused mail is {mail['status']}: {mail.get('reason')}")
    return wrong
