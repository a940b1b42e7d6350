"""Support issues a new link, of either kind, and the one before ends."""

from association.changes import Decide, change, changed
from association.errors import RequestInvalidError
from association.facts import Change, Record
from association.invite import ask_again, issue_link
from association.links import add_link, mailed_token
from association.partition import Event
from association.ports import Ports
from association.rows import Purpose
from association.share import end_link, issue_share
from association.support import checked_reason, known_record, require_address


async def renew_link(ports: Ports, association_id: str, reason: str) -> Record:
    """Issue and mail a new link, and end the one before; what was revoked or closed is open again.

    Raises RequestInvalidError for a missing reason, an order that is still incomplete, or where nobody's
    address is recorded, and AssociationUnknownError.
    """
    given = checked_reason(reason)
    record = await known_record(ports, association_id)
    _require_somebody(record)
    identifier, number = record.facts.association_id, record.facts.link_number + 1
    await add_link(ports, identifier, Purpose.ASSOCIATION, number, ports.settings.link_days)
    renewed = await change(ports, identifier, _renewal(ports, number, given), record)
    if record.facts.link_number:
        await end_link(ports, mailed_token, record.facts)
    return renewed


async def renew_share(ports: Ports, association_id: str, reason: str) -> Record:
    """Issue a new share link, mail it to the recorded address, and end the one before.

    Raises RequestInvalidError for a missing reason or where nobody's address is recorded,
    AssociationUnknownError, NotBoundError, OrderClosedError.
    """
    given = checked_reason(reason)
    record = await known_record(ports, association_id)
    require_address(record)
    return await issue_share(ports, record, by="support", reason=given, mailed=True)


def _require_somebody(record: Record) -> None:
    missing = _never_invited_for(record)
    if missing:
        raise RequestInvalidError(dict.fromkeys(missing, "missing"))
    require_address(record)


def _never_invited_for(record: Record) -> tuple[str, ...]:
    """What the orders still lack, where no link has been issued because of it."""
    if record.facts.link_number:
        return ()
    return tuple(dict.fromkeys(name for order in record.orders.values() for name in order.missing))


def _renewal(ports: Ports, number: int, reason: str) -> Decide:
    now = ports.now()

    def decide(current: Record) -> Change | None:
        if current.facts.link_number >= number:
            return None
        _require_somebody(current)
        event = Event(what="link_renewed", at=now, by="support", old=str(number - 1), new=reason)
        days = ports.settings.link_days
        reopened = ask_again(current, changed(current, event, closed_at=None), now)
        return issue_link(current, reopened, number=number, kid=ports.keys.kid, now=now, days=days)

    return decide
