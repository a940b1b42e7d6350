"""An order as rows: added to a customer's association, compared with what is recorded, completed."""

from dataclasses import replace
from datetime import datetime

from association.changes import changed
from association.errors import OrderConflictError
from association.facts import Change, Facts, Record
from association.keys import reference_of
from association.order import OrderRequest
from association.partition import Event, Order, Person

DEFAULT_LANGUAGE = "fr"
COMPARED = (
    "company_name",
    "partner_number",
    "partner_name",
    "model",
    "subscription",
    "language",
    "mpn_id",
    "office365_users",
    "azure_ad_users",
)


def create(association_id: str, request: OrderRequest, now: datetime) -> Change:
    """The change that makes an association of a customer's first order."""
    people, order = _people_and_order(None, request, now)
    facts = Facts(
        association_id=association_id,
        reference=reference_of(association_id),
        created_at=now,
        language=order.language,
        customer_number=request.customer_number,
        company_name=request.company_name,
        partner_number=request.partner_number,
        partner_name=request.partner_name,
        administrator=order.administrator,
        partner_contact=order.partner_contact,
    )
    event = Event(what="order_received", at=now, by="octave", new=request.order_number)
    return Change(facts=facts, event=event, people=people, orders=(order,))


def join(record: Record, request: OrderRequest, now: datetime) -> Change | None:
    """The change that adds an order, or completes a known one; None for a repeat.

    Raises OrderConflictError when the number stands for an order with other content.
    """
    known = record.orders.get(request.order_number)
    if known is not None:
        _refuse_differences(record, known, request)
        if not _completes(known, request):
            return None
    people, order = _people_and_order(record, request, now)
    if known is not None:
        order = replace(order, received_at=known.received_at)
    what = "order_received" if known is None else "order_completed"
    wanted = changed(
        record,
        Event(what=what, at=now, by="octave", new=request.order_number),
        administrator=record.facts.administrator or order.administrator,
        partner_contact=record.facts.partner_contact or _contact(record, order),
        # a new order opens what support had closed; completing a known one doesn't
        closed_at=None if known is None else record.facts.closed_at,
    )
    return replace(wanted, people=people, orders=(order,))


def _contact(record: Record, order: Order) -> int:
    """Whom the order names at the association's partner, which another partner's order doesn't change."""
    return order.partner_contact if order.partner_number == record.facts.partner_number else 0


def _refuse_differences(record: Record, known: Order, request: OrderRequest) -> None:
    pairs = {name: (getattr(known, name), getattr(request, name)) for name in COMPARED}
    pairs["administrator_email"] = (record.person(known.administrator).email, request.administrator_email)
    pairs["partner_email"] = (record.person(known.partner_contact).email, request.partner_email)
    # What was missing may be completed; what was given may be left out of a repeat, but not changed.
    differences = tuple(name for name, (old, new) in pairs.items() if old and new and old != new)
    if record.facts.customer_number != request.customer_number:
        differences = ("customer_number", *differences)
    if differences:
        raise OrderConflictError(differences)


def _completes(known: Order, request: OrderRequest) -> bool:
    return bool(
        (request.administrator_email and not known.administrator)
        or (request.mpn_id and not known.mpn_id)
        or (request.office365_users and not known.office365_users)
    )


def _people_and_order(
    record: Record | None, request: OrderRequest, now: datetime
) -> tuple[tuple[Person, ...], Order]:
    people: dict[str, Person] = {}
    known_people = record.people.values() if record else ()
    # those who signed in have no address here, and must not be taken for an administrator left out
    numbers = {person.email: person.number for person in known_people if person.email}
    following = record.next_person() if record else 1
    for email, name in ((request.administrator_email, ""), (request.partner_email, request.partner_name)):
        if email and email not in numbers:
            numbers[email] = following
            people[email] = Person(number=following, name=name, email=email)
            following += 1
    known = record.orders.get(request.order_number) if record else None
    # whoever has been erased is not recorded by an order that leaves them out
    recorded = record.person(known.administrator).email if record and known else ""
    order = Order(
        order_number=request.order_number,
        received_at=now,
        company_name=request.company_name,
        partner_number=request.partner_number,
        partner_name=request.partner_name,
        model=request.model,
        subscription=request.subscription,
        language=request.language or (known.language if known else DEFAULT_LANGUAGE),
        administrator=numbers.get(request.administrator_email or recorded, 0),
        partner_contact=numbers[request.partner_email],
        mpn_id=request.mpn_id or (known.mpn_id if known else ""),
        office365_users=request.office365_users or (known.office365_users if known else 0),
        azure_ad_users=request.azure_ad_users or (known.azure_ad_users if known else 0),
    )
    return tuple(people.values()), order
