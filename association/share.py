"""The share link: whether it opens anything, how another takes its place, and how it is revoked.

The facts decide. A link's row is added before the facts name the link, and revoked after they no longer do:
whatever is interrupted in between, a link that the facts don't name, or say is revoked, opens nothing.
"""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from association.administrator import require_administrator
from association.changes import Decide, change, changed, new_mails
from association.errors import NotBoundError, OrderClosedError
from association.facts import Change, Facts, Record
from association.keys import Keys, token_hash
from association.links import add_link, link_end, share_token
from association.partition import Event, Mail
from association.ports import Ports
from association.rows import Purpose
from association.session import Session


class ShareState(StrEnum):
    """Whether the share link opens the guide and the file; ended by its date or with its signing key."""

    OPEN = "open"
    ENDED = "ended"
    REVOKED = "revoked"


def share_state(facts: Facts, keys: Keys, now: datetime) -> ShareState:
    """How the share link that the facts name stands at `now`."""
    if facts.share_revoked_at:
        return ShareState.REVOKED
    in_time = facts.share_expires_at is not None and facts.share_expires_at > now
    return ShareState.OPEN if facts.is_bound and in_time and keys.knows(facts.share_kid) else ShareState.ENDED


async def renew_own_share(ports: Ports, record: Record, session: Session, number: int) -> Record:
    """Put another share link in the place of link `number`, for the administrator, who sees it on the page.

    A repeat finds that link replaced already and changes nothing. Raises NotBoundError,
    AdministratorNeededError, OrderClosedError.
    """
    _require_bound(record.facts)
    require_administrator(record, session)
    if record.facts.share_number != number:
        return record
    return await issue_share(ports, record, actor=session.account)


async def issue_share(
    ports: Ports, record: Record, *, actor: int = 0, by: str = "", reason: str = "", mailed: bool = False
) -> Record:
    """Issue the share link after the one in `record`, and end that one at once.

    `actor` is the number of the person who wants it, or 0 with `by` and `reason`; a mailed one goes to the
    recorded address. Raises NotBoundError, and OrderClosedError where support has closed the association:
    renewing its own link reopens it.
    """
    _require_open(record.facts)
    identifier, number = record.facts.association_id, record.facts.share_number + 1
    await add_link(ports, identifier, Purpose.SHARE, number, ports.settings.share_days)
    event = Event(what="share_renewed", at=ports.now(), actor=actor, by=by, old=str(number - 1), new=reason)
    renewed = await change(ports, identifier, _renewal(ports, number, event, mailed), record)
    if record.facts.share_number:
        await end_link(ports, share_token, record.facts)
    return renewed


async def revoke_share(ports: Ports, record: Record, session: Session, number: int) -> Record:
    """End share link `number`, and the visits that opening it left in browsers, without another in its place.

    A link that isn't the present one any more has ended already; then, and at a repeat, nothing changes.
    Raises NotBoundError,
    AdministratorNeededError.
    """
    _require_bound(record.facts)
    require_administrator(record, session)
    now = ports.now()

    def decide(current: Record) -> Change | None:
        facts = current.facts
        if facts.share_number != number or facts.share_revoked_at or not facts.is_bound:
            return None
        event = Event(what="share_revoked", at=now, actor=session.account, old=str(number))
        return changed(current, event, share_revoked_at=now)

    revoked = await change(ports, record.facts.association_id, decide, record)
    if number and record.facts.share_number == number:
        await end_link(ports, share_token, record.facts)
    return revoked


async def end_link(ports: Ports, token: Callable[[Keys, Facts], str], facts: Facts) -> None:
    """Revoke the row of the link whose token `token` derives from `facts`."""
    # under a key that is gone there is no token to revoke, and none that opens
    with contextlib.suppress(KeyError):
        await ports.links.revoke(token_hash(token(ports.keys, facts)), ports.now())


def _require_bound(facts: Facts) -> None:
    if not facts.is_bound:
        raise NotBoundError(f"association_id={facts.association_id}")


def _require_open(facts: Facts) -> None:
    _require_bound(facts)
    if facts.closed_at:
        raise OrderClosedError(f"association_id={facts.association_id}")


def _renewal(ports: Ports, number: int, event: Event, mailed: bool) -> Decide:
    def decide(current: Record) -> Change | None:
        facts = current.facts
        _require_open(facts)
        if facts.share_number >= number:
            return None
        renewed = changed(
            current,
            event,
            share_number=number,
            share_kid=ports.keys.kid,
            share_expires_at=link_end(event.at, ports.settings.share_days),
            share_revoked_at=None,
        )
        return replace(renewed, mails=new_mails(current, _mail(facts, event, number))) if mailed else renewed

    return decide


def _mail(facts: Facts, event: Event, number: int) -> Mail:
    return Mail(
        key=f"associated-{facts.generation}-{number}",
        kind="associated",
        person=facts.administrator,
        number=number,
        created_at=event.at,
    )
