"""The live link is mailed once more: for who lost the mail, or when the mail server had refused it."""

from dataclasses import replace
from datetime import timedelta

from association.changes import SAFETY_DELAY, change, changed
from association.errors import (
    LinkExpiredError,
    LinkRevokedError,
    OrderClosedError,
    RequestInvalidError,
)
from association.facts import Change, Facts, Record
from association.outbox import FOR_GOOD
from association.partition import Event, Mail, MailStatus
from association.ports import Ports
from association.rows import Task, TaskKind
from association.support import checked_reason, known_record, require_address

# A request that is repeated meets the mail it made (rule R1).
PAUSE = timedelta(minutes=10)


async def resend_link(ports: Ports, record: Record, event: Event) -> Record:
    """Mail the live association link again to the recorded address, with `event` in the history.

    A mail that failed becomes due again under its own Message-ID; one less than ten minutes old, or still
    on its way, is enough. Raises OrderClosedError, LinkRevokedError, LinkExpiredError, and
    RequestInvalidError where no link has been issued or nobody's address is recorded.
    """
    identifier = record.facts.association_id
    require_sendable(ports, record)
    for mail in _failed(record):
        await ports.tasks.send(
            Task(kind=TaskKind.MAIL, association_id=identifier, key=mail.key), SAFETY_DELAY
        )

    def decide(current: Record) -> Change | None:
        require_sendable(ports, current)
        failed = _failed(current)
        if failed:
            again = tuple(
                replace(mail, status=MailStatus.DUE, attempts=0, created_at=event.at, leased_until=None)
                for mail in failed
            )
            return replace(changed(current, event), updated_mails=again)
        sent = _about_link(current)
        if any(event.at - mail.created_at < PAUSE or mail.status is not MailStatus.SENT for mail in sent):
            return None
        return replace(changed(current, event), mails=(_again(current.facts, len(sent), event),))

    resent = await change(ports, identifier, decide, record)
    for mail in _about_link(resent):
        if mail.status is MailStatus.DUE:
            await ports.tasks.send(Task(kind=TaskKind.MAIL, association_id=identifier, key=mail.key))
    return resent


async def resend_for_support(ports: Ports, association_id: str, reason: str) -> Record:
    """Mail the live link again at support's wish.

    Raises RequestInvalidError for a missing reason, AssociationUnknownError, and as `resend_link` does.
    """
    event = Event(what="link_resent", at=ports.now(), by="support", new=checked_reason(reason))
    record = await known_record(ports, association_id)
    return await resend_link(ports, record, event)


async def resend_mail(ports: Ports, association_id: str, key: str, reason: str) -> Record:
    """Have the mail `key`, which failed at the mail server, tried again under its own Message-ID; one that is
    on its way goes on.

    Raises RequestInvalidError for a missing reason and for a mail that isn't there, has been sent, or has
    nobody to go to or nothing to say any more; AssociationUnknownError.
    """
    event = Event(what="mail_resent", at=ports.now(), by="support", old=key, new=checked_reason(reason))
    record = await known_record(ports, association_id)
    task = Task(kind=TaskKind.MAIL, association_id=association_id, key=key)

    def decide(current: Record) -> Change | None:
        mail = current.outbox.get(key)
        if mail and mail.status in (MailStatus.DUE, MailStatus.SENDING):
            return None
        if mail is None or mail.status is MailStatus.SENT or mail.reason in FOR_GOOD:
            raise RequestInvalidError({"mail": "not_failed"})
        due = replace(mail, status=MailStatus.DUE, attempts=0, leased_until=None)
        return replace(changed(current, event), updated_mails=(due,))

    decide(record)
    await ports.tasks.send(task, SAFETY_DELAY)
    resent = await change(ports, association_id, decide, record)
    await ports.tasks.send(task)
    return resent


def require_sendable(ports: Ports, record: Record) -> None:
    """Raises LinkRevokedError, LinkExpiredError or RequestInvalidError unless the live link can be mailed."""
    facts = record.facts
    if not facts.link_number or facts.link_expires_at is None:
        missing = dict.fromkeys(
            (name for order in record.orders.values() for name in order.missing), "missing"
        )
        raise RequestInvalidError(missing or {"link": "missing"})
    require_address(record)
    if facts.closed_at:
        raise OrderClosedError(f"association_id={facts.association_id}")
    if facts.link_revoked_at or not ports.keys.knows(facts.link_kid):
        raise LinkRevokedError(f"association_id={facts.association_id}")
    if facts.link_expires_at <= ports.now():
        raise LinkExpiredError(f"association_id={facts.association_id}")


def _about_link(record: Record) -> tuple[Mail, ...]:
    """The mails of the link that is live now."""
    number = record.facts.link_number
    return tuple(
        mail for mail in record.outbox.values() if mail.kind == "invitation" and mail.number == number
    )


def _failed(record: Record) -> tuple[Mail, ...]:
    return tuple(mail for mail in _about_link(record) if mail.status is MailStatus.FAILED)[:1]


def _again(facts: Facts, number: int, event: Event) -> Mail:
    return Mail(
        key=f"invitation-{facts.link_number}-again-{number}",
        kind="invitation",
        person=facts.administrator,
        number=facts.link_number,
        created_at=event.at,
    )
