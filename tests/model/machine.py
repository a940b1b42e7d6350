"""The journey as a state machine: whatever is drawn is done to the product, and all is judged after it."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from random import Random
from typing import ClassVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from association.errors import MailRefusedError
from association.rows import Leg, TaskKind
from tests.model import acts, people
from tests.model.browser import Browser
from tests.model.finish import ends_well, settles
from tests.model.flaws import flaw, heal, lack, nearly, spreads_slowly
from tests.model.ground import Ground
from tests.model.mails import note_deaths
from tests.model.microsoft import FAULTS
from tests.model.oracle import Watch
from tests.model.required import met, overdue
from tests.model.stage import Worker
from tests.model.standing import judge_world, unexpected
from tests.model.world import World

SPANS = (20, 20, 120, 120, 660, 960, 960, 1900, 32_400, 2_700_000)
# Not integers: hypothesis draws small ones again and again, and equal seeds make equal choices.
CHANCE = st.binary(min_size=8, max_size=8).map(Random)
YIELDING = ("transact associations", "transact associations", "replace flows", "replace associations")
FIRST_ORDERS = ((0,), (0, 1), (0, 1), (0, 3), (1, 3), (0, 4))


class Journey(RuleBasedStateMachine):
    """Customers, people, browsers, Microsoft, support, the queue and the clock, around the product.

    Each rule draws the seed of its choices: what shrinks is which rules there are.
    """

    ground: ClassVar[Ground]
    reached: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.world: World | None = None

    @initialize(chance=CHANCE)
    def begin(self, chance: Random) -> None:
        world = self.world = World(self.ground, chance.choice((0, 0, 1, 2)))
        Watch(world)
        self.in_place = world.in_place()
        self.in_place.__enter__()
        for number in chance.choice(FIRST_ORDERS):
            self._play(acts.hand_in(world, acts.order(world, number, is_complete=number != 4)))
        self._drain()
        links = [mail.association_id for mail in world.posted if mail.kind == "invitation"]
        for number, browser in enumerate(world.browsers):
            browser.target = links[number % len(links)]
            browser.person = acts.who_comes(world, browser.target, chance)
        for _ in range(chance.choice((0, 0, 1, 2))):
            flaw(world.microsoft, chance)
        if chance.random() < 0.3:
            spreads_slowly(chance.choice(list(world.microsoft.tenants.values())), chance)
        for browser in chance.sample(world.browsers, 2):
            if chance.random() < 0.35:
                lack(world.home_of(browser.person), browser.person, chance)
            self._goes_on(browser, chance.choice((0, 3, 5, 5, 6, 9)))

    @rule(chance=CHANCE)
    def somebody_acts(self, chance: Random) -> None:
        """One thing after another."""
        for _ in range(chance.randint(1, 3)):
            self._play(acts.any_act(self._there(), chance))

    @rule(chance=CHANCE)
    def somebody_goes_on(self, chance: Random) -> None:
        """One person goes some way."""
        self._goes_on(chance.choice(self._there().browsers), chance.randint(1, 12))

    @rule(chance=CHANCE)
    def a_worker_dies(self, chance: Random) -> None:
        """The process ends in the middle of a request or a message, and it is tried again, or not."""
        world = self._there()
        worker = (
            acts.any_act(world, chance)
            if chance.random() < 0.5
            else people.go_on(world, chance) or acts.any_act(world, chance)
        )
        self._play(acts.dying(worker, chance))

    @rule(chance=CHANCE)
    def two_act_at_once(self, chance: Random) -> None:
        """Two requests at once, their calls in any order; one of them may die."""
        world = self._there()
        one, other = acts.pair(world, chance)
        if chance.random() < 0.2:
            acts.dying(one, chance)
        elif chance.random() < 0.6:
            one.yields_on = one.yields_on or chance.choice(YIELDING)
        self._play(one, other, order=_order(chance))

    @rule(chance=CHANCE)
    def somebody_comes_through_the_last_door(self, chance: Random) -> None:
        """The leg that binds, during something else or after it."""
        world = self._there()
        browser = chance.choice(world.browsers)
        for _ in range(10):
            if browser.trips and browser.trips[-1].leg == Leg.CONFIRM:
                break
            self._play(people.advance(world, browser))
        if not browser.trips:
            return
        trip = browser.trips[-1]
        tenant = world.microsoft.tenants.get(trip.tenant)
        if tenant and chance.random() < 0.3:
            nearly(tenant, chance)
        arriving = people.willing(world, browser, trip)
        drawn, other = chance.random(), acts.end_something(world, browser, chance)
        if drawn < 0.25:
            self._play(people.end_session(world, chance) or other)
        elif drawn < 0.35:
            world.clock.advance(minutes=16)
        elif drawn < 0.8:
            arriving.yields_on = chance.choice(("", *YIELDING))
            self._play(arriving, other, order=_order(chance))
            return
        self._play(acts.dying(arriving, chance) if drawn > 0.9 else arriving)

    @rule(chance=CHANCE)
    def claims_settle_while_it_is_tried_again(self, chance: Random) -> None:
        """A worker dies; a quarter of an hour later the repeat meets the task that settles its claims."""
        world = self._there()
        number = chance.choice((1, 2, 3, 4, 4))
        browser = chance.choice([each for each in world.browsers if each.trips] or world.browsers)
        is_order = chance.random() < 0.5
        body = acts.order(world, number)
        first = acts.dying(acts.hand_in(world, body) if is_order else people.advance(world, browser), chance)
        if chance.random() < 0.5:
            first.dies_at, first.dies_on, first.after = 0, "transact associations", False
        self._play(first)
        world.clock.at += timedelta(seconds=chance.choice((880, 901, 960)))
        settling = [each for each in world.tasks.due() if each.task.kind is TaskKind.CLAIMS]
        again = acts.hand_in(world, body) if is_order else people.advance(world, browser)
        if settling and chance.random() < 0.6:
            # right between the claims and what they are for
            again.yields_on = "transact associations"
            self._play(again, *(acts.deliver(world, each) for each in settling))
        elif settling:
            self._play(again, acts.deliver(world, chance.choice(settling)), order=_order(chance))

    @rule(chance=CHANCE)
    def time_passes(self, chance: Random) -> None:
        """Seconds to a month, and at night the purge."""
        self._there().clock.at += timedelta(seconds=chance.choice(SPANS))
        if chance.random() < 0.1:
            self._play(acts.night(self._there()))

    @rule(chance=CHANCE)
    def the_queue_is_worked_off(self, chance: Random) -> None:
        """What is visible, oldest first; now and then the worker dies at the first, or Microsoft fails it."""
        due = self._there().tasks.due()
        looking = acts.look_in_vain(self._there(), chance)
        if looking and chance.random() < 0.5:
            self._play(looking)
        elif due and chance.random() < 0.3:
            self._play(acts.dying(acts.deliver(self._there(), due[0]), chance))
        self._drain(chance.randint(1, 3))

    @rule(chance=CHANCE)
    def microsoft_changes(self, chance: Random) -> None:
        """Consents, roles, licences, subscriptions come and go, or something fails once."""
        world = self._there()
        if chance.random() < 0.5:
            flaw(world.microsoft, chance)
        elif chance.random() < 0.4:
            world.microsoft.faults = [*[None] * chance.randint(0, 3), FAULTS[chance.choice(sorted(FAULTS))]()]
        elif chance.random() < 0.3:
            world.mail_faults.append(MailRefusedError("drawn"))
        else:
            for tenant in world.microsoft.tenants.values():
                heal(tenant)

    @invariant()
    def everything_holds(self) -> None:
        """Nothing is broken, at no time."""
        if self.world:
            self.world.broken += judge_world(self.world)
            assert not self.world.broken, self.world.broken

    def teardown(self) -> None:
        """Once everything works again, everything comes to its end."""
        if self.world is None:
            return
        try:
            if not self.world.broken:
                settles(self.world)
                ends_well(self.world)
                self.everything_holds()
            self.reached.update(event.what for record in self.world.records() for event in record.events)
            self.reached.update(f"mail {mail.kind}" for mail in self.world.posted)
        finally:
            self.in_place.__exit__(None, None, None)

    def _there(self) -> World:
        assert self.world
        return self.world

    def _goes_on(self, browser: Browser, moves: int) -> None:
        for _ in range(moves):
            if browser.pages and any(form.verb == "code" for form in browser.pages[-1].forms):
                # they wait for the mail with it
                self._drain(1)
            self._play(people.advance(self._there(), browser))
            if browser.is_at_an_end():
                return

    def _drain(self, rounds: int = 3) -> None:
        world = self._there()
        for _ in range(rounds):
            for message in world.tasks.due():
                self._play(acts.deliver(world, message))

    def _play(self, *workers: Worker, order: Iterable[int] = ()) -> None:
        world = self._there()
        note(" | ".join(f"{w.name} {w.dies_on or w.dies_at or ''}" for w in workers))
        world.play(*workers, order=tuple(order))
        note_deaths(world, workers)
        self.reached.update(f"died: {worker.name.split()[0]}" for worker in workers if worker.is_dead)
        self.reached.update(["at once"] if len(workers) > 1 else ["alone"])
        for worker in workers:
            is_plain = len(workers) == 1 and not worker.is_dead
            note(f"  {worker.name}: {len(worker.calls) if is_plain else worker.calls}")
        world.broken += unexpected(world, workers)
        if len(workers) == 1:
            world.broken += overdue(world, workers[0])
        self.reached.update(what for worker in workers for what in met(world, worker))


def _order(chance: Random) -> tuple[int, ...]:
    """Who is next: now and then the other one, after a few calls."""
    drawn: list[int] = []
    while len(drawn) < 30:
        drawn += [chance.randint(0, 1)] * chance.choice((1, 1, 2, 3, 5, 8))
    return tuple(drawn)
