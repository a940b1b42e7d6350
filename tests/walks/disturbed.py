"""The steps of a journey at which a fault can strike, each repeatable, and what has to hold whatever strikes.

A step is first approached, up to what is to be disturbed, and then taken.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sandbox.faults.listed import MICROSOFT, Part
from tests.walks.browser import Page, tells
from tests.walks.people import Person
from tests.walks.world import Customer, World

# design: one deadline of 20 s for every request; a second for the way there and back
DEADLINE_SECONDS = 21.0
# For the background to see what it could not while Microsoft failed.
PATIENCE_SECONDS = 60.0
FAILURES = ("microsoft_unavailable", "storage_unavailable", "microsoft_refused")
# What Microsoft's answers may come to while it fails.
ANSWERS = ("throttled", "unavailable")
# Facts that are only ever added on the way that these steps go.
MARKS = ("tenant_id", "accepted_by", "consented_at", "access_proven_at", "bound_at", "link_number")
# Where a row says that access has been seen to work: the tenant's, a further application's.
PROOFS = ("access_proven_at", "proven_at")
# More calls than any step makes, retries included.
CALLS = 100


@dataclass(slots=True)
class Stand:
    """A customer of its own, the order with the answer to it, and whoever stands in front of `page`."""

    world: World
    customer: Customer
    order: dict[str, Any]
    person: Person
    page: Page | None = None
    took: list[float] = field(default_factory=list)

    @property
    def association_id(self) -> str:
        return str(self.order["association_id"])

    @property
    def address(self) -> str:
        return f"{self.world.host}/a/{self.order['reference']}"

    def shown(self) -> Page:
        """The association's page as it is now."""
        return self.person.browser.open(self.address)

    def rows(self) -> dict[str, dict[str, Any]]:
        return {row["RowKey"]: row for row in self.world.rows("associations", self.association_id)}

    def told(self, event: str) -> int:
        """How often the history tells of it."""
        return [row.get("what") for row in self.rows().values()].count(event)

    def one(self, url: str, method: str = "GET", fields: dict[str, str] | None = None) -> Page:
        """One request of the browser's, without following; a redirect's Location stands in `text`."""
        began = time.monotonic()
        headers = {"Origin": self.world.host} if method == "POST" else {"Sec-Fetch-Site": "cross-site"}
        answer = self.person.browser.hold(url, method, fields, **headers)
        self.took.append(time.monotonic() - began)
        text = answer.headers.get("Location") or answer.text
        known = {name.lower(): value for name, value in answer.headers.items()}
        return Page(url, answer.status_code, text, known, answer.content)

    def press(self, form: dict[str, str]) -> Page:
        """Press the button of a form as `Page.form` tells it; stop at the answer."""
        fields = dict(form)
        return self.one(fields.pop(""), "POST", fields)

    def away(self, action: str) -> str:
        """Press a button that leads to Microsoft and do what is asked there: the callback's address."""
        answer = self.press(self.shown().form(action))
        assert answer.status == 303, answer.text
        return self.person.passes(answer.text)


@dataclass(frozen=True, slots=True)
class Step:
    """`bring` makes a customer who stands before it; `approach` leads up to it, `take` takes it, both as
    often as one likes; `parts` are what it may call; if one of those in `once` fails, the step is passed
    nevertheless; `is_taken` tells its success by the answer; `rows` is what the addresses of its rows hold;
    `event` is what the history tells of a callback that did its work.
    """

    name: str
    bring: Callable[[World], Stand]
    take: Callable[[Stand, Any], Page]
    is_taken: Callable[[Page], bool]
    parts: tuple[Part, ...]
    approach: Callable[[Stand], Any] = lambda _: None
    once: tuple[Part, ...] = ()
    rows: Callable[[Stand], str] = lambda stand: stand.association_id
    event: str = ""

    def __str__(self) -> str:
        return self.name


def disturb(stand: Stand, step: Step, part: Part, fault: str, **more: Any) -> str:
    """Take the step while its calls fail; the failure's code, "" if it went on nevertheless. `more` limits
    what fails: to the customer's tenant, if nothing else is said.
    """
    approached, before = step.approach(stand), stand.rows()
    limits = more or {"tenant": stand.customer.tenant}
    with failing_calls(stand.world, part, fault, limits):
        answer = step.take(stand, approached)
        if part in MICROSOFT:
            # while it still fails: the background may see a moment later what is there
            require_nothing_proven(before, stand.rows())
    code = require_told(step, stand, answer)
    require_kept(before, stand.rows())
    return code


