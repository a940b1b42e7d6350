"""A person is erased: row, look-ups, mails not yet sent, sessions. The history stays, nameless (rule S11)."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from association.changes import ADDRESS_ERASED, change, changed
from association.dataclass import dataclass
from association.errors import AssociationError
from association.facts import Change, Record
from association.hints import add_hints, address_forms, remove_hints
from association.invite import ask_again
from association.partition import Event, Mail, MailStatus, Person
from association.ports import Ports
from association.session import sessions_from
from association.support import checked_reason, known_record

# People, their mails and new questions in one transaction, which holds a hundred rows, with facts and event
# among them.
AT_ONCE = 40
MOST_MAILS = 50
MOST_QUESTIONS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was erased: person numbers, and the keys of mails that will not go out. Empty if nothing."""

    people: tuple[int, ...]
    mails: tuple[str, ...]


async def erase_person(
    ports: Ports, association_id: str, reason: str, *, number: int = 0, address: str = ""
) -> Erased:
    """Erase the person of that number or address, and whoever else is recorded under the same address.

    A repeat finds nobody and changes nothing. Raises RequestInvalidError for a missing reason,
    AssociationUnknownError.
    """
    event = Event(what="person_erased", at=ports.now(), by="support", new=checked_reason(reason))
    record = await known_record(ports, association_id)
    known = tuple(person for person in record.people.values() if _addresses([person]) or person.name)
    typed = frozenset(map(_folded, address_forms(address)))
    wanted = typed - {""} or _addresses(person for person in known if person.number == number)
    meant = (person for person in known if person.number == number or _addresses([person]) & wanted)
    return await erase(ports, record, tuple(meant), event)


async def erase(
    ports: Ports,
    record: Record,
    people: tuple[Person, ...],
    event: Event,
    still: Callable[[Record], bool] = lambda _: True,
) -> Erased:
    """Erase `people` of `record`, with `event` in the history, which then names their numbers.

    `still` is asked of the very record that is written over; where it says no, nobody is erased.
    """
    # first, for who is interrupted here finds the people again
    await remove_hints(ports, record, people)
    try:
        after, mails = await _erase_all(ports, record, people, event, still)
    except AssociationError:
        # whoever stands in the record still is to be found, or the repeat would find nobody to erase
        with suppress(AssociationError):
            await _add_back(ports, record, people)
        raise
    # and again, for an order that comes at the same time adds them
    standing = frozenset(after.people.values())
    await remove_hints(ports, after, [person for person in people if person not in standing])
    await _add_back(ports, after, people)
    return Erased(people=tuple(person.number for person in people), mails=mails)


async def _erase_all(
    ports: Ports,
    record: Record,
    people: tuple[Person, ...],
    event: Event,
    still: Callable[[Record], bool],
) -> tuple[Record, tuple[str, ...]]:
    """Erase them in portions; the record then, and the keys of their mails that will not go out."""
    after, mails = record, tuple[str, ...]()
    for first in range(0, len(people), AT_ONCE):
        some = tuple(person.number for person in people[first : first + AT_ONCE])
        after, waiting = await _erase(ports, record, some, event, still)
        mails += tuple(mail.key for mail in waiting)
    return after, mails


async def _erase(
    ports: Ports, record: Record, numbers: tuple[int, ...], event: Event, still: Callable[[Record], bool]
) -> tuple[Record, tuple[Mail, ...]]:
    """Erase so many as one transaction holds; the record then, and their mails that will not go out."""
    told = replace(event, old=" ".join(map(str, numbers)))
    waiting: tuple[Mail, ...] = ()

    def decide(current: Record) -> Change | None:
        nonlocal waiting
        if not still(current) or all(current.person(one) == Person(number=one) for one in numbers):
            waiting = ()
            return None
        waiting = _waiting(current, numbers)
        return _erasure(current, numbers, told, ports.now())

    return await change(ports, record.facts.association_id, decide), waiting


async def _add_back(ports: Ports, record: Record, people: tuple[Person, ...]) -> None:
    """The hints of whoever stands in the record now under an address of `people`: not erased, or new."""
    current = await ports.associations.read(record.facts.association_id) or record
    theirs = _addresses(people)
    found = (person for person in current.people.values() if _addresses([person]) & theirs)
    await add_hints(ports, current, found)


def _erasure(record: Record, numbers: tuple[int, ...], event: Event, now: datetime) -> Change:
    wanted = changed(record, event)
    if record.facts.administrator in numbers:
        # the next order may name another one; a code that was sent to this one ends
        wanted = replace(wanted, facts=replace(wanted.facts, administrator=0, code_session=""))
    if record.facts.partner_contact in numbers:
        wanted = replace(wanted, facts=replace(wanted.facts, partner_contact=_next_contact(record, numbers)))
    if record.facts.account in numbers or any(record.person(number).username for number in numbers):
        # who has signed in may still be at the page; it would show them signed in without a name
        wanted = replace(wanted, facts=replace(wanted.facts, sessions_from=sessions_from(record.facts, now)))
    wanted = replace(
        wanted,
        # the empty row keeps the number, which the history names, from being given to somebody else
        people=tuple(Person(number=number) for number in numbers),
        updated_mails=tuple(
            replace(mail, status=MailStatus.FAILED, reason=ADDRESS_ERASED)
            # what there is no room for is given up by the worker that would send it
            for mail in _waiting(record, numbers)[:MOST_MAILS]
        ),
    )
    return _with_questions(record, wanted, now)


def _with_questions(record: Record, wanted: Change, now: datetime) -> Change:
    """With what they were asked and never read asked of their partner's next contact."""
    people = {**record.people, **{person.number: person for person in wanted.people}}
    asked = ask_again(replace(record, people=people), wanted, now)
    return replace(asked, mails=asked.mails[:MOST_QUESTIONS])


def _next_contact(record: Record, numbers: tuple[int, ...]) -> int:
    """Whom another order names at the same partner; 0 where there is nobody."""
    orders = sorted(record.orders.values(), key=lambda order: order.received_at)
    named = [order.partner_contact for order in orders if order.partner_number == record.facts.partner_number]
    return next((one for one in named if one not in numbers and record.person(one).email), 0)


def _waiting(record: Record, numbers: tuple[int, ...]) -> tuple[Mail, ...]:
    due = (mail for mail in record.outbox.values() if mail.status is MailStatus.DUE)
    return tuple(mail for mail in due if mail.person in numbers)


def _addresses(people: Iterable[Person]) -> frozenset[str]:
    return frozenset(_folded(text) for person in people for text in person.addresses)


def _folded(text: str) -> str:
    return text.strip().casefold()
