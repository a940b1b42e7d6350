"""A person is erased: row, look-ups, mails not yet sent, sessions. The history stays, nameless (rule S11)."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from association.changes import change, changed
from association.dataclass import dataclass
from association.facts import Change, Record
from association.partition import Event, Mail, MailStatus, Person
from association.ports import Ports
from association.support import checked_reason, known_record

ADDRESS_ERASED = "address_erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was erased, by this or another at the same time: person numbers, and the keys of mails that will
    not go out. Empty if nothing.
    """

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
    wanted = {_folded(address)} - {""} or _addresses(person for person in known if person.number == number)
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
    numbers = tuple(person.number for person in people)
    others = (person for person in record.people.values() if person.number not in numbers)
    # first, for who is interrupted here finds the people again
    for address in _addresses(people) - _addresses(others):
        for hint in ports.keys.address_hints(address):
            await ports.lookups.remove("email", hint, record.facts.association_id)

    def decide(current: Record) -> Change | None:
        if not still(current):
            return None
        if not any(current.person(number) != Person(number=number) for number in numbers):
            return None
        return _erasure(current, numbers, event)

    await change(ports, record.facts.association_id, decide, record)
    return Erased(people=numbers, mails=tuple(mail.key for mail in _waiting(record, numbers)))


def _erasure(record: Record, numbers: tuple[int, ...], event: Event) -> Change:
    wanted = changed(record, replace(event, old=" ".join(map(str, numbers))))
    if record.facts.administrator in numbers:
        # the next order may name another one; a code that was sent to this one ends
        wanted = replace(wanted, facts=replace(wanted.facts, administrator=0, code_session=""))
    if any(record.person(number).username for number in numbers):
        # who has signed in may still be at the page; it would show them signed in without a name
        wanted = replace(wanted, facts=replace(wanted.facts, sessions_from=event.at))
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
    return frozenset(_folded(text) for person in people for text in (person.email, person.username) if text)


def _folded(text: str) -> str:
    return text.strip().casefold()
