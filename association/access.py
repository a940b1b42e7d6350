"""App-only access to a tenant: read, noted, and looked for again while Microsoft spreads the consent (R2).

What proves consent is access that works: a fresh app-only token of that tenant with the roles we need, and
Graph letting us in with it. What can't be read proves nothing, neither way; what the tenant itself refuses
(the application switched off, a policy) is kept, for whoever can mend it there.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from association.answer import NOT_THERE_YET, SAYS_NOTHING_OF_THE_TENANT
from association.changes import Decide, change, changed
from association.dataclass import dataclass
from association.facts import Change, Facts, Record
from association.grants import is_awaited, is_looked_for
from association.looks import FIRST_LOOK, look_on, looked, stamp
from association.microsoft_errors import MICROSOFT_ERRORS, MicrosoftError, MicrosoftRefusedError
from association.news import bring_news
from association.partition import Event
from association.ports import Ports
from association.rows import Task, TaskKind

REQUIRED_ROLES = frozenset({"Organization.Read.All", "Application.Read.All"})
# The facts of a tenant that refuses nothing.
NO_REFUSAL: dict[str, object] = {"access_refused_at": None, "access_refusal": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What one look at a tenant has shown: access that works; `refused`, where the tenant's answer tells more
    than that it isn't there (yet); or `unread`, which says nothing of the tenant.
    """

    is_there: bool = False
    refused: MicrosoftRefusedError | None = None
    unread: MicrosoftError | None = None

    @property
    def trouble(self) -> MicrosoftError | None:
        """Microsoft's error, if there is one to tell of."""
        return self.unread or self.refused


async def look_at_access(ports: Ports, tenant_id: str) -> Access:
    """Whether a fresh app-only token of the tenant holds the required roles, and Graph takes it already."""
    try:
        if not (await ports.entra.app_roles(tenant_id)) >= REQUIRED_ROLES:
            return Access()
        return Access(is_there=await ports.graph.lets_in(tenant_id))
    except MICROSOFT_ERRORS as error:
        return _kept_out(error)


def _kept_out(error: MicrosoftError) -> Access:
    if not isinstance(error, MicrosoftRefusedError) or error.answer in SAYS_NOTHING_OF_THE_TENANT:
        return Access(unread=error)
    return Access() if error.answer in NOT_THERE_YET else Access(refused=error)


async def look_for_access(ports: Ports, task: Task) -> None:
    """The background's turn: look once, and come back later while Microsoft is still spreading the news.

    The last look is at the limit, or the first after it that can be read. However it ends, the administrator
    gets word.
    """
    record = await ports.associations.read(task.association_id)
    if record is None or not _is_due(record.facts, task) or record.facts.consented_at is None:
        return
    access, consented_at = await look_at_access(ports, record.facts.tenant_id), record.facts.consented_at
    unread_at = ports.now() if access.unread else None
    if not access.is_there and is_looked_for(consented_at, unread_at, ports.now()):
        await look_on(ports, task, consented_at, _counting(ports, task, access), access.unread)
        return
    await bring_news(ports, task.association_id)
    if access.is_there:
        await note_access(ports, record, record.facts.tenant_id)
    else:
        await _note_overdue(ports, record, task, access)


async def look_later(
    ports: Ports, association_id: str, consented_at: datetime, looks: int, delay: timedelta = FIRST_LOOK
) -> None:
    """Have the background look after `delay` for the access of the consent of `consented_at`, for which it
    has looked `looks` times; sent once before a change and once after it.
    """
    key = stamp(consented_at)
    task = Task(kind=TaskKind.ACCESS, association_id=association_id, key=key, attempt=looks)
    await ports.tasks.send(task, delay)


async def keep_looking_for_access(ports: Ports, record: Record, delay: timedelta = FIRST_LOOK) -> None:
    """Have the background look for access after `delay` if it is on its way."""
    facts = record.facts
    if facts.consented_at and is_awaited(facts, ports.now()):
        await look_later(ports, facts.association_id, facts.consented_at, facts.looks, delay)


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


async def note_no_access(ports: Ports, record: Record, tenant_id: str, access: Access) -> Record:
    """Note what a look by hand, begun at `record`, has read. Access once there, or awaited for long, is lost:
    consent has to be given again. While it is awaited, only what the tenant refuses, or refuses no more, is
    news; of what came after the look began, it tells nothing.
    """
    now, begun = ports.now(), record.facts

    def decide(current: Record) -> Change | None:
        facts = current.facts
        is_as_begun = (facts.consented_at, facts.access_proven_at) == (
            begun.consented_at,
            begun.access_proven_at,
        )
        if facts.tenant_id != tenant_id or not is_as_begun:
            return None
        if not is_awaited(replace(facts, access_unread_at=None), now):
            return _lost(current, access, now)
        noted = refusal_noted(facts, access, now)
        if noted.get("access_refusal") == facts.access_refusal:
            return None
        return changed(current, looked(ports, "access", facts.looks, access.refused), **noted)

    return await change(ports, record.facts.association_id, decide, record)


def refusal_noted(facts: Facts, access: Access, now: datetime) -> dict[str, object]:
    """The facts of what the tenant refuses, as of the look `access`, and since when; none if that couldn't be
    read.
    """
    if access.unread:
        return {}
    if access.refused is None:
        return NO_REFUSAL
    answer = str(access.refused.answer)
    since = facts.access_refused_at if facts.access_refusal == answer else None
    return {"access_refused_at": since or now, "access_refusal": answer}


def _is_due(facts: Facts, task: Task) -> bool:
    """Whether the look of `task` is still to be made for the present consent."""
    if facts.consented_at is None or facts.access_proven_at or facts.access_lost_at:
        return False
    return task.key == stamp(facts.consented_at) and task.attempt >= facts.looks


async def _note_overdue(ports: Ports, record: Record, task: Task, access: Access) -> None:
    now = ports.now()

    def decide(current: Record) -> Change | None:
        return _lost(current, access, now) if _is_due(current.facts, task) else None

    await change(ports, task.association_id, decide, record)


def _lost(record: Record, access: Access, now: datetime) -> Change:
    event = Event(
        what="access_missing",
        at=now,
        by="microsoft",
        old=access.trouble.answer if access.trouble else "",
        new=record.facts.tenant_id,
        correlation_id=access.trouble.correlation_id if access.trouble else "",
    )
    noted = refusal_noted(record.facts, access, now)
    return changed(record, event, access_proven_at=None, access_lost_at=now, access_unread_at=None, **noted)


def _counting(ports: Ports, task: Task, access: Access) -> Decide:
    looks = task.attempt + 1
    event = looked(ports, "access", looks, access.trouble)

    def count(record: Record) -> Change | None:
        if not _is_due(record.facts, task):
            return None
        noted = refusal_noted(record.facts, access, event.at)
        unread_at = event.at if access.unread else None
        return changed(record, event, looks=looks, access_unread_at=unread_at, **noted)

    return count


def _proven(facts: Facts, now: datetime) -> dict[str, object]:
    return {
        "consented_at": facts.consented_at or now,
        "consent_refused_at": None,
        "consent_refusal": "",
        "access_proven_at": now,
        "access_lost_at": None,
        "access_unread_at": None,
        **NO_REFUSAL,
    }
