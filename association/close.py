"""Support closes an association: nobody goes on with it until its link is renewed."""

from association.changes import change, changed
from association.facts import Change, Record
from association.links import mailed_token, share_token
from association.partition import Event
from association.ports import Ports
from association.share import end_link
from association.support import checked_reason, known_id


async def close(ports: Ports, association_id: str, reason: str) -> Record:
    """Close the association: both links are withdrawn and sessions end; a binding stays as it is.

    A repeat changes nothing; renewing the link reopens. Raises RequestInvalidError for a missing reason,
    AssociationUnknownError.
    """
    given, now = checked_reason(reason), ports.now()

    def decide(current: Record) -> Change | None:
        facts = current.facts
        if facts.closed_at:
            return None
        event = Event(what="closed", at=now, by="support", new=given)
        return changed(
            current,
            event,
            closed_at=now,
            link_revoked_at=facts.link_revoked_at or (now if facts.link_number else None),
            share_revoked_at=facts.share_revoked_at or (now if facts.share_number else None),
        )

    closed = await change(ports, known_id(association_id), decide)
    if closed.facts.link_number:
        await end_link(ports, mailed_token, closed.facts)
    if closed.facts.share_number:
        await end_link(ports, share_token, closed.facts)
    return closed
