"""The live link is mailed once more: for who lost the mail, or when the mail server had refused it."""

from dataclasses import replace
from datetime import timedelta

from association.changes import (
    AGAIN,
    OVERTAKEN,
    SAFETY_DELAY,
    again_key,
    change,
    changed,
    has_reader,
)
from association.errors import (
    LinkExpiredError,
    LinkRevokedError,
    OrderClosedError,
    RequestInvalidError,
)
from association.facts import Change, Record
from association.invite import invitation_again
from association.links import link_mails
from association.outbox import FOR_GOOD, WITH_LINK, unsendable
from association.partition import Event, Mail, MailStatus
from association.ports import Ports
from association.rows import Task, TaskKind
from association.support import checked_reason, known_record, require_address

# A request that is repeated meets the mail it made (rule R1).
PAUSE = timedelta(minutes=10)
ON_ITS_WAY = (MailStatus.DUE, MailStatus.SENDING)


async def resend_link(ports: Ports, record: Record, event: Event) -> Record:
    """Mail the live association link again to the recorded address, with `event` in the history.

    A mail that failed becomes due again under its own Message-ID; one less than ten minutes old, or still
    on its way, is enough. What went to somebody who was erased since, or failed for good, is followed by
    another mail. Raises OrderClosedError, LinkRevokedError, LinkExpiredError, and
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
            return _due_again(current, event, *failed)
        if any(_is_enough(ports, current, mail, event) for mail in invitations(current)):
            return None
        again = invitation_again(current, current.facts.administrator, event.at)
        return replace(changed(current, event), mails=(again,))

    resent = await change(ports, identifier, decide, record)
    for mail in invitations(resent):
        if mail.status in ON_ITS_WAY:
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
    nobody to go to or nothing to say any more; for a mail that leads to the link, as `resend_link` does;
    AssociationUnknownError.
    """
    event = Event(what="mail_resent", at=ports.now(), by="support", old=key, new=checked_reason(reason))
    record = await known_record(ports, association_id)
    identifier = record.facts.association_id
    task = Task(kind=TaskKind.MAIL, association_id=identifier, key=key)

    def decide(current: Record) -> Change | None:
        mail = _sendable(ports, current, key)
        if mail.status in ON_ITS_WAY:
            return None
        wanted = _due_again(current, event, mail)
        if any(unsendable(ports, current, due) for due in wanted.updated_mails):
            raise RequestInvalidError({"mail": "not_failed"})
        return wanted

    decide(record)
    await ports.tasks.send(task, SAFETY_DELAY)
    resent = await change(ports, identifier, decide, record)
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


def invitations(record: Record) -> tuple[Mail, ...]:
    """The mails of the live link to who is recorded now: none of those to somebody erased since."""
    return tuple(mail for mail in link_mails(record) if mail.person == record.facts.administrator)


def _failed(record: Record) -> tuple[Mail, ...]:
    failed = (mail for mail in invitations(record) if mail.status is MailStatus.FAILED)
    return tuple(mail for mail in failed if mail.reason not in FOR_GOOD)[:1]


def _is_enough(ports: Ports, record: Record, mail: Mail, event: Event) -> bool:
    """Whether the mail has just gone, or is on its way and will arrive."""
    if mail.status in ON_ITS_WAY:
        return not unsendable(ports, record, mail)
    return mail.status is MailStatus.SENT and event.at - mail.created_at < PAUSE


def _due_again(record: Record, event: Event, *mails: Mail) -> Change:
    due = tuple(
        # as old as this request: what happened before it does not overtake them
        replace(mail, status=MailStatus.DUE, reason="", attempts=0, created_at=event.at, leased_until=None)
        for mail in mails
    )
    return replace(changed(record, event), updated_mails=due)


def _sendable(ports: Ports, record: Record, key: str) -> Mail:
    """The mail `key`, if it is on its way or may be tried again. Raises as `resend_mail` does."""
    mail = record.outbox.get(key)
    if mail is None or mail.status is MailStatus.SENT or not has_reader(record, mail):
        raise RequestInvalidError({"mail": "not_failed"})
    if mail.status is MailStatus.FAILED and mail.reason in FOR_GOOD and not _may_be_so_again(record, mail):
        raise RequestInvalidError({"mail": "not_failed"})
    if mail.kind in WITH_LINK:
        if mail.number != record.facts.link_number:
            raise RequestInvalidError({"mail": "not_failed"})
        require_sendable(ports, record)
    return mail


def _may_be_so_again(record: Record, mail: Mail) -> bool:
    """Whether the mail was only overtaken, and none was written in its place since."""
    first, _, times = mail.key.partition(AGAIN)
    following = again_key(first, int(times or 0) + 1)
    return mail.reason == OVERTAKEN and following not in record.outbox
