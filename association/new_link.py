"""« Recevoir un nouveau lien »: the association link again, to the recorded address and to no other.

What somebody typed is only read here and put on the queue; whether it belongs to an association is looked at
by the task, so that neither the answer nor its time tells (rule S7). A live link is sent again as it is, an
expired one is followed by the next. Nothing is sent where the order is closed or incomplete, where support
has withdrawn the link, or where a tenant is bound: a new link would end the customer's sessions, so that
support renews it, with a reason.
"""

import unicodedata
from datetime import datetime, timedelta

from association.changes import Decide, change, changed
from association.errors import RequestInvalidError
from association.facts import Change, Facts, Record
from association.invite import issue_link
from association.keys import Keys, read_reference
from association.limits import is_new_link_left, require_new_link_left
from association.links import add_link, is_link_live
from association.order import NUMBER, read_address
from association.partition import Event
from association.ports import Ports
from association.resend import PAUSE, invitations, resend_link
from association.rows import Purpose, Task, TaskKind

LONGEST = 254
# One link is mailed this often within a day, the first time included.
MOST_MAILS = 4
A_DAY = timedelta(days=1)
# So many associations are held against a typed address.
MOST_LOOKED_AT = 1000


def read_asked(keys: Keys, text: str) -> str:
    """What was typed: `email:` and the address's look-up keys, or `number:` and a reference or order number.

    Raises RequestInvalidError for `asked` with `missing`, `too_long` or `not_understood`.
    """
    typed = unicodedata.normalize("NFC", text).strip()
    if not typed or len(typed) > LONGEST:
        raise RequestInvalidError({"asked": "too_long" if typed else "missing"})
    if "@" in typed:
        try:
            return "email:" + ",".join(keys.address_hints(read_address(typed)))
        except ValueError as error:
            raise RequestInvalidError({"asked": "not_understood"}) from error
    # a number has a digit, or it may be somebody's name
    is_number = NUMBER.fullmatch(typed) and any(character.isdigit() for character in typed)
    if not is_number and not read_reference(typed):
        raise RequestInvalidError({"asked": "not_understood"})
    return f"number:{typed}"


async def ask_new_link(ports: Ports, asked: str, caller: str) -> None:
    """Hand the question `asked` to the queue; `caller` is a network address, or "" where none is known.

    Raises LimitReachedError.
    """
    await require_new_link_left(ports, asked, caller)
    await ports.tasks.send(Task(kind=TaskKind.NEW_LINK, association_id="", key=asked))


async def send_new_link(ports: Ports, task: Task) -> None:
    """Mail its link to the association that `task` names, or name each that its question is about."""
    if task.association_id:
        record = await ports.associations.read(task.association_id)
        if record:
            await _send(ports, record)
        return
    by, _, value = task.key.partition(":")
    for identifier in await (_of_address if by == "email" else _of_number)(ports, value):
        await ports.tasks.send(Task(kind=TaskKind.NEW_LINK, association_id=identifier))


async def _of_address(ports: Ports, value: str) -> list[str]:
    """The associations whose recorded administrator has the address, under whichever signing key."""
    hints = value.split(",")
    found = [await _hinted(ports, hint) for hint in hints]
    records = [
        await ports.associations.read(identifier)
        for identifier in dict.fromkeys(identifier for some in found for identifier in some)
    ]
    return [
        record.facts.association_id
        for record in records
        if record and ports.keys.address_hints(_recorded(record))[0] in hints
    ]


async def _hinted(ports: Ports, hint: str) -> list[str]:
    """The ids behind a hint: a partner's address may be that of hundreds of orders' contact."""
    found: list[str] = []
    while len(found) < MOST_LOOKED_AT:
        some = await ports.lookups.find("email", hint, after=found[-1] if found else "")
        if not some:
            break
        found += some
    return found


async def _of_number(ports: Ports, value: str) -> list[str]:
    """The associations of the order and of the reference: a number may be both."""
    asked = {"order": value, "reference": read_reference(value)}
    claims = [await ports.claims.owner(kind, number) for kind, number in asked.items() if number]
    return list(dict.fromkeys(claim.association_id for claim in claims if claim))


def _recorded(record: Record) -> str:
    return record.person(record.facts.administrator).email


async def _send(ports: Ports, record: Record) -> None:
    facts, now = record.facts, ports.now()
    if not _may_be_sent(facts) or not _recorded(record):
        return
    if is_link_live(ports, facts) and _was_mailed_enough(record, now):
        return
    if not await is_new_link_left(ports, _recorded(record)):
        return
    if is_link_live(ports, facts):
        event = Event(what="link_resent", at=now, by="request")
        await resend_link(ports, record, event)
        return
    number = facts.link_number + 1
    await add_link(ports, facts.association_id, Purpose.ASSOCIATION, number, ports.settings.link_days)
    await change(ports, facts.association_id, _next(ports, number), record)


def _may_be_sent(facts: Facts) -> bool:
    return not (facts.link_number == 0 or facts.is_bound or facts.closed_at or facts.link_revoked_at)


def _was_mailed_enough(record: Record, now: datetime) -> bool:
    """Whether the live link was mailed just now, so that a repeated task meets its mail, or often today."""
    ages = [now - mail.created_at for mail in invitations(record)]
    return any(age < PAUSE for age in ages) or sum(age < A_DAY for age in ages) >= MOST_MAILS


def _next(ports: Ports, number: int) -> Decide:
    now = ports.now()

    def decide(current: Record) -> Change | None:
        is_wanted = _may_be_sent(current.facts) and _recorded(current)
        if not is_wanted or current.facts.link_number >= number:
            return None
        event = Event(what="link_renewed", at=now, by="request", old=str(number - 1))
        days, kid = ports.settings.link_days, ports.keys.kid
        return issue_link(current, changed(current, event), number=number, kid=kid, now=now, days=days)

    return decide
