"""The mail worker: what the outbox holds is sent once, and what can't be sent says why.

A mail is leased, sent, and noted as sent. A crash between the server's acceptance and our note may repeat
it, with the same Message-ID; so may storage that takes the note in none of several attempts. After a failure
the row says until when it rests, whatever message asks for it in between; after five it becomes `failed` and
blocks no other.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from association.acceptance import CODE_LIFETIME
from association.answer import answer_named
from association.changes import ADDRESS_ERASED, OVERTAKEN, change, changed
from association.errors import ConcurrentChangeError, MailRefusedError, StorageUnavailableError
from association.facts import Change, Facts, Record
from association.links import is_link_live, mailed_token, needs_link, share_token
from association.organisation import organisation
from association.overtaken import is_code_sent, is_overtaken
from association.partition import SUPPORT, Event, Mail, MailStatus
from association.ports import Ports
from association.rows import Task
from association.share import ShareState, share_state

# longer than a slow mail server may take over all steps of its dialogue
LEASE = timedelta(minutes=3)
MOST_ATTEMPTS = 5
MOST_NOTES = 5
BACK_OFF = (30, 300, 1800, 7200)
# Word of the way.
NEWS = ("ready", "late")
# What leads to the association link: not once that link has ended.
WITH_LINK = ("invitation", *NEWS)
# Why a mail isn't sent that no repeat would send.
FOR_GOOD = (ADDRESS_ERASED, "link_ended", OVERTAKEN, "content_gone")


async def deliver(ports: Ports, task: Task) -> None:
    """Send the mail that `task` names if it is still due; do nothing otherwise."""
    # read before the lease counts an attempt: what storage does not answer says nothing of the mail
    record = await ports.associations.read(task.association_id)
    if record is None or not _is_open(record.outbox.get(task.key)):
        return
    now = ports.now()
    mail = await ports.associations.lease_mail(task.association_id, task.key, now=now, until=now + LEASE)
    if mail is None:
        await _come_back(ports, task)
        return
    if mail.attempts > MOST_ATTEMPTS:
        # the last attempt ended with neither success nor refusal: a worker that died
        await _note(ports, task, mail, MailStatus.FAILED, mail.reason or "never_finished")
        return
    if reason := unsendable(ports, record, mail):
        await _note_unsendable(ports, task, mail, reason)
        return
    try:
        values = mail_values(ports, record, mail)
        to = _address(ports, record, mail)
        await ports.post.send(mail.kind, record.facts.language, to, message_id(ports, task), values)
    except KeyError:
        # the order or the signing key that it tells of is gone, and no repeat brings it back
        await _note(ports, task, mail, MailStatus.FAILED, "content_gone")
    except MailRefusedError as error:
        await _note_failure(ports, task, mail, error)
    else:
        await _note_sent(ports, task, mail)


def _is_open(mail: Mail | None) -> bool:
    return mail is not None and mail.status in (MailStatus.DUE, MailStatus.SENDING)


def unsendable(ports: Ports, record: Record, mail: Mail) -> str:
    """Why the mail has no reader or nothing to say any more; "" where it has."""
    if not _address(ports, record, mail):
        return ADDRESS_ERASED
    if mail.kind in WITH_LINK and (
        mail.number != record.facts.link_number or not is_link_live(ports, record.facts)
    ):
        return "link_ended"
    is_confirmation = mail.key == f"associated-{record.facts.generation}"
    if mail.kind == "associated" and not is_confirmation and not _is_share_open(ports, record.facts):
        # support sent it for the sake of the link alone
        return "link_ended"
    return OVERTAKEN if is_overtaken(ports, record, mail) else ""


def _is_share_open(ports: Ports, facts: Facts) -> bool:
    return share_state(facts, ports.keys, ports.now()) is ShareState.OPEN


def _address(ports: Ports, record: Record, mail: Mail) -> str:
    return ports.settings.support_email if mail.person == SUPPORT else record.person(mail.person).email


def message_id(ports: Ports, task: Task) -> str:
    """The Message-ID (RFC 5322) of a mail: the same at every attempt. A key may hold an order's number, whose
    blanks would end the header there.
    """
    domain = ports.settings.mail_from.rpartition("@")[2].strip("> ")
    return f"<{task.association_id}.{quote(task.key, safe='')}@{domain}>"


def mail_values(ports: Ports, record: Record, mail: Mail) -> dict[str, Any]:
    """What the texts of `mail` are filled with. Tokens and codes are derived here, never stored."""
    facts, settings = record.facts, ports.settings
    values: dict[str, Any] = {
        "company_name": facts.company_name,
        "partner_name": facts.partner_name,
        "reference": facts.reference,
        "support_phone": settings.support_phone,
        "support_email": settings.support_email,
    }
    if mail.kind in WITH_LINK:
        values["link"] = f"{settings.public_base_url}/a?k={mailed_token(ports.keys, facts)}"
        values["ends"] = facts.link_expires_at
    if mail.kind in NEWS:
        values |= {"about": mail.about, "refusal": answer_named(facts.access_refusal)}
        values["organisation"] = organisation(record)
    elif mail.kind == "code":
        values["code"] = ports.keys.code(facts.association_id, mail.number, facts.tenant_id)
        values["minutes"] = int(CODE_LIFETIME.total_seconds() // 60)
        values["organisation"] = organisation(record)
    elif mail.kind == "unexpected":
        values["organisation"] = organisation(record)
        values |= {"has_address": facts.has_address, "is_code_sent": is_code_sent(ports, record)}
    elif mail.kind == "associated":
        values["organisation"] = organisation(record)
        values["bound_at"] = facts.bound_at
        # the association is told of in any case, the address only while it opens something
        token = share_token(ports.keys, facts) if _is_share_open(ports, facts) else ""
        values["share_link"] = f"{settings.public_base_url}/addin?k={token}" if token else ""
        values["share_ends"] = facts.share_expires_at
    elif mail.kind == "conflict":
        values["organisation"] = organisation(record)
        values["tenant_id"] = facts.tenant_id
        values["customer_number"] = facts.customer_number
        values["other_reference"] = mail.about
    elif mail.kind == "order_incomplete":
        missing = record.orders[mail.about].missing
        values |= {"order_number": mail.about, "missing": missing, "is_followed": needs_link(ports, record)}
    return values


async def _come_back(ports: Ports, task: Task) -> None:
    """Somebody else has the mail, or it rests after a failure: look again when that time is over."""
    record = await ports.associations.read(task.association_id)
    mail = record.outbox.get(task.key) if record else None
    if mail and _is_open(mail) and mail.leased_until:
        await ports.tasks.send(task, max(mail.leased_until - ports.now(), timedelta(seconds=1)))


async def _note_failure(ports: Ports, task: Task, mail: Mail, error: MailRefusedError) -> None:
    if mail.attempts >= MOST_ATTEMPTS:
        await _note(ports, task, mail, MailStatus.FAILED, error.detail[:200])
        return
    rest = timedelta(seconds=BACK_OFF[min(mail.attempts, len(BACK_OFF)) - 1])
    await _note(ports, task, mail, MailStatus.DUE, error.detail[:200], rest=rest)
    await ports.tasks.send(task, rest)


async def _note_unsendable(ports: Ports, task: Task, mail: Mail, reason: str) -> None:
    """Give the mail up, unless it has something to say again on the very record that is written over."""
    await _note(
        ports, task, mail, MailStatus.FAILED, reason, unless=lambda now: not unsendable(ports, now, mail)
    )
    await _come_back(ports, task)


async def _note_sent(ports: Ports, task: Task, mail: Mail) -> None:
    """The server has the mail: what keeps us from noting it would send it again. Every note gives way to
    others' changes several times; only after the last may the mail go out a second time.
    """
    for _ in range(MOST_NOTES - 1):
        with suppress(StorageUnavailableError, ConcurrentChangeError):
            return await _note(ports, task, mail, MailStatus.SENT, "")
    return await _note(ports, task, mail, MailStatus.SENT, "")


async def _note(
    ports: Ports,
    task: Task,
    mail: Mail,
    status: MailStatus,
    reason: str,
    *,
    rest: timedelta | None = None,
    unless: Callable[[Record], bool] = lambda _: False,
) -> None:
    now = ports.now()
    noted = replace(
        mail,
        status=status,
        reason=reason,
        leased_until=now + rest if rest else None,
        sent_at=now if status is MailStatus.SENT else None,
    )

    def decide(record: Record) -> Change | None:
        current = record.outbox.get(task.key)
        if current is None or current.status is MailStatus.SENT or unless(record):
            return None
        if status is not MailStatus.SENT and (current.status, current.attempts) != (
            mail.status,
            mail.attempts,
        ):
            # the lease has ended, and the mail is somebody else's now
            return None
        event = Event(what=f"mail_{status}", at=now, by="mail", old=task.key, new=reason)
        return replace(changed(record, event), updated_mails=(noted,))

    await change(ports, task.association_id, decide)
