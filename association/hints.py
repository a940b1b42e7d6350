"""The hints by which support finds an association by an e-mail address or a sign-in name.

A hint only says where to look: what is found is held against the rows.
"""

import asyncio
from collections.abc import Iterable

from association.facts import Record
from association.order import read_address
from association.partition import Person
from association.ports import Ports


async def add_hints(ports: Ports, record: Record, people: Iterable[Person]) -> Record:
    """Add the hints of `people`, who are in `record`, and return it as it stands then: the hints of somebody
    who has been erased meanwhile go again. Those that are there are written again, which heals them.
    """
    known = tuple(people)
    hints = {ports.keys.address_hints(text)[0] for text in _texts(known)}
    identifier = record.facts.association_id
    await asyncio.gather(*(ports.lookups.add("email", hint, identifier) for hint in hints))
    current = await ports.associations.read(identifier) or record
    standing = frozenset(current.people.values())
    await remove_hints(ports, current, [one for one in known if one not in standing])
    return current


async def remove_hints(ports: Ports, record: Record, people: Iterable[Person]) -> None:
    """Remove the hints of `people`, but for those by which somebody else in `record` is found."""
    gone = frozenset(people)
    others = {text.casefold() for text in _texts(one for one in record.people.values() if one not in gone)}
    for text in _texts(gone):
        if text.casefold() not in others:
            for hint in ports.keys.address_hints(text):
                await ports.lookups.remove("email", hint, record.facts.association_id)


def address_forms(text: str) -> tuple[str, ...]:
    """An address as it was typed, and as orders record it if that is another: in ASCII, whatever script its
    domain is written in.
    """
    try:
        return tuple(dict.fromkeys((text, read_address(text))))
    except ValueError:
        return (text,)


def _texts(people: Iterable[Person]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for person in people for text in person.addresses))
