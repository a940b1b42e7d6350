"""What OCTAVE, support, the background and people can do next, and what of it is drawn."""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from association.facts import Record
from association.purge import purge
from association.rows import TaskKind
from tests.memory import ORDER
from tests.model.browser import Browser
from tests.model.microsoft import FAULTS
from tests.model.people import (
    advance,
    click,
    come_back,
    end_session,
    go_on,
    new_link,
    twice,
    visit,
)
from tests.model.stage import Worker
from tests.model.storage import Message
from tests.model.world import World

VERBS = (
    "renew-link",
    "revoke-link",
    "resend-link",
    "close",
    "release-tenant",
    "waive-application",
    "erase-person",
)
FATAL = ("transact associations", "insert claims", "smtp", "send mail", "replace flows")
LOOKS = (TaskKind.ACCESS, TaskKind.APPLICATION)
COMPANIES = ("Boulangerie Alouette", "Garage Bergeronnette", "Atelier Cormoran", "Librairie Draille")


def order(world: World, number: int, *, is_complete: bool = True) -> dict[str, Any]:
    """Order `number`: 0 and 2 are one customer's, 1 another's with the same address, 3 of the other tenant,
    4 a customer's whose administrator is told later.
    """
    customer, tenant = ((0, 0), (1, 0), (0, 0), (2, 1), (3, 1))[number]
    body = {
        **ORDER,
        "order_number": f"CMD {world.number}-{number}",
        "customer_number": f"C-{world.number}-{customer}",
        "company_name": COMPANIES[customer],
        "administrator_email": f"{('marie', 'paul')[tenant]}@{world.domain(tenant)}",
        "partner": {**ORDER["partner"], "email": f"partner@{world.domain(7)}"},
    }
    if not is_complete:
        del body["administrator_email"]
    return body


def hand_in(world: World, body: dict[str, Any]) -> Worker:
    """OCTAVE hands in an order."""
    return Worker(f"order {body['order_number']}", partial(world.post_json, "/orders", body))


def deliver(world: World, message: Message, *, again: bool = False) -> Worker:
    """The host hands a message to the function."""
    task = message.task
    return Worker(f"{task.kind} {task.key}", partial(world.deliver, message, again=again))


def look_in_vain(world: World, chance: Random) -> Worker | None:
    """The background looks whether a consent has begun to work, and Microsoft fails it."""
    due = [each for each in world.tasks.due() if each.task.kind in LOOKS]
    if not due:
        return None
    fault = chance.choice(("unavailable", "unavailable", *sorted(FAULTS)))
    worker = deliver(world, due[0])

    async def act() -> None:
        world.microsoft.faults = [FAULTS[fault]()]
        await world.deliver(due[0], again=False)

    worker.act = act
    return worker


def support(world: World, chance: Random, about: list[Record] | None = None) -> Worker | None:
    """Support does something to an association."""
    if not world.records():
        return None
    record: Record = chance.choice(about or world.records())
    verb = chance.choice((*VERBS, *["waive-application"] * 3 * len(world.settings.applications)))
    body: dict[str, Any] = {"reason": "drawn"}
    if verb in ("renew-link", "revoke-link"):
        body["link"] = chance.choice(["association", "association", "share"])
    elif verb == "release-tenant":
        body["tenant_id"] = record.facts.tenant_id or world.tenant_id(0)
    elif verb == "waive-application":
        body["application"] = chance.choice([each.key for each in world.settings.applications] or ["contact"])
    elif verb == "erase-person":
        body["person"] = chance.choice(sorted(record.people))
    return support_does(world, record, verb, body)


def end_something(world: World, browser: Browser, chance: Random) -> Worker:
    """Support ends, or changes, what this browser is about."""
    record = world.history[browser.target][-1]
    verb = chance.choice(("revoke-link", "revoke-link", "close", "renew-link", "erase-person"))
    body: dict[str, Any] = {"reason": "drawn"}
    if verb == "erase-person":
        body["person"] = chance.choice(sorted(record.people))
    return support_does(world, record, verb, body)


