"""Support issues a new link, of either kind, and the one before ends."""

import contextlib
from collections.abc import Callable
from dataclasses import replace

from association.changes import Decide, change, changed, new_mails
from association.errors import AssociationUnknownError, NotBoundError, RequestInvalidError
from association.facts import Change, Facts, Record
from association.invite import issue_link
from association.keys import Keys, token_hash
from association.links import add_link, link_end, mailed_token, share_token
from association.partition import Event, Mail
from association.ports import Ports
from association.rows import Purpose
from association.support import checked_reason, known_id


async def renew_link(ports: Ports, association_id: str, reason: str) -> Record:
    """Issue and mail a new link, and end the one before.

    Raises RequestInvalidError for a missing reason or an order that is still incomplete, and
    AssociationUnknownError.
    """
    given = checked_reason(reason)
    record = await _known(ports, association_id)
    missing = _never_invited_for(record)
    if missing:
        raise RequestInvalidError(dict.fromkeys(missing, "missing"))
    identifier, number = record.facts.association_id, record.facts.link_number + 1
    await add_link(ports, identifier, Purpose.ASSOCIATION, number, ports.settings.link_days)
    renewed = await change(ports, identifier, _renewal(ports, number, given), record)
    if record.facts.link_number:
        await _end(ports, mailed_token, record.facts)
    return renewed


async def renew_share(ports: Ports, association_id: str, reason: str) -> Record:
    """Issue a new share link, mail it to the recorded address, and end the one before.

    Raises RequestInvalidError for a missing reason, AssociationUnknownError, NotBoundError.
    """
    given = checked_reason(reason)
    record = await _known(ports, association_id)
    _require_bound(record.facts)
    identifier, number = record.facts.association_id, record.facts.share_number + 1
    await add_link(ports, identifier, Purpose.SHARE, number, ports.settings.share_days)
    renewed = await change(ports, identifier, _share_renewal(ports, number, given), record)
    if record.facts.share_number:
        await _end(ports, share_token, record.facts)
    return renewed


async def _known(ports: Ports, association_id: str) -> Record:
    identifier = known_id(association_id)
    record = await ports.associations.read(identifier)
    if record is None:
        raise AssociationUnknownError(f"association_id={identifier}")
    return record


def _require_bound(facts: Facts) -> None:
    if not facts.is_bound:
        raise NotBoundError(f"association_id={facts.association_id}")


async def _end(ports: Ports, token: Callable[[Keys, Facts], str], facts: Facts) -> None:
    # under a key that is gone there is no token to revoke, and none that opens
    with contextlib.suppress(KeyError):
        await ports.links.revoke(token_hash(token(ports.keys, facts)), ports.now())


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
        event = Event(what="link_renewed", at=now, by="support", old=str(number - 1), new=reason)
        days = ports.settings.link_days
        return issue_link(
            current, changed(current, event), number=number, kid=ports.keys.kid, now=now, days=days
        )

    return decide


def _share_renewal(ports: Ports, number: int, reason: str) -> Decide:
    now = ports.now()

    def decide(current: Record) -> Change | None:
        facts = current.facts
        _require_bound(facts)
        if facts.share_number >= number:
            return None
        event = Event(what="share_renewed", at=now, by="support", old=str(facts.share_number), new=reason)
        renewed = changed(
            current,
            event,
            share_number=number,
            share_kid=ports.keys.kid,
            share_expires_at=link_end(now, ports.settings.share_days),
        )
        mail = Mail(
            key=f"associated-{facts.generation}-{number}",
            kind="associated",
            person=facts.administrator,
            number=number,
            created_at=now,
        )
        return replace(renewed, mails=new_mails(current, mail))

    return decide
