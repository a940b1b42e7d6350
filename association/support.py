"""What Sage support asks: find an association by anything a caller can read out."""

import asyncio
import re
import unicodedata

from association.dataclass import dataclass
from association.errors import AssociationUnknownError, RequestInvalidError
from association.facts import Record
from association.hints import address_forms
from association.keys import read_reference
from association.ports import Ports

CLAIMED = {
    "tenant_id": "tenant",
    "order_number": "order",
    "customer_number": "customer",
    "reference": "reference",
}
LONGEST_REASON = 500
MOST_FOUND = 50
ASSOCIATION_ID = re.compile(r"[0-9a-f]{32}")
# JSON may hold half of a surrogate pair (RFC 8259 §8.2), which no UTF-8 and so no row can
HALF_CHARACTER = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Question:
    """One key to search by: `by` is its name in the request. `after` is where the page before ended."""

    by: str
    value: str
    after: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of what was found, and where the next one begins; "" when there is none."""

    records: tuple[Record, ...]
    following: str = ""


async def find(ports: Ports, question: Question) -> tuple[Record, ...]:
    """The associations that `question` names, on its first page."""
    return (await find_page(ports, question)).records


async def find_page(ports: Ports, question: Question) -> Found:
    """The associations that `question` names: one point read for the claim, one for each association.

    Fifty candidates make a page. What can't be written as the key asks for it names none.
    """
    if HALF_CHARACTER.search(question.value):
        return Found(())
    identifiers = await _candidates(ports, question)
    page, more = identifiers[:MOST_FOUND], identifiers[MOST_FOUND:]
    records = await asyncio.gather(*(ports.associations.read(identifier) for identifier in page))
    meant = tuple(record for record in records if record and _is_meant(ports, record, question))
    return Found(meant, page[-1] if more else "")


def known_id(text: str) -> str:
    """An association's id, whatever the case it is written in.

    Raises AssociationUnknownError for what can't be one, without repeating it: it may be an address.
    """
    identifier = _as_id(text)
    if not identifier:
        raise AssociationUnknownError
    return identifier


async def known_record(ports: Ports, association_id: str) -> Record:
    """The association that support names by its id. Raises AssociationUnknownError."""
    identifier = known_id(association_id)
    record = await ports.associations.read(identifier)
    if record is None:
        raise AssociationUnknownError(f"association_id={identifier}")
    return record


def require_address(record: Record) -> None:
    """Raises RequestInvalidError where nobody is recorded to whom a mail could go."""
    if not record.person(record.facts.administrator).email:
        raise RequestInvalidError({"administrator_email": "missing"})


def _as_id(text: str) -> str:
    lower = text.strip().lower()
    return lower if ASSOCIATION_ID.fullmatch(lower) else ""


def checked_reason(reason: str) -> str:
    """The reason support gave, without blanks around it. Raises RequestInvalidError."""
    given = reason.strip()
    if not given or len(reason) > LONGEST_REASON:
        raise RequestInvalidError({"reason": "too_long" if given else "missing"})
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in given):
        raise RequestInvalidError({"reason": "control_characters"})
    # the history keeps it when the person it is about has been erased (rule S11)
    if "@" in given:
        raise RequestInvalidError({"reason": "address_in_text"})
    return given


async def _candidates(ports: Ports, question: Question) -> tuple[str, ...]:
    if question.by == "association_id":
        identifier = _as_id(question.value)
        return (identifier,) if identifier else ()
    if question.by == "email":
        hints = _hints(ports, question)
        most, after = MOST_FOUND + 1, _as_id(question.after)
        found = [await ports.lookups.find("email", hint, most, after) for hint in hints]
        return tuple(sorted({identifier for some in found for identifier in some}))
    value = _normal(question)
    claim = await ports.claims.owner(CLAIMED[question.by], value) if value else None
    return (claim.association_id,) if claim else ()


def _hints(ports: Ports, question: Question) -> tuple[str, ...]:
    forms = map(ports.keys.address_hints, address_forms(question.value))
    return tuple(dict.fromkeys(hint for hints in forms for hint in hints))


def _normal(question: Question) -> str:
    if question.by == "association_id":
        return _as_id(question.value)
    if question.by == "reference":
        return read_reference(question.value)
    return question.value.strip().lower() if question.by == "tenant_id" else question.value.strip()


def _is_meant(ports: Ports, record: Record, question: Question) -> bool:
    """Every hit is held against the facts: a hint may be old, a claim may never have come to its fact."""
    facts, value = record.facts, _normal(question)
    if question.by == "email":
        wanted = _hints(ports, question)
        texts = (text for person in record.people.values() for text in person.addresses)
        return any(ports.keys.address_hints(text)[0] in wanted for text in texts)
    held = {
        "association_id": (facts.association_id,),
        "tenant_id": (facts.bound_tenant_id,),
        "order_number": tuple(record.orders),
        "customer_number": (facts.customer_number,),
        "reference": (facts.reference, *(event.reference for event in record.events)),
    }
    return value in held[question.by]
