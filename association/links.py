"""Links as values: their deterministic ids, their tokens, and when they have ended."""

from datetime import datetime, timedelta

from association.errors import (
    AssociationError,
    LinkExpiredError,
    LinkRevokedError,
    LinkUnknownError,
    OrderClosedError,
    ShareEndedError,
)
from association.facts import Facts, Record
from association.keys import Keys, reference_of, token_hash
from association.partition import Mail
from association.ports import Ports
from association.rows import Link, Purpose

TOKEN_LENGTH = 43


def link_id(association_id: str, purpose: Purpose, number: int) -> str:
    """The id of an association's link `number`; not secret, since the token needs the signing key."""
    return f"{association_id}.{purpose}.{number}"


def mailed_token(keys: Keys, facts: Facts) -> str:
    """The token of the association link that is live now."""
    return keys.link_token(
        facts.link_kid, link_id(facts.association_id, Purpose.ASSOCIATION, facts.link_number)
    )


def share_token(keys: Keys, facts: Facts) -> str:
    """The token of the share link that is live now."""
    return keys.link_token(facts.share_kid, link_id(facts.association_id, Purpose.SHARE, facts.share_number))


async def add_link(ports: Ports, association_id: str, purpose: Purpose, number: int, days: int) -> Link:
    """Store link `number` under its token's hash and return it. Done before the facts that name it are
    written: until then nobody can hold its token, and a repeat meets the same row, which ends with the
    later of both.
    """
    identifier = link_id(association_id, purpose, number)
    link = Link(
        link_id=identifier,
        purpose=purpose,
        association_id=association_id,
        expires_at=ports.now() + timedelta(days=days),
    )
    await ports.links.add(token_hash(ports.keys.link_token(ports.keys.kid, identifier)), link)
    return link


async def find_link(ports: Ports, token: str, purpose: Purpose) -> Link:
    """The live link behind `token`.

    Raises LinkUnknownError; LinkExpiredError or LinkRevokedError, with the association's reference, which who
    has the token may know; OrderClosedError instead of these where the association's order is closed.
    """
    if len(token) != TOKEN_LENGTH or not token.isascii():
        raise LinkUnknownError
    link = await ports.links.find(token_hash(token))
    if link is None or link.purpose is not purpose:
        raise LinkUnknownError
    if link.revoked_at or not ports.keys.is_link_token(token, link.link_id):
        raise await _ended(ports, link, LinkRevokedError)
    if link.expires_at <= ports.now():
        raise await _ended(ports, link, LinkExpiredError)
    return link


async def find_share(ports: Ports, token: str) -> Link:
    """The live share link behind `token`; its users are not told of the administrator's link.

    Raises LinkUnknownError for a token never issued, ShareEndedError for one that opens nothing any more.
    """
    try:
        return await find_link(ports, token, Purpose.SHARE)
    except (LinkExpiredError, LinkRevokedError) as error:
        raise ShareEndedError(error.detail) from error


def is_link_live(ports: Ports, facts: Facts) -> bool:
    """Whether the association's link opens its page now."""
    if not facts.link_expires_at or facts.link_revoked_at or facts.closed_at:
        return False
    return facts.link_expires_at > ports.now() and ports.keys.knows(facts.link_kid)


def is_withdrawn(record: Record) -> bool:
    """Whether support has revoked the association link by itself: closing the order revokes it, too, but only
    until the order is open again.
    """
    ends = [event.what for event in record.events if event.what in ("link_revoked", "closed")]
    return record.facts.link_revoked_at is not None and ends[-1:] != ["closed"]


def needs_link(ports: Ports, record: Record) -> bool:
    """Whether a complete order is followed by a link: there is none, or it has ended by its date or with a
    closed order. A bound customer needs none but after the latter, and what support withdrew stays so.
    """
    facts = record.facts
    if facts.link_revoked_at:
        return not is_withdrawn(record)
    return not facts.is_bound and not is_link_live(ports, facts)


def link_mails(record: Record) -> tuple[Mail, ...]:
    """The mails of the association link that was issued last, to whomever."""
    number = record.facts.link_number
    return tuple(
        mail for mail in record.outbox.values() if mail.kind == "invitation" and mail.number == number
    )


async def _ended(ports: Ports, link: Link, kind: type[AssociationError]) -> AssociationError:
    detail = f"association_id={link.association_id}"
    if link.purpose is Purpose.ASSOCIATION:
        record = await ports.associations.read(link.association_id)
        if record and record.facts.closed_at:
            return OrderClosedError(detail)
    return kind(detail, reference=reference_of(link.association_id))


def link_end(now: datetime, days: int) -> datetime:
    """When a link issued now ends."""
    return now + timedelta(days=days)
