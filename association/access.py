"""App-only access to a tenant: read, noted, and looked for again while Microsoft spreads the consent (R2).

What proves consent is access that works: a fresh app-only token of that tenant with the roles we need, and
Graph letting us in with it. What can't be read proves nothing, neither way.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from association.answer import SAYS_NOTHING_OF_THE_TENANT
from association.changes import Decide, change, changed
from association.facts import Change, Facts, Record
from association.grants import is_awaited, is_looked_for
from association.looks import FIRST_LOOK, look_on, looked, stamp
from association.microsoft_errors import MICROSOFT_ERRORS, MicrosoftError, MicrosoftRefusedError
from association.news import bring_news
from association.partition import Event
from association.ports import Ports
from association.rows import Task, TaskKind

REQUIRED_ROLES = frozenset({"Organization.Read.All", "Application.Read.All"})


async def read_access(ports: Ports, tenant_id: str) -> bool:
    """Whether a fresh app-only token of the tenant holds the required roles, and Graph takes it already.

    Raises MicrosoftUnavailableError or MicrosoftRefusedError when the answer says nothing of the tenant.
    """
    try:
        if not (await ports.entra.app_roles(tenant_id)) >= REQUIRED_ROLES:
            return False
        return await ports.graph.lets_in(tenant_id)
    except MicrosoftRefusedError as error:
        if error.answer in SAYS_NOTHING_OF_THE_TENANT:
            raise
        return False


async def has_access(ports: Ports, tenant_id: str) -> bool | None:
    """Whether access has been seen to work; None where that couldn't be read."""
    try:
        return await read_access(ports, tenant_id)
    except MICROSOFT_ERRORS:
        return None


async def look_for_access(ports: Ports, task: Task) -> None:
    """The background's turn: look once, and come back later while Microsoft is still spreading the news.

    The last look is at the limit, or the first after it that can be read. However it ends, the administrator
    gets word.
    """
    record = await ports.associations.read(task.association_id)
    if record is None or not _is_due(record.facts, task) or record.facts.consented_at is None:
        return
    consented_at, unread = record.facts.consented_at, None
    try:
        is_there = await read_access(ports, record.facts.tenant_id)
    except MICROSOFT_ERRORS as error:
        is_there, unread = False, error
    if not is_there and is_looked_for(consented_at, ports.now() if unread else None, ports.now()):
        await look_on(ports, task, consented_at, _counting(ports, task, unread), unread)
        return
    await bring_news(ports, task.association_id)
    if is_there:
        await note_access(ports, record, record.facts.tenant_id)
    else:
        await _note_overdue(ports, record, task)


async def look_later(
    ports: Ports, association_id: str, consented_at: datetime, looks: int, delay: timedelta = FIRST_LOOK
) -> None:
    """Have the background look after `delay` for the access of the consent of `consented_at`, for which it
    has looked `looks` times; sent once before a change and once after it.
    """
    key = stamp(consented_at)
    task = Task(kind=TaskKind.ACCESS, association_id=association_id, key=key, attempt=looks)
    await ports.tasks.send(task, delay)


async def keep_looking_for_access(ports: Ports, record: Record) -> None:
    """Have the background look for access if it is on its way."""
    facts = record.facts
    if facts.consented_at and is_awaited(facts, ports.now()):
        await look_later(ports, facts.association_id, facts.consented_at, facts.looks)


async def note_access(ports: Ports, record: Record, tenant_id: str) -> Record:
    """Note that app-only access to `tenant_id` has been seen to work."""
    now = ports.now()

    def decide(current: Record) -> Change | None:
        facts = current.facts
        if facts.tenant_id != tenant_id or facts.access_proven_at:
            return None
        event = Event(what="access_proven", at=now, by="microsoft", new=tenant_id)
        return changed(current, event, **_proven(facts, now))

    return await change(ports, record.facts.association_id, decide, record)


async def note_access_lost(ports: Ports, record: Record, tenant_id: str) -> Record:
    """Note that access, once there or awaited for long, is not there: consent has to be given again."""
    now = ports.now()

    def decide(current: Record) -> Change | None:
        facts = current.facts
        if facts.tenant_id != tenant_id or is_awaited(replace(facts, access_unread_at=None), now):
            return None
        event = Event(what="access_missing", at=now, by="microsoft", new=tenant_id)
        return changed(current, event, access_proven_at=None, access_lost_at=now, access_unread_at=None)

    return await change(ports, record.facts.association_id, decide, record)


def _is_due(facts: Facts, task: Task) -> bool:
    """Whether the look of `task` is still to be made for the present consent."""
    if facts.consented_at is None or facts.access_proven_at or facts.access_lost_at:
        return False
    return task.key == stamp(facts.consented_at) and task.attempt >= facts.looks


async def _note_overdue(ports: Ports, record: Record, task: Task) -> None:
    now = ports.now()

    def decide(current: Record) -> Change | None:
        if not _is_due(current.facts, task):
            return None
        event = Event(what="access_missing", at=now, by="microsoft", new=current.facts.tenant_id)
        return changed(current, event, access_lost_at=now, access_unread_at=None)

    await change(ports, task.association_id, decide, record)


def _counting(ports: Ports, task: Task, unread: MicrosoftError | None) -> Decide:
    looks = task.attempt + 1
    event = looked(ports, "access", looks, unread)

    def count(record: Record) -> Change | None:
        if not _is_due(record.facts, task):
            return None
        return changed(record, event, looks=looks, access_unread_at=event.at if unread else None)

    return count


def _proven(facts: Facts, now: datetime) -> dict[str, object]:
    return {
        "consented_at": facts.consented_at or now,
        "consent_refused_at": None,
        "consent_refusal": "",
        "access_proven_at": now,
        "access_lost_at": None,
        "access_unread_at": None,
    }
