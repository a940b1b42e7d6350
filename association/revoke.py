"""A link is withdrawn before its time, and whatever it opened ends with it (rule S9)."""

from association.changes import change, changed
from association.errors import NotBoundError, RequestInvalidError
from association.facts import Change, Record
from association.links import is_withdrawn, mailed_token, share_token
from association.partition import Event
from association.ports import Ports
from association.share import end_link
from association.support import checked_reason, known_id


async def revoke_association_link(ports: Ports, association_id: str, reason: str) -> Record:
    """Withdraw the association link; its visits and sessions end. A repeat changes nothing.

    Raises RequestInvalidError for a missing reason or where no link has been issued,
    AssociationUnknownError.
    """
    event = Event(what="link_revoked", at=ports.now(), by="support", new=checked_reason(reason))

    def decide(current: Record) -> Change | None:
        if not current.facts.link_number:
            raise RequestInvalidError({"link": "link_never_issued"})
        if is_withdrawn(current):
            return None
        return changed(current, event, link_revoked_at=event.at)

    revoked = await change(ports, known_id(association_id), decide)
    await end_link(ports, mailed_token, revoked.facts)
    return revoked


async def revoke_share_link(ports: Ports, association_id: str, reason: str) -> Record:
    """Withdraw the users' share link; a repeat changes nothing.

    Raises RequestInvalidError for a missing reason, NotBoundError, AssociationUnknownError.
    """
    event = Event(what="share_revoked", at=ports.now(), by="support", new=checked_reason(reason))

    def decide(current: Record) -> Change | None:
        if not current.facts.share_number:
            raise NotBoundError(f"association_id={current.facts.association_id}")
        if current.facts.share_revoked_at:
            return None
        return changed(current, event, share_revoked_at=event.at)

    revoked = await change(ports, known_id(association_id), decide)
    await end_link(ports, share_token, revoked.facts)
    return revoked
