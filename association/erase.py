"""A person is erased: row, look-ups, mails not yet sent, sessions. The history stays, nameless (rule S11)."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from association.changes import change, changed
from association.dataclass import dataclass
from association.facts import Change, Record
from association.hints import add_hints, address_forms, remove_hints
from association.partition import Event, Mail, MailStatus, Person
from association.ports import Ports
from association.support import checked_reason, known_record

ADDRESS_ERASED = "address_erased"
# Of a transaction's hundred rows: each with some mails that wait, beside facts and event.
AT_ONCE = 20


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
    mails: tuple[str, ...] = ()
    for first in range(0, len(people), AT_ONCE):
        some = people[first : first + AT_ONCE]
        mails += await _erase(ports, record, some, event, still)
    return Erased(people=tuple(person.number for person in people), mails=mails)


async def _erase(
    ports: Ports,
    record: Record,
    people: tuple[Person, ...],
    event: Event,
    still: Callable[[Record], bool],
) -> tuple[str, ...]:
    """Erase so many as one transaction holds; the keys of their mails that will not go out."""
    numbers = tuple(person.number for person in people)
    waiting: tuple[Mail, ...] = ()

    def decide(current: Record) -> Change | None:
        nonlocal waiting
        is_told = any(current.person(number) != Person(number=number) for number in numbers)
        if not is_told or not still(current):
            waiting = ()
            return None
        waiting = _waiting(current, numbers)
        return _erasure(current, numbers, replace(event, old=" ".join(map(str, numbers))), ports.now())

    # first, for who is interrupted here finds the people again
    await remove_hints(ports, record, people)
    after = await change(ports, record.facts.association_id, decide)
    # and again, for an order that comes at the same time adds them; or back, where nobody was erased
    await remove_hints(ports, after, people)
    await add_hints(ports, after)
    return tuple(mail.key for mail in waiting)


def _erasure(record: Record, numbers: tuple[int, ...], event: Event, now: datetime) -> Change:
    wanted = changed(record, event)
    if record.facts.administrator in numbers:
        # the next order may name another one; a code that was sent to this one ends
        wanted = replace(wanted, facts=replace(wanted.facts, administrator=0, code_session=""))
    if any(record.person(number).username for number in numbers):
        # who has signed in may still be at the page; it would show them signed in without a name
        wanted = replace(wanted, facts=replace(wanted.facts, sessions_from=now))
    return replace(
        wanted,
        # the empty row keeps the number, which the history names, from being given to somebody else
        people=tuple(Person(number=number) for number in numbers),
        updated_mails=tuple(
            replace(mail, status=MailStatus.FAILED, reason=ADDRESS_ERASED)
            for mail in _waiting(record, numbers)
        ),
    )


def _waiting(record: Record, numbers: tuple[int, ...]) -> tuple[Mail, ...]:
    due = (mail for mail in record.outbox.values() if mail.status is MailStatus.DUE)
    return tuple(mail for mail in due if mail.person in numbers)


def _addresses(people: Iterable[Person]) -> frozenset[str]:
    return frozenset(_folded(text) for person in people for text in person.addresses)


def _folded(text: str) -> str:
    return text.strip().casefold()
