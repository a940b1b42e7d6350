"""What Sage support asks: find an association by anything a caller can read out, and issue a new link."""

import contextlib
from dataclasses import dataclass

from association.changes import Decide, change, changed
from association.errors import AssociationUnknownError, RequestInvalidError
from association.facts import Change, Event, Record
from association.invite import issue_link
from association.keys import read_reference, token_hash
from association.links import add_link, mailed_token
from association.ports import Ports
from association.rows import Purpose

CLAIMED = {
    "tenant_id": "tenant",
    "order_number": "order",
    "customer_number": "customer",
    "reference": "reference",
}
LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Question:
    """One key to search by: `by` is its name in the request."""

    by: str
    value: str


async def find(ports: Ports, question: Question) -> tuple[Record, ...]:
    """The associations that `question` names: one point read for the claim, one for each association."""
    identifiers = await _candidates(ports, question)
    records = [await ports.associations.read(identifier) for identifier in identifiers]
    return tuple(record for record in records if record and _is_meant(ports, record, question))


async def renew_link(ports: Ports, association_id: str, reason: str) -> Record:
    """Issue and mail a new link, and end the one before.

    Raises RequestInvalidError for a missing reason or an order that is still incomplete, and
    AssociationUnknownError.
    """
    given = checked_reason(reason)
    record = await ports.associations.read(association_id)
    if record is None:
        raise AssociationUnknownError(f"association_id={association_id}")
    missing = _never_invited_for(record)
    if missing:
        raise RequestInvalidError(dict.fromkeys(missing, "missing"))
    number = record.facts.link_number + 1
    await add_link(ports, association_id, Purpose.ASSOCIATION, number, ports.settings.link_days)
    renewed = await change(ports, association_id, _renewal(ports, number, given), record)
    if record.facts.link_number:
        # under a key that is gone there is no token to revoke, and none that opens
        with contextlib.suppress(KeyError):
            await ports.links.revoke(token_hash(mailed_token(ports.keys, record.facts)), ports.now())
    return renewed


def _never_invited_for(record: Record) -> tuple[str, ...]:
    """What the orders still lack, where no link has been issued because of it."""
    if record.facts.link_number:
        return ()
    return tuple(dict.fromkeys(name for order in record.orders.values() for name in order.missing))


def checked_reason(reason: str) -> str:
    """The reason support gave, without blanks around it. Raises RequestInvalidError."""
    given = reason.strip()
    if not given or len(given) > LONGEST_REASON:
        raise RequestInvalidError({"reason": "too_long" if given else "missing"})
    return given


def _renewal(ports: Ports, number: int, reason: str) -> Decide:
    now = ports.now()

    def decide(current: Record) -> Change | None:
        if current.facts.link_number >= number:
            return None
        event = Event(what="link_renewed", at=now, by="support", old=str(number - 1), new=reason)
        days = ports.settings.link_days
        return issue_link(
            current, changed(current, event), number=number, kid=ports.keys.kid, now=now, days=days
        )

    return decide


async def _candidates(ports: Ports, question: Question) -> tuple[str, ...]:
    if question.by == "association_id":
        return (question.value.lower(),)
    if question.by == "email":
        hints = ports.keys.address_hints(question.value)
        found = [await ports.lookups.find("email", hint) for hint in hints]
        return tuple(dict.fromkeys(identifier for some in found for identifier in some))
    value = _normal(question)
    claim = await ports.claims.owner(CLAIMED[question.by], value) if value else None
    return (claim.association_id,) if claim else ()


def _normal(question: Question) -> str:
    if question.by == "reference":
        return read_reference(question.value)
    return question.value.strip().lower() if question.by == "tenant_id" else question.value.strip()


def _is_meant(ports: Ports, record: Record, question: Question) -> bool:
    """Every hit is held against the facts: a hint may be old, a claim may never have come to its fact."""
    facts, value = record.facts, _normal(question)
    if question.by == "email":
        wanted = ports.keys.address_hints(question.value)
        return any(
            ports.keys.address_hints(person.email or person.username)[0] in wanted
            for person in record.people.values()
        )
    held = {
        "association_id": (facts.association_id,),
        "tenant_id": (facts.bound_tenant_id,),
        "order_number": tuple(record.orders),
        "customer_number": (facts.customer_number,),
        "reference": (facts.reference, *(event.reference for event in record.events)),
    }
    return (value.lower() if question.by == "association_id" else value) in held[question.by]
