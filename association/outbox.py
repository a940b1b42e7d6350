"""The mail worker: what the outbox holds is sent once, and what can't be sent says why.

A mail is leased, sent, and noted as sent. A crash between the server's acceptance and our note may repeat
it, with the same Message-ID. After five failures the row becomes `failed` and blocks no other.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from association.acceptance import CODE_LIFETIME
from association.changes import change, changed
from association.errors import MailRefusedError
from association.facts import Change, Record
from association.links import mailed_token, share_token
from association.organisation import organisation
from association.partition import SUPPORT, Event, Mail, MailStatus
from association.ports import Ports
from association.rows import Task

# longer than a slow mail server may take over all steps of its dialogue
LEASE = timedelta(minutes=3)
MOST_ATTEMPTS = 5
BACK_OFF = (30, 300, 1800, 7200)


async def deliver(ports: Ports, task: Task) -> None:
    """Send the mail that `task` names if it is still due; do nothing otherwise."""
    now = ports.now()
    mail = await ports.associations.lease_mail(task.association_id, task.key, now=now, until=now + LEASE)
    if mail is None:
        await _come_back_if_leased(ports, task)
        return
    if mail.attempts > MOST_ATTEMPTS:
        # five attempts ended with neither success nor refusal: a worker that died, a key that is gone
        await _note(ports, task, mail, MailStatus.FAILED, "never_finished")
        return
    record = await ports.associations.read(task.association_id)
    to = _address(ports, record, mail) if record else ""
    if record is None or not to:
        await _note(ports, task, mail, MailStatus.FAILED, "address_erased")
        return
    if _is_void(record, mail):
        await _note(ports, task, mail, MailStatus.FAILED, "link_ended")
        return
    try:
        values = mail_values(ports, record, mail)
        await ports.post.send(mail.kind, record.facts.language, to, message_id(ports, task), values)
    except MailRefusedError as error:
        await _note_failure(ports, task, mail, error)
    else:
        await _note(ports, task, mail, MailStatus.SENT, "")


def _is_void(record: Record, mail: Mail) -> bool:
    """Whether the mail would lead to a link that has been replaced, revoked or closed meanwhile."""
    facts = record.facts
    ended = facts.closed_at or facts.link_revoked_at or mail.number != facts.link_number
    return mail.kind == "invitation" and bool(ended)


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
    if mail.kind == "invitation":
        values["link"] = f"{settings.public_base_url}/a?k={mailed_token(ports.keys, facts)}"
        values["ends"] = facts.link_expires_at
    elif mail.kind == "code":
        values["code"] = ports.keys.code(facts.association_id, mail.number, facts.tenant_id)
        values["minutes"] = int(CODE_LIFETIME.total_seconds() // 60)
        values["organisation"] = organisation(record)
    elif mail.kind == "unexpected":
        values["organisation"] = organisation(record)
    elif mail.kind == "associated":
        values["organisation"] = organisation(record)
        values["bound_at"] = facts.bound_at
        values["share_link"] = f"{settings.public_base_url}/addin?k={share_token(ports.keys, facts)}"
        values["share_ends"] = facts.share_expires_at
    elif mail.kind == "conflict":
        values["organisation"] = organisation(record)
        values["tenant_id"] = facts.tenant_id
        values["customer_number"] = facts.customer_number
        values["other_reference"] = mail.about
    elif mail.kind == "order_incomplete":
        values["order_number"] = mail.about
        values["missing"] = record.orders[mail.about].missing
    return values


async def _come_back_if_leased(ports: Ports, task: Task) -> None:
    record = await ports.associations.read(task.association_id)
    mail = record.outbox.get(task.key) if record else None
    if mail and mail.status is MailStatus.SENDING and mail.leased_until:
        await ports.tasks.send(task, max(mail.leased_until - ports.now(), timedelta(seconds=1)))


async def _note_failure(ports: Ports, task: Task, mail: Mail, error: MailRefusedError) -> None:
    if mail.attempts >= MOST_ATTEMPTS:
        await _note(ports, task, mail, MailStatus.FAILED, error.detail[:200])
        return
    await _note(ports, task, mail, MailStatus.DUE, error.detail[:200])
    await ports.tasks.send(task, timedelta(seconds=BACK_OFF[min(mail.attempts, len(BACK_OFF)) - 1]))


async def _note(ports: Ports, task: Task, mail: Mail, status: MailStatus, reason: str) -> None:
    now = ports.now()
    noted = replace(
        mail,
        status=status,
        reason=reason,
        leased_until=None,
        sent_at=now if status is MailStatus.SENT else None,
    )

    def decide(record: Record) -> Change | None:
        current = record.outbox.get(task.key)
        if current is None or current.status is MailStatus.SENT:
            return None
        event = Event(what=f"mail_{status}", at=now, by="mail", old=task.key, new=reason)
        return replace(changed(record, event), updated_mails=(noted,))

    await change(ports, task.association_id, decide)
