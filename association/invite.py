"""From an order to an association with its mailed link.

Claims come first, each written only if absent, so that two orders of one customer meet in one association
and a repeated order meets itself; then one transaction holds facts, order, history and mails.
"""

from dataclasses import replace
from datetime import datetime

from association.changes import again_key, commit, new_mails, told_again
from association.errors import ConcurrentChangeError, OrderConflictError
from association.facts import Change, Record
from association.hints import add_hints
from association.keys import reference_of
from association.links import add_link, is_link_live, link_end, link_mails, needs_link
from association.order import OrderRequest
from association.order_rows import create, join
from association.partition import Mail, Order
from association.ports import Ports
from association.rows import Claim, Purpose, Task, TaskKind
from association.settle import SETTLE_AFTER

ATTEMPTS = 8
# Of the hundred rows of a transaction.
MOST_ASKED = 50


async def receive_order(ports: Ports, request: OrderRequest) -> Record:
    """Record an order and invite its administrator as soon as nothing is missing; a repeat changes nothing.

    Raises OrderConflictError when the number stands for an order with other content.
    """
    association_id = await _claim(ports, request)
    for _ in range(ATTEMPTS):
        record = await ports.associations.read(association_id)
        wanted = await _decide(ports, association_id, record, request)
        if wanted is None and record is not None:
            return await _with_hints(ports, record)
        try:
            if wanted is not None:
                return await _with_hints(ports, await commit(ports, record, wanted))
        except ConcurrentChangeError:
            continue
    raise ConcurrentChangeError(f"association_id={association_id}")


async def _claim(ports: Ports, request: OrderRequest) -> str:
    """Claim customer, order and reference for one association id, new or known."""
    mine = Claim(association_id=ports.new_id(), at=ports.now())
    await _settle_later(ports, mine, "customer", request.customer_number)
    standing = await ports.claims.claim("customer", request.customer_number, mine)
    owner = replace(mine, association_id=standing.association_id)
    if standing.association_id != mine.association_id:
        # renewed as its owner's, or the task that settles it could release it before this order is written
        standing = await ports.claims.claim("customer", request.customer_number, owner)
        if standing.association_id != owner.association_id:
            raise ConcurrentChangeError("claim kind=customer")
    await _settle_later(ports, owner, "order", request.order_number)
    order = await ports.claims.claim("order", request.order_number, owner)
    if order.association_id != owner.association_id:
        raise OrderConflictError(("customer_number",))
    reference = reference_of(owner.association_id)
    await _settle_later(ports, owner, "reference", reference)
    if (await ports.claims.claim("reference", reference, owner)).association_id != owner.association_id:
        # 40 random bits met twice: the repeat begins with another id once these claims are released.
        raise ConcurrentChangeError(f"reference={reference}")
    return owner.association_id


async def _settle_later(ports: Ports, claim: Claim, kind: str, value: str) -> None:
    task = Task(kind=TaskKind.CLAIMS, association_id=claim.association_id, key=f"{kind}:{value}")
    await ports.tasks.send(task, SETTLE_AFTER)


async def _decide(
    ports: Ports, association_id: str, record: Record | None, request: OrderRequest
) -> Change | None:
    now = ports.now()
    wanted = create(association_id, request, now) if record is None else join(record, request, now)
    if wanted is None:
        return None
    wanted = ask_again(record, wanted, now)
    if wanted.facts.closed_at:
        # completing an order of a closed association is noted, and invites nobody
        return wanted
    wanted = _tell_next_administrator(ports, record, wanted, now)
    if wanted.orders[0].missing:
        return _ask_partner(record, wanted, now)
    if record is not None and not needs_link(ports, record):
        return wanted
    number, days = wanted.facts.link_number + 1, ports.settings.link_days
    await add_link(ports, association_id, Purpose.ASSOCIATION, number, days)
    return issue_link(record, wanted, number=number, kid=ports.keys.kid, now=now, days=days)


def issue_link(
    record: Record | None, wanted: Change, *, number: int, kid: str, now: datetime, days: int
) -> Change:
    """`wanted`, with link `number` made the live one and its mail in the outbox. Mails of links stand
    under the link's number, so that no link is mailed twice.
    """
    facts = replace(
        wanted.facts,
        link_number=number,
        link_kid=kid,
        link_issued_at=now,
        link_expires_at=link_end(now, days),
        link_revoked_at=None,
    )
    mail = Mail(
        key=f"invitation-{number}",
        kind="invitation",
        person=facts.administrator,
        number=number,
        created_at=now,
    )
    return replace(wanted, facts=facts, mails=wanted.mails + new_mails(record, mail))


def invitation_again(record: Record, administrator: int, now: datetime) -> Mail:
    """The live link's next mail, to the person of that number."""
    number = record.facts.link_number
    return Mail(
        # rows of the outbox are never deleted, so that their count is no other's
        key=again_key(f"invitation-{number}", len(link_mails(record))),
        kind="invitation",
        person=administrator,
        number=number,
        created_at=now,
    )


def _tell_next_administrator(ports: Ports, record: Record | None, wanted: Change, now: datetime) -> Change:
    """With the live link mailed to whom the order names, where the one before has been erased."""
    if record is None:
        return wanted
    administrator, facts = wanted.facts.administrator, record.facts
    if facts.administrator or not administrator or facts.is_bound or not is_link_live(ports, facts):
        return wanted
    return replace(wanted, mails=(*wanted.mails, invitation_again(record, administrator, now)))


def _ask_partner(record: Record | None, wanted: Change, now: datetime) -> Change:
    order = wanted.orders[0]
    mail = _question(order, now, order.partner_contact)
    known = record.orders.get(order.order_number) if record else None
    if record and known:
        # somebody erased since may be missing again, of which the mail before said nothing
        mail = told_again(record, mail, anew=not set(order.missing) <= set(known.missing))
    return replace(wanted, mails=wanted.mails + new_mails(record, mail))


def ask_again(record: Record | None, wanted: Change, now: datetime) -> Change:
    """`wanted` with the questions about the other orders that nobody has read: those that closing had
    overtaken, or whose reader was erased.
    """
    if record is None or wanted.facts.closed_at:
        return wanted
    written = {order.order_number for order in wanted.orders}
    others = [order for number, order in record.orders.items() if number not in written and order.missing]
    questions = [_question(order, now, _reader(record, wanted, order)) for order in others]
    mails = [told_again(record, question) for question in questions]
    return replace(wanted, mails=wanted.mails + new_mails(record, *mails)[:MOST_ASKED])


def _reader(record: Record, wanted: Change, order: Order) -> int:
    """Whom the order names, or, once erased, whom another order names at the same partner; 0 for nobody."""
    new = {person.number for person in wanted.people if person.email}
    orders = (order, *wanted.orders, *record.orders.values())
    named = (each.partner_contact for each in orders if each.partner_number == order.partner_number)
    return next((one for one in named if one in new or record.person(one).email), 0)


def _question(order: Order, now: datetime, reader: int) -> Mail:
    return Mail(
        key=f"order_incomplete-{order.order_number}",
        kind="order_incomplete",
        person=reader,
        created_at=now,
        about=order.order_number,
    )


async def _with_hints(ports: Ports, record: Record) -> Record:
    """With the hints of everybody whom orders name; those of accounts are written when they sign in."""
    return await add_hints(ports, record, (person for person in record.people.values() if person.email))
