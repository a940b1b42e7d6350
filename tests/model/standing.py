"""What must hold of everything as it stands after every step: the world's associations among each other, what
each of them shows, and the mails that have left.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from http import HTTPStatus

from association.facts import Record
from association.microsoft_errors import MicrosoftRefusedError, MicrosoftUnavailableError
from association.progress import progress
from association.steps import Cause, State, Step, Who
from functions.web.support_view import support_view
from functions.web.views import order_view
from tests.model.browser import Page
from tests.model.changes import wrong
from tests.model.mails import judge_mails
from tests.model.stage import Worker
from tests.model.steps import lacking, shown, stands
from tests.model.world import World


def judge_world(world: World) -> Iterator[str]:
    """Everything that is wrong now."""
    records = world.records()
    for record in records:
        yield from (f"{what} ({record.facts.association_id[:6]})" for what in _shows(world, record))
    yield from _one_each(world, records)
    yield from judge_mails(world)
    yield from _pages(world, records)


def _shows(world: World, record: Record) -> Iterator[str]:
    """No status against a step: what is shown follows from the facts, and is the same for everybody."""
    now = world.clock()
    where = progress(record, now, world.settings.applications)
    is_done = where.step is Step.DONE
    is_bound = record.facts.generation > 0 and bool(record.bindings)
    yield from wrong((is_done != is_bound, "done without binding, or bound and not done"))
    wanted = stands(record, now, world.settings.applications)
    states = [item.state for item in where.steps]
    if (where.step, where.state) != wanted or states != shown(record, now, world.settings.applications):
        yield f"steps {states}, {where.step} {where.state} {where.cause} where {wanted} is open"
    yield from wrong((where.since > now, f"since the future: {where.cause}"))
    if not is_done:
        if any(item.state is State.DONE and item.at is None for item in where.steps):
            yield f"a step is done without a time: {where.cause}"
        if (where.who is Who.NOBODY) or where.cause is Cause.NONE:
            yield "nobody has to act, and it isn't done"
    yield from _caused(world, record, where.cause)
    view = support_view(record, world.ports)
    told = {(view["step"], view["state"], view["cause"], view["who"])}
    told |= {
        (each["step"], each["state"], each["cause"], each["who"])
        for each in (order_view(record, number, world.ports) for number in record.orders)
    }
    if told != {(where.step, where.state, where.cause, where.who)}:
        yield f"support and order say {told}"
    yield from wrong(
        (("binding" in view["missing"]) == is_done, f"missing {view['missing']} and {where.step}")
    )


def _caused(world: World, record: Record, cause: Cause) -> Iterator[str]:
    facts = record.facts
    if facts.generation:
        return
    if (cause is Cause.ORDER_CLOSED) != bool(facts.closed_at) and cause is not Cause.TENANT_BOUND_ELSEWHERE:
        yield f"closed and {cause}"
    if cause is Cause.READY_TO_BIND:
        missing = lacking(record, facts.tenant_id, world.settings.applications)
        yield from wrong((missing, f"ready to bind without {missing}"))
    if cause is Cause.ACCESS_AWAITED and (facts.access_proven_at or not facts.consented_at):
        yield "access is awaited, and there or not asked for"
    if facts.access_proven_at and (facts.access_refused_at or facts.access_refusal):
        yield "access is there, and refused"


def _one_each(world: World, records: list[Record]) -> Iterator[str]:
    """One association to a tenant, to a customer, to an order; and the claims say the same."""
    kinds = {
        "tenant": [record.facts.bound_tenant_id for record in records if record.facts.generation],
        "customer": [record.facts.customer_number for record in records],
        "reference": [record.facts.reference for record in records],
        "order": [number for record in records for number in record.orders],
    }
    for kind, values in kinds.items():
        yield from (f"{kind} of two associations" for count in Counter(values).values() if count > 1)
    for record in records:
        identifier, facts = record.facts.association_id, record.facts
        held = [("customer", facts.customer_number), ("reference", facts.reference)]
        held += [("order", number) for number in record.orders]
        if facts.generation:
            held.append(("tenant", facts.bound_tenant_id))
        for kind, value in held:
            claim = world.claim_on(kind, value)
            if claim is None or claim.association_id != identifier:
                yield f"{kind} without its claim ({identifier[:6]})"


def _pages(world: World, records: list[Record]) -> Iterator[str]:
    """A page shows where its association stood when it was made, and nothing of another one."""
    for browser in world.browsers:
        for page in browser.shown:
            if not page.reference:
                continue
            yield from _stood(world, page)
            for record in records:
                facts = record.facts
                if facts.reference != page.reference and (
                    facts.reference in page.text or facts.company_name in page.text
                ):
                    yield f"a page of {page.reference} shows {facts.company_name}"
        browser.shown = browser.shown[-1:]


def _stood(world: World, page: Page) -> Iterator[str]:
    states = page.steps()
    if page.status != HTTPStatus.OK and not states:
        return
    wanted = [shown(record, page.at, world.settings.applications) for record in page.stood]
    if not any(states == [*each, *each] for each in wanted):
        yield f"a page of {page.reference} shows the steps {states} for {wanted}"
    here = [state for state in states if state not in (State.DONE, State.TO_COME)] or [State.DONE] * 2
    if page.here() != (here, here[:1]):
        yield f"a page of {page.reference} marks {page.here()} of {states}"


def _title(text: str) -> str:
    return text.partition("<title>")[2].partition("</title>")[0]


def unexpected(world: World, workers: Iterable[Worker]) -> list[str]:
    """Answers that nobody should get: a defect of ours, or trouble where this very worker met none."""
    found = []
    for browser in world.browsers:
        for what, status, text, faults in browser.statuses[browser.judged :]:
            if status == 500 or (status in (502, 503) and not _explains(status, faults)):
                found.append(f"{what} answered {status}: {_title(text)}")
        browser.judged = len(browser.statuses)
    for worker in workers:
        status = getattr(worker.result, "status_code", 200)
        if status in (500, 503):
            found.append(f"{worker.name} answered {status}")
        failed = worker.notes.get("failed")
        if failed is not None and not any(failed is fault for fault in worker.faults):
            found.append(f"{worker.name} failed: {failed!r}")
    return found


def _explains(status: int, faults: Iterable[Exception]) -> bool:
    kind = MicrosoftUnavailableError if status == 503 else MicrosoftRefusedError
    return any(isinstance(fault, kind) for fault in faults)