@contextmanager
def failing_calls(world: World, part: Part, fault: str, limits: dict[str, Any]) -> Iterator[None]:
    """Every call that `limits` tell fails in here, and one at least is made."""
    where: dict[str, str] = {name: limits[name] for name in ("tenant", "path") if name in limits}
    world.fault(part, fault, times=CALLS, **limits)
    try:
        yield
        assert is_struck(world, {**where, "part": part.value, "fault": fault}), (part, fault, limits)
    finally:
        world.no_faults(**(where or {"path": ""}))


def is_struck(world: World, wanted: dict[str, str]) -> bool:
    """Whether any call has met the fault that was queued with these fields: fewer are left of it, or none."""
    return not [
        one for one in world.faults()["queued"] if one.get("times") == CALLS and wanted.items() <= one.items()
    ]


def take_again(stand: Stand, step: Step, part: Part) -> None:
    """Without fault the step succeeds, and from a callback the journey ends as it always ends. One that was
    passed is not asked for again.
    """
    if part not in step.once:
        answer = step.take(stand, step.approach(stand))
        assert step.is_taken(answer), f"{step}: {answer.status} {answer.text[:300]}"
    if step.name.endswith("callback"):
        finish(stand)
    if part in step.once:
        assert stand.told(step.event) == 1, step


def require_told(step: Step, stand: Stand, answer: Page) -> str:
    """The answer within the deadline: on the way, or a failure with title, reference, why it is, and what is
    to be done by whom; the code, or "".
    """
    assert stand.took[-1] < DEADLINE_SECONDS, f"{step}: {stand.took[-1]:.1f} s"
    if step.is_taken(answer):
        return ""
    if answer.text.startswith("{"):
        return _problem(answer)
    told = [code for code in FAILURES if tells(answer.heading, f"error.{code}.title")]
    assert told, f"{step}: {answer.status} {answer.words[:300]}"
    assert answer.failure_reference
    assert answer.status in {502, 503}
    assert is_explained(answer, told[0]), f"{step}: {answer.words[:600]}"
    return told[0]


def is_explained(answer: Page, code: str) -> bool:
    """Whether the page says why, and what is to be done by whom: in Microsoft's case by what it answered."""
    ways = (f"error.{code}", *(f"answer.{name}" for name in ANSWERS))
    return answer.says(f"error.{code}.cause") and any(
        all(answer.says(f"{way}.{words}") for words in ("cause", "remedy", "who")) for way in ways
    )


def _problem(answer: Page) -> str:
    body = json.loads(answer.text)
    assert body["reference"]
    assert body["code"] in FAILURES, body
    assert tells(body["detail"], f"error.{body['code']}.cause"), body
    return str(body["code"])


def require_nothing_proven(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> None:
    """What could not be read is nowhere taken for seen."""
    taken = proofs(after) - proofs(before)
    assert not taken, taken


def proofs(rows: dict[str, dict[str, Any]]) -> set[tuple[str, str]]:
    return {(key, proof) for key, row in rows.items() for proof in PROOFS if row.get(proof)}


def require_kept(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> None:
    """No row is lost, no event changed, and no mark of the way taken back."""
    lost = before.keys() - after.keys()
    assert not {key for key in lost if not key.startswith("outbox")}, lost
    for key, row in before.items():
        if key.startswith(("event", "order", "binding", "person")):
            assert after[key] == row, key
    was, now = before["facts"], after["facts"]
    assert now["version"] >= was["version"]
    assert {mark: was[mark] for mark in MARKS if was.get(mark)} == {
        mark: now.get(mark) for mark in MARKS if was.get(mark)
    }


def finish(stand: Stand) -> None:
    """Go on as the pages say until all is done, and see that everything was done once."""
    number = stand.order["order_number"]
    end = time.monotonic() + PATIENCE_SECONDS
    while not _advanced(stand):
        assert time.monotonic() < end, stand.shown().words
        time.sleep(0.5)
    found = stand.world.support(order_number=number)
    assert (found["step"], found["cause"]) == ("done", "")
    assert [event["what"] for event in found["events"]].count("bound") == 1
    assert stand.world.mail(stand.order["administrator_email"], "associé")


def _advanced(stand: Stand) -> bool:
    page, facts = stand.shown(), stand.rows()["facts"]
    if facts.get("bound_at"):
        return True
    actions = [form.get("action") or "" for form in page.document.forms]
    if "data-refresh" in page.text:
        return False
    if any("/applications/" in action for action in actions):
        stand.person.authorises(page, "contact")
    elif any(action.endswith("/check") for action in actions):
        stand.person.checks_again(page)
    elif any(action.endswith("/consent") for action in actions):
        stand.person.consents(page)
    elif any(action.endswith("/sign-in") for action in actions):
        stand.person.signs_in(page)
    return False
