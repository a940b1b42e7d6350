"""The background's patience: for each consent one chain of looks, with growing pauses, until the limit; and
past it, for a day, while the tenant cannot be read at all, which says nothing of the consent.

A message of the chain names the consent that it is for and how many looks were in vain before it. A look in
vain is counted in the consent's row, under its ETag, and whoever counts it sends the next message: of a
message that is delivered twice, or a chain that is begun again, one goes on and the others end.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from association.changes import SAFETY_DELAY, Decide, change
from association.facts import Change, Record
from association.grants import PROPAGATION_LIMIT
from association.microsoft_errors import MicrosoftError
from association.partition import Event
from association.ports import Ports
from association.rows import Task

# Seconds until the next look, by how many there were: quick at first, for most come within a minute.
BACK_OFF = (2, 3, 5, 5, 10, 10, 15, 30, 30, 60)
FIRST_LOOK = timedelta(seconds=BACK_OFF[0])


def first_look(unread: MicrosoftError | None) -> timedelta:
    """How long until the first look after the one that has just been made; `unread` is why it told nothing,
    if it didn't: it may tell how long to wait.
    """
    return max(FIRST_LOOK, timedelta(seconds=unread.retry_after if unread else 0))


def looked(ports: Ports, about: str, looks: int, trouble: MicrosoftError | None) -> Event:
    """The event of a look in vain, at access or at an application; `trouble` is Microsoft's error, if any."""
    if trouble is None:
        return Event(what="looked", at=ports.now(), by="service", old=about, new=str(looks))
    return Event(
        what="looked",
        at=ports.now(),
        by="microsoft",
        old=about,
        new=trouble.answer,
        correlation_id=trouble.correlation_id,
    )


def stamp(consented_at: datetime) -> str:
    """The name of the consent of that moment, in messages and keys."""
    return consented_at.astimezone(UTC).strftime("%Y%m%dT%H%M%S%f")


def pause(looks: int, consented_at: datetime, now: datetime) -> timedelta:
    """How long until the look after `looks` others. One is at the limit; after it only what couldn't be read
    is looked for, and the longer it lasts the more seldom.
    """
    wanted = timedelta(seconds=BACK_OFF[min(looks, len(BACK_OFF) - 1)])
    left = consented_at + PROPAGATION_LIMIT - now
    if left < timedelta(0):
        return (now - consented_at) / 4
    return max(min(wanted, left), timedelta(seconds=1))


async def look_on(
    ports: Ports,
    task: Task,
    consented_at: datetime,
    count: Decide,
    unread: MicrosoftError | None = None,
) -> None:
    """Count the look of `task`, which was in vain, and have the next one made.

    `count` is the change that counts it, or None when it has been counted already; `unread` is why nothing
    could be read, if it couldn't: it may tell how long to wait.
    """
    following = replace(task, attempt=task.attempt + 1)
    told = timedelta(seconds=unread.retry_after if unread else 0)
    delay = max(pause(following.attempt, consented_at, ports.now()), told)
    is_mine = False

    def decide(record: Record) -> Change | None:
        nonlocal is_mine
        wanted = count(record)
        is_mine = wanted is not None
        return wanted

    # for a crash after the count; where there is none, it comes to a look that has been counted
    await ports.tasks.send(following, delay + SAFETY_DELAY)
    await change(ports, task.association_id, decide)
    if is_mine:
        await ports.tasks.send(following, delay)