def support_does(world: World, record: Record, verb: str, body: dict[str, Any]) -> Worker:
    """Support does `verb`."""
    uri = f"/support/associations/{record.facts.association_id}/{verb}"
    worker = Worker(
        f"support {verb} {body} of {record.facts.association_id[:6]}", partial(world.post_json, uri, body)
    )
    worker.notes["support"] = verb
    return worker


def night(world: World) -> Worker:
    """The nightly purge."""
    return Worker("purge", partial(purge, world.ports))


def octave(world: World, chance: Random) -> Worker:
    """OCTAVE hands in one of the orders, again or for the first time; the last one at first incomplete."""
    number = chance.choice([0, 1, 2, 3, 4, 4])
    return hand_in(world, order(world, number, is_complete=number != 4 or chance.choice([True, False])))


def background(world: World, chance: Random) -> Worker | None:
    """One of the visible messages, whichever; sometimes it is handed out again later."""
    due = world.tasks.due()
    if not due:
        return None
    return deliver(world, chance.choice(due[:6]), again=chance.choice([False, False, True]))


KINDS: tuple[tuple[int, Callable[[World, Random], Worker | None]], ...] = (
    (6, go_on),
    (5, come_back),
    (2, click),
    (1, visit),
    (3, background),
    (3, support),
    (2, octave),
    (1, end_session),
    (1, new_link),
)


def any_act(world: World, chance: Random) -> Worker:
    """One of all the things that can be done now, the likely ones more often."""
    kinds = [kind for weight, kind in KINDS for _ in range(weight)]
    while True:
        worker = chance.choice(kinds)(world, chance)
        if worker is not None:
            return worker


def pair(world: World, chance: Random) -> tuple[Worker, Worker]:
    """Two things that may well get in each other's way."""
    away = [browser for browser in world.browsers if browser.trips]
    due = world.tasks.due()
    drawn = chance.random()
    if drawn < 0.35 and away:
        browser = chance.choice(away)
        about = world.history.get(browser.target, [])[-1:]
        return advance(world, browser), support(world, chance, about) or any_act(world, chance)
    if drawn < 0.55 and len(away) > 1:
        one = chance.choice(away)
        others = [each for each in away if each is not one]
        return advance(world, one), advance(world, chance.choice(_about(one.target, others) or others))
    if drawn < 0.7 and away:
        browser = chance.choice(away)
        first, second = twice(world, browser, browser.trips[-1])
        first.yields_on = chance.choice(("replace flows", "replace flows", ""))
        return first, second
    if drawn < 0.8 and due:
        message = chance.choice(due)
        return deliver(world, message), deliver(world, message)
    if drawn < 0.9 and due:
        message = chance.choice(due)
        there = _about(message.task.association_id, world.browsers) or world.browsers
        return deliver(world, message), advance(world, chance.choice(there))
    return any_act(world, chance), any_act(world, chance)


def _about(association_id: str, browsers: list[Browser]) -> list[Browser]:
    return [browser for browser in browsers if browser.target == association_id]


def who_comes(world: World, association_id: str, chance: Random) -> str:
    """Mostly an administrator of the tenant that the order expects."""
    record = world.history[association_id][-1]
    is_other = record.person(record.facts.administrator).email.endswith(world.domain(1))
    usual = ["paul"] if is_other else ["anne", "second"]
    return chance.choice([*usual * 3, "anne", "paul", "colleague", "guest"])


def dying(worker: Worker, chance: Random) -> Worker:
    """The worker, which dies at one of its calls."""
    worker.after = chance.random() < 0.5
    if chance.random() < 0.5:
        worker.dies_at = chance.randint(1, 18)
    else:
        worker.dies_on = chance.choice(FATAL)
    return worker
