"""How facts change: decide on what was read, write under its ETag, and on a conflict read and decide again.

A decision is a pure function of the record. What a change promises for later (its mails) is sent to the
queue twice: with a delay before the transaction, so that a crash cannot lose it, and at once after it.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from association.errors import AssociationUnknownError, ConcurrentChangeError
from association.facts import Change, Record
from association.partition import SUPPORT, Event, Mail, MailStatus
from association.ports import Ports
from association.rows import Task, TaskKind

ATTEMPTS = 8
# The reasons of a mail that wasn't sent because what it told of had changed, or nobody was there to read it.
OVERTAKEN = "overtaken"
ADDRESS_ERASED = "address_erased"
SAFETY_DELAY = timedelta(seconds=60)
AGAIN = "~again-"  # in the keys of mails that follow another one; no order's number holds a tilde

Decide = Callable[[Record], Change | None]


async def change(ports: Ports, association_id: str, decide: Decide, read: Record | None = None) -> Record:
    """Apply `decide` to the association and return it as it stands afterwards.

    `read` is the record if the caller has it already. `decide` returns None when nothing is to be done.
    Raises AssociationUnknownError, and ConcurrentChangeError when the facts never hold still.
    """
    record = read
    for _ in range(ATTEMPTS):
        record = record or await ports.associations.read(association_id)
        if record is None:
            raise AssociationUnknownError(f"association_id={association_id}")
        wanted = decide(record)
        if wanted is None:
            return record
        try:
            return await commit(ports, record, wanted)
        except ConcurrentChangeError:
            record = None
    raise ConcurrentChangeError(f"association_id={association_id}")


async def commit(ports: Ports, before: Record | None, wanted: Change) -> Record:
    """Write `wanted`, with its mails announced to the queue before and after.

    Raises ConcurrentChangeError when `before` is no longer what stands; nothing is written then.
    """
    await _announce(ports, wanted, SAFETY_DELAY)
    record = await ports.associations.commit(before, wanted)
    await _announce(ports, wanted, timedelta(0))
    return record


def changed(record: Record, event: Event, **facts: object) -> Change:
    """A change of some facts with its event, to which rows may be added with `dataclasses.replace`."""
    return Change(facts=replace(record.facts, **facts), event=event)  # type: ignore[arg-type]


def new_mails(record: Record | None, *mails: Mail) -> tuple[Mail, ...]:
    """Those of `mails` that the outbox doesn't hold yet, and that somebody can receive."""
    known = record.outbox if record else {}
    return tuple(mail for mail in mails if mail.key not in known and mail.person)


def told_again(record: Record, mail: Mail, *, anew: bool = False) -> Mail:
    """`mail`, under a key of its own where nobody has read those before it and there is now what to tell, or
    where it tells something else than they did (`anew`). One that waits for its turn tells what stands then.
    """
    before = [each for key, each in record.outbox.items() if key == mail.key or _follows(key, mail.key)]
    is_due = any(each.status is MailStatus.DUE and not _is_unread(record, each) for each in before)
    if before and ((anew and not is_due) or all(_is_unread(record, each) for each in before)):
        return replace(mail, key=again_key(mail.key, len(before)))
    return mail


def again_key(first: str, times: int) -> str:
    """The key of the mail that follows the mail `first` and those that followed it, `times` in all."""
    return f"{first}{AGAIN}{times}"


def has_reader(record: Record, mail: Mail) -> bool:
    """Whether `mail` has an address to go to: its person's, unless they were erased, or support's."""
    return mail.person == SUPPORT or bool(record.person(mail.person).email)


def _is_unread(record: Record, mail: Mail) -> bool:
    if mail.status is not MailStatus.SENT and not has_reader(record, mail):
        return True
    return mail.status is MailStatus.FAILED and mail.reason in (OVERTAKEN, ADDRESS_ERASED)


def _follows(key: str, first: str) -> bool:
    return key.startswith(f"{first}{AGAIN}")


async def _announce(ports: Ports, wanted: Change, delay: timedelta) -> None:
    for mail in wanted.mails:
        task = Task(kind=TaskKind.MAIL, association_id=wanted.facts.association_id, key=mail.key)
        await ports.tasks.send(task, delay)
