"""Two small wishes of the person in the browser: to leave, and to go on without Microsoft's hint."""

from association.changes import change, changed
from association.facts import Change, Record
from association.partition import Event
from association.ports import Ports
from association.session import sessions_from


async def sign_out(ports: Ports, record: Record) -> Record:
    """End every session of the association that began before now."""
    now = ports.now()

    def decide(current: Record) -> Change:
        event = Event(what="signed_out", at=now, actor=current.facts.account)
        return changed(current, event, sessions_from=sessions_from(current.facts, now))

    return await change(ports, record.facts.association_id, decide, record)


async def continue_anyway(ports: Ports, record: Record) -> Record:
    """Go on to the consent although the id_token shows no Global Administrator: it is a hint, no proof."""
    now = ports.now()

    def decide(current: Record) -> Change | None:
        if current.facts.is_administrator_hint or current.facts.is_bound:
            return None
        event = Event(what="continued_without_hint", at=now, actor=current.facts.account)
        return changed(current, event, is_administrator_hint=True)

    return await change(ports, record.facts.association_id, decide, record)
