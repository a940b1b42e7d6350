"""The roles that further applications hold in a tenant: read, noted, looked for again while they may come.

https://learn.microsoft.com/graph/api/serviceprincipal-list-approleassignments
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from association.changes import Decide, change, changed
from association.dataclass import dataclass
from association.facts import Change, Record
from association.further_applications import FurtherApplication, find_application
from association.grants import grant_of, is_looked_for, is_on_its_way
from association.looks import FIRST_LOOK, look_on, looked, stamp
from association.microsoft_errors import MICROSOFT_ERRORS, MicrosoftError
from association.news import bring_news
from association.partition import Event, Grant
from association.ports import Ports
from association.rows import Task, TaskKind

ClientRoles = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Held:
    """The roles that applications hold in a tenant, by client id; or None, and what kept us from reading."""

    roles: ClientRoles | None
    unread: MicrosoftError | None = None


async def read_roles(ports: Ports, tenant_id: str, applications: Collection[FurtherApplication]) -> Held:
    """The roles that each application holds in the tenant."""
    if not applications:
        return Held({})
    try:
        return Held(await ports.graph.application_roles(tenant_id, [each.client_id for each in applications]))
    except MICROSOFT_ERRORS as error:
        return Held(None, error)


def seen(record: Record, application: FurtherApplication, found: ClientRoles | None, now: datetime) -> Grant:
    """The application's row after `found` was read of the signed-in tenant at `now`; None, where it
    could not be read, takes nothing back and settles nothing.
    """
    before = grant_of(record, application) or Grant(
        key=application.key, tenant_id=record.facts.present_tenant_id, at=now
    )
    if found is None:
        return before if before.proven_at else replace(before, at=now, unread_at=now)
    read = replace(before, at=now, unread_at=None)
    if not is_held(application, found):
        missing = application.roles - found.get(application.client_id, frozenset())
        return replace(read, proven_at=None, missing=" ".join(sorted(missing)))
    return replace(read, proven_at=before.proven_at or now, missing="", refused_at=None, refusal="")


def is_held(application: FurtherApplication, found: ClientRoles) -> bool:
    held = found.get(application.client_id)
    return held is not None and held >= application.roles


async def keep_looking(ports: Ports, record: Record, delay: timedelta = FIRST_LOOK) -> None:
    """Have the background look after `delay` for every application that is on its way."""
    for application in ports.settings.applications:
        grant = grant_of(record, application)
        if grant and grant.consented_at and is_on_its_way(record, application, ports.now()):
            identifier = record.facts.association_id
            task = look_task(identifier, application.key, grant.consented_at, grant.looks)
            await ports.tasks.send(task, delay)


def look_task(association_id: str, key: str, consented_at: datetime, looks: int = 0) -> Task:
    """The look at the roles that the consent of `consented_at` gives to application `key`, after `looks`
    others.
    """
    of_consent = f"{key}.{stamp(consented_at)}"
    return Task(kind=TaskKind.APPLICATION, association_id=association_id, key=of_consent, attempt=looks)


async def look_for_grant(ports: Ports, task: Task) -> None:
    """The background's turn: look once at the application that `task` names; come back while it may come.

    The last look is at the limit, or the first after it that can be read. However it ends, the administrator
    gets word.
    """
    record = await ports.associations.read(task.association_id)
    application = find_application(ports.settings.applications, task.key.partition(".")[0])
    grant = _due(record, application, task) if record and application else None
    if not (record and application and grant and grant.consented_at):
        return
    held = await read_roles(ports, grant.tenant_id, (application,))
    found, unread = held.roles, held.unread
    count = _counting(ports, application, task, held)
    if found is not None and seen(record, application, found, ports.now()).proven_at:
        await bring_news(ports, task.association_id)
        await _note_seen(ports, record, application, found, task)
    elif is_looked_for(grant.consented_at, ports.now() if unread else None, ports.now()):
        await look_on(ports, task, grant.consented_at, count, unread)
    else:
        await bring_news(ports, task.association_id)
        await change(ports, task.association_id, count)


def _due(record: Record, application: FurtherApplication, task: Task) -> Grant | None:
    """The grant that the look of `task` is for, if it is still to be made."""
    grant = grant_of(record, application)
    if grant is None or grant.consented_at is None or grant.proven_at or task.attempt < grant.looks:
        return None
    return grant if task.key == f"{grant.key}.{stamp(grant.consented_at)}" else None


def _counting(ports: Ports, application: FurtherApplication, task: Task, held: Held) -> Decide:
    looks = task.attempt + 1
    event = looked(ports, application.key, looks, held.unread)

    def count(record: Record) -> Change | None:
        if _due(record, application, task) is None:
            return None
        return replace(
            changed(record, event),
            grants=(replace(seen(record, application, held.roles, event.at), looks=looks),),
        )

    return count


async def _note_seen(
    ports: Ports, record: Record, application: FurtherApplication, found: ClientRoles, task: Task
) -> Record:
    now = ports.now()

    def decide(current: Record) -> Change | None:
        if _due(current, application, task) is None:
            return None
        event = Event(what="application_proven", at=now, by="microsoft", new=application.key)
        return replace(changed(current, event), grants=(seen(current, application, found, now),))

    return await change(ports, record.facts.association_id, decide, record)
