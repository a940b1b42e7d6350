"""Whether a mail that waited to leave still tells the truth.

One refusal of the mail server makes it rest, for up to two hours, and its text is made of what stands when it
leaves. Confirmations are never overtaken: the association stands, whatever became of the share link.
"""

from association.acceptance import CODE_LIFETIME, tries_left
from association.facts import AcceptedBy, Facts, Record
from association.links import is_link_live
from association.news import is_still_so
from association.partition import Mail, MailStatus
from association.ports import Ports


def is_overtaken(ports: Ports, record: Record, mail: Mail) -> bool:
    """Whether what `mail` tells of has changed since it was written."""
    facts = record.facts
    if mail.kind in ("code", "unexpected", "conflict"):
        return not _is_of_tenant(facts, mail) or not _is_open(ports, facts, mail)
    if mail.kind == "invitation":
        # one that support sends to a bound customer is meant to lead back to the page
        return facts.bound_at is not None and mail.created_at < facts.bound_at
    if mail.kind == "order_incomplete":
        order = record.orders.get(mail.about)
        # completing an order of a closed association invites nobody
        return facts.closed_at is not None or (order is not None and not order.missing)
    return mail.kind in ("ready", "late") and not is_still_so(ports, record, mail)


def _is_of_tenant(facts: Facts, mail: Mail) -> bool:
    """Whether the mail is about the tenant that is signed in now; a code's row tells it, others' keys do."""
    if mail.kind == "code":
        return mail.about == facts.tenant_id
    return mail.key.startswith(f"{mail.kind}-{facts.tenant_id}")


def _is_open(ports: Ports, facts: Facts, mail: Mail) -> bool:
    """Whether the question that the mail is about, of the tenant signed in, is still to be answered."""
    if mail.kind == "conflict":
        return facts.conflict_at is not None
    if facts.accepted_by is not AcceptedBy.NOBODY:
        return False
    if mail.kind == "code":
        return _opens(ports, facts, mail.number)
    # whether or not a code goes with it: an organisation that is stopped is told of (rule S4)
    return is_link_live(ports, facts)


def is_code_sent(ports: Ports, record: Record) -> bool:
    """Whether the newest code has gone to who is recorded, or still will."""
    facts = record.facts
    code = record.outbox.get(f"code-{facts.code_number}")
    has_gone = code is not None and code.status is MailStatus.SENT
    return bool(facts.code_session) and (has_gone or _opens(ports, facts, facts.code_number))


def _opens(ports: Ports, facts: Facts, number: int) -> bool:
    """Whether code `number` may still be typed in, in the session that asked for it."""
    sent_at = facts.code_sent_at
    if sent_at is None or number != facts.code_number or not facts.code_session or not tries_left(facts):
        return False
    # what ends that session: signing out or changing accounts, and another link or none
    ends = (facts.sessions_from, facts.link_issued_at, facts.link_revoked_at)
    return ports.now() - sent_at < CODE_LIFETIME and not any(end and end > sent_at for end in ends)
