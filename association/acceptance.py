"""A tenant that isn't the recorded address's: nothing goes on until a code sent to that address is typed in.

Rule S4: 6 digits, 10 minutes, 5 tries, typed in the session that was told of it; the recorded address and
the partner are told. Support may release the tenant instead, with a reason.
"""

from dataclasses import replace
from datetime import timedelta
from hmac import compare_digest

from association.changes import change, changed, new_mails, told_again
from association.errors import (
    AccountChangedError,
    CodeEndedError,
    CodeWrongError,
    GuestUnexpectedError,
    SessionMissingError,
)
from association.facts import AcceptedBy, Change, Facts, Record
from association.limits import require_code_left
from association.partition import Event, Mail
from association.ports import Ports
from association.session import Session, is_about, is_live

CODE_LIFETIME = timedelta(minutes=10)
MOST_TRIES = 5


async def ask_acceptance(ports: Ports, record: Record, session: Session, *, again: bool = False) -> Record:
    """Send a code to the recorded address, and word to the partner; a live code of this session stands.

    `again` sends a new one in any case. Once the recorded address is erased no code is made: the partner is
    told, and support can release the tenant. Raises LimitReachedError, GuestUnexpectedError for a guest, and
    AccountChangedError when somebody else has signed in since, SessionMissingError when the session ended.
    """
    await require_code_left(ports, record.facts, "code" if again else "code_at_sign_in")
    now = ports.now()

    def decide(current: Record) -> Change | None:
        facts = current.facts
        if facts.accepted_by is not AcceptedBy.NOBODY or (not again and is_code_live(ports, facts, session)):
            return None
        if not is_about(session, facts):
            raise AccountChangedError(f"association_id={facts.association_id}")
        if not is_live(session, facts, now):
            # signed out in another tab: nobody could type the code
            raise SessionMissingError(f"association_id={facts.association_id}")
        if facts.is_guest:
            raise GuestUnexpectedError(f"association_id={facts.association_id}")
        event = Event(what="tenant_unexpected", at=now, actor=facts.account, new=facts.tenant_id)
        if not facts.has_address:
            told = changed(current, event)
            return None if again else replace(told, mails=new_mails(current, _word(ports, current)))
        number = facts.code_number + 1
        asked = changed(
            current,
            event,
            code_number=number,
            code_sent_at=now,
            code_tries=0,
            code_session=session.session_id,
        )
        return replace(asked, mails=new_mails(current, _code(ports, facts, number), _word(ports, current)))

    return await change(ports, record.facts.association_id, decide, record)


async def accept_by_code(ports: Ports, record: Record, session: Session, code: str) -> Record:
    """Accept the session's tenant if `code` is the one sent; a repeat changes nothing.

    Every try is counted before it is compared, under the facts' ETag, so that racing tries count too.
    Raises CodeEndedError or CodeWrongError.
    """
    now = ports.now()

    def count(current: Record) -> Change | None:
        if _has_accepted(current.facts, session):
            return None
        if not is_code_live(ports, current.facts, session):
            raise CodeEndedError(f"association_id={current.facts.association_id}")
        event = Event(what="code_tried", at=now, actor=current.facts.account)
        return changed(current, event, code_tries=current.facts.code_tries + 1)

    counted = await change(ports, record.facts.association_id, count, record)
    facts = counted.facts
    if _has_accepted(facts, session):
        return counted
    wanted = ports.keys.code(facts.association_id, facts.code_number, facts.tenant_id)
    if not compare_digest("".join(code.split()).encode(), wanted.encode()):
        raise CodeWrongError(f"association_id={facts.association_id} tries={facts.code_tries}")
    return await _accept(ports, counted, session)


def is_code_live(ports: Ports, facts: Facts, session: Session) -> bool:
    """Whether the code sent last may still be typed in by `session`."""
    return (
        facts.code_session == session.session_id
        and facts.tenant_id == session.tenant_id
        and facts.code_sent_at is not None
        and ports.now() - facts.code_sent_at < CODE_LIFETIME
        and facts.code_tries < MOST_TRIES
    )


def tries_left(facts: Facts) -> int:
    """How many more codes may be typed in."""
    return max(0, MOST_TRIES - facts.code_tries)


async def _accept(ports: Ports, record: Record, session: Session) -> Record:
    now = ports.now()

    def decide(current: Record) -> Change | None:
        facts = current.facts
        if facts.tenant_id != session.tenant_id:
            raise CodeEndedError(f"association_id={facts.association_id}")
        if facts.accepted_by is not AcceptedBy.NOBODY:
            return None
        event = Event(what="tenant_accepted", at=now, actor=facts.account, new=AcceptedBy.CODE)
        return changed(current, event, accepted_by=AcceptedBy.CODE, accepted_at=now, code_session="")

    return await change(ports, record.facts.association_id, decide, record)


def _has_accepted(facts: Facts, session: Session) -> bool:
    return facts.tenant_id == session.tenant_id and facts.accepted_by is not AcceptedBy.NOBODY


def _code(ports: Ports, facts: Facts, number: int) -> Mail:
    return Mail(
        key=f"code-{number}",
        kind="code",
        person=facts.administrator,
        number=number,
        about=facts.tenant_id,
        created_at=ports.now(),
    )


def _word(ports: Ports, record: Record) -> Mail:
    # One word to the partner per unexpected tenant, however many codes are asked for.
    word = Mail(
        key=f"unexpected-{record.facts.tenant_id}",
        kind="unexpected",
        person=record.facts.partner_contact,
        created_at=ports.now(),
    )
    return told_again(record, word)
