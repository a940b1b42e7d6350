"""What must hold of everything as it stands after every step: the world's associations among each other, what
each of them shows, and the mails that have left.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from association.facts import AcceptedBy, Record
from association.partition import SUPPORT
from association.progress import progress
from association.steps import Cause, State, Step, Who
from functions.web.support_view import support_view
from functions.web.views import order_view
from tests.model.changes import wrong
from tests.model.oracle import has_all_checks
from tests.model.stage import Worker
from tests.model.world import World


def judge_world(world: World) -> Iterator[str]:
    """Everything that is wrong now."""
    records = world.records()
    for record in records:
        yield from (f"{what} ({record.facts.association_id[:6]})" for what in _shows(world, record))
    yield from _one_each(world, records)
    yield from _mails(world)
    yield from _pages(world, records)


def _shows(world: World, record: Record) -> Iterator[str]:
    """No status against a step: what is shown follows from the facts, and is the same for everybody."""
    facts, now = record.facts, world.clock()
    where = progress(record, now, world.settings.applications)
    is_done = where.step is Step.DONE
    is_bound = facts.generation > 0 and bool(record.bindings)
    yield from wrong((is_done != is_bound, "done without binding, or bound and not done"))
    states = [item.state for item in where.steps]
    here = list(Step).index(where.step)
    wanted = [State.DONE] * here + [where.state] + [State.TO_COME] * (4 - here)
    if states != wanted or (where.state is State.DONE) != is_done:
        yield f"steps {states} against {where.step} {where.state}"
    yield from wrong((where.since > now, f"since the future: {where.cause}"))
    if not is_done:
        yield from (
            f"step {step} is shown as done" for step in list(Step)[:here] if not _is_done(record, step)
        )
        if any(item.state is State.DONE and item.at is None for item in where.steps):
            yield f"a step is done without a time: {where.cause}"
        if (where.who is Who.NOBODY) or where.cause is Cause.NONE:
            yield "nobody has to act, and it isn't done"
    yield from _caused(world, record, where.cause)
    view = support_view(record, world.ports)
    shown = {(view["step"], view["state"], view["cause"], view["who"])}
    shown |= {
        (each["step"], each["state"], each["cause"], each["who"])
        for each in (order_view(record, number, world.ports) for number in record.orders)
    }
    if shown != {(where.step, where.state, where.cause, where.who)}:
        yield f"support and order say {shown}"
    yield from wrong(
        (("binding" in view["missing"]) == is_done, f"missing {view['missing']} and {where.step}")
    )


def _is_done(record: Record, step: Step) -> bool:
    facts = record.facts
    if step is Step.IDENTIFICATION:
        return facts.signed_in_at is not None and facts.accepted_by is not AcceptedBy.NOBODY
    if step is Step.AUTHORISATION:
        return facts.access_proven_at is not None
    return step is Step.PREREQUISITES and has_all_checks(record)


def _caused(world: World, record: Record, cause: Cause) -> Iterator[str]:
    facts = record.facts
    if facts.generation:
        return
    if (cause is Cause.ORDER_CLOSED) != bool(facts.closed_at) and cause is not Cause.TENANT_BOUND_ELSEWHERE:
        yield f"closed and {cause}"
    if cause is Cause.READY_TO_BIND:
        lacking = [
            each.key
            for each in world.settings.applications
            if not (grant := record.grants.get((each.key, facts.tenant_id)))
            or not (grant.proven_at or grant.waived_at)
        ]
        if lacking:
            yield f"ready to bind without {lacking}"
    if cause is Cause.ACCESS_AWAITED and (facts.access_proven_at or not facts.consented_at):
        yield "access is awaited, and there or not asked for"


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


def _mails(world: World) -> Iterator[str]:
    """One mail to a key, to whom it is for, about nobody else."""
    for message_id, times in Counter(mail.message_id for mail in world.posted).items():
        if times > 1 + world.deaths.get(message_id, 0):
            yield f"mail {message_id[34:]} was accepted {times} times"
    for mail in world.posted[world.judged_mails :]:
        record = world.history[mail.association_id][-1]
        known = {
            person.email for each in world.history[mail.association_id] for person in each.people.values()
        }
        row = next((row for row in record.outbox.values() if row.kind == mail.kind), None)
        wanted = {world.settings.support_email} if row and row.person == SUPPORT else known - {""}
        if mail.to not in wanted:
            yield f"mail {mail.kind} to somebody else"
        if (mail.values["company_name"], mail.values["reference"]) != (
            record.facts.company_name,
            record.facts.reference,
        ):
            yield f"mail {mail.kind} about another association"
    world.judged_mails = len(world.posted)


def _pages(world: World, records: list[Record]) -> Iterator[str]:
    """A page of one association shows nothing of another."""
    for browser in world.browsers:
        for page in browser.shown:
            if not page.reference:
                continue
            for record in records:
                facts = record.facts
                if facts.reference != page.reference and (
                    facts.reference in page.text or facts.company_name in page.text
                ):
                    yield f"a page of {page.reference} shows {facts.company_name}"
        browser.shown = browser.shown[-1:]


def _title(text: str) -> str:
    return text.partition("<title>")[2].partition("</title>")[0]


def unexpected(world: World, workers: Iterable[Worker]) -> list[str]:
    """Answers that nobody should get: a defect of ours, or trouble where nothing was in trouble."""
    found = []
    for browser in world.browsers:
        for what, status, text in browser.statuses[browser.judged :]:
            if status == 500 or (status in (502, 503) and not world.was_in_trouble):
                found.append(f"{what} answered {status}: {_title(text)}")
        browser.judged = len(browser.statuses)
    for worker in workers:
        status = getattr(worker.result, "status_code", 200)
        if status in (500, 503):
            found.append(f"{worker.name} answered {status}")
        failed = worker.notes.get("failed")
        if failed is not None and not world.was_in_trouble:
            found.append(f"{worker.name} failed: {failed!r}")
    return found
