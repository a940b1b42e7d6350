"""Step 4: further applications of the publisher, each consented to by itself and proven app-only.

As with the first consent, the redirect is a hint. What counts is the application's service principal in the
tenant and the roles assigned to it, read with our own access. What one refuses leaves the others.
https://learn.microsoft.com/graph/api/serviceprincipal-list-approleassignments
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from association.answer import Answer
from association.changes import SAFETY_DELAY, change, changed
from association.consent import BACK_OFF, FIRST_LOOK, NOT_THE_CUSTOMERS, require_accepted
from association.errors import (
    AccountChangedError,
    ChecksMissingError,
    MicrosoftRefusedError,
    MicrosoftUnavailableError,
    PageUnknownError,
)
from association.facts import Change, Record
from association.further_applications import FurtherApplication, find_application
from association.grants import Standing, grant_of, is_on_its_way, standing
from association.legs import Departure, begin_consent, require_same_link
from association.partition import Event, Grant
from association.ports import Ports
from association.progress import is_proven
from association.rows import Flow, Leg, Task, TaskKind
from association.session import Session
from association.sign_in import note_departure

ClientRoles = Mapping[str, frozenset[str]]


async def leave_for_application(ports: Ports, record: Record, session: Session, key: str) -> Departure | None:
    """Begin the admin consent of the application `key`; None when the tenant has granted it already.

    One that support has waived may still be consented to.

    Raises PageUnknownError for a key that the settings don't list, ChecksMissingError before the
    prerequisites are met, and as `require_accepted`.
    """
    application = _known(ports, key)
    require_accepted(record, session)
    if not record.facts.is_bound and not is_proven(record):
        raise ChecksMissingError(f"association_id={record.facts.association_id}")
    if standing(record, application, ports.now()) is Standing.PROVEN:
        return None
    departure = await begin_consent(ports, record, session, application)
    await note_departure(ports, record, Leg.APPLICATION)
    return departure


async def complete_application(
    ports: Ports, flow: Flow, answer: Mapping[str, str], read: Record | None
) -> Record:
    """Note how the consent to one application ended, and whether it holds its roles yet.

    `error` is looked at before `admin_consent`. Raises PageUnknownError when the settings no longer list the
    application, AccountChangedError, LinkRevokedError, MicrosoftUnavailableError as `complete_consent`.
    """
    application = _known(ports, flow.application)
    if "error" in answer:
        return await _note_refusal(ports, flow, ports.entra.refusal(answer))
    granted, tenant = answer.get("admin_consent", ""), answer.get("tenant", "")
    if granted.lower() != "true" or tenant.lower() != flow.tenant_id:
        raise AccountChangedError(f"association_id={flow.association_id} leg=application")
    found = await read_roles(ports, flow.tenant_id, (application,))
    if not _is_held(application, found or {}):
        await look_later(ports, flow.association_id, application.key, SAFETY_DELAY)
    record = await _note_consent(ports, flow, application, found, read)
    await keep_looking(ports, record)
    return record


async def keep_looking(ports: Ports, record: Record) -> None:
    """Have the background look for every application that is on its way."""
    for application in ports.settings.applications:
        if is_on_its_way(record, application, ports.now()):
            await look_later(ports, record.facts.association_id, application.key)


async def read_roles(
    ports: Ports, tenant_id: str, applications: Collection[FurtherApplication]
) -> ClientRoles | None:
    """The roles that each application holds in the tenant, by client id; None where that can't be read."""
    if not applications:
        return {}
    try:
        return await ports.graph.application_roles(tenant_id, [each.client_id for each in applications])
    except (MicrosoftRefusedError, MicrosoftUnavailableError):
        return None


def seen(record: Record, application: FurtherApplication, found: ClientRoles | None, now: datetime) -> Grant:
    """The application's row after `found` was read of the signed-in tenant at `now`; None, where it
    could not be read, takes nothing back.
    """
    before = grant_of(record, application) or Grant(
        key=application.key, tenant_id=record.facts.present_tenant_id, at=now
    )
    if found is None and before.proven_at:
        return before
    if not _is_held(application, found or {}):
        missing = application.roles - (found or {}).get(application.client_id, frozenset())
        return replace(before, at=now, proven_at=None, missing=" ".join(sorted(missing)))
    return replace(before, at=now, proven_at=before.proven_at or now, missing="", refused_at=None, refusal="")


def _is_held(application: FurtherApplication, found: ClientRoles) -> bool:
    held = found.get(application.client_id)
    return held is not None and held >= application.roles


async def look_for_grant(ports: Ports, task: Task) -> None:
    """The background's turn: look once at the application `task.key`; come back while it may still come."""
    record = await ports.associations.read(task.association_id)
    application = find_application(ports.settings.applications, task.key)
    if record is None or application is None:
        return
    if not is_on_its_way(record, application, ports.now()):
        return
    tenant_id = record.facts.present_tenant_id
    found = await read_roles(ports, tenant_id, (application,))
    if found is not None and seen(record, application, found, ports.now()).proven_at:
        await _note_seen(ports, record, application, found, tenant_id)
    else:
        seconds = BACK_OFF[min(task.attempt + 1, len(BACK_OFF) - 1)]
        await ports.tasks.send(replace(task, attempt=task.attempt + 1), timedelta(seconds=seconds))


async def look_later(ports: Ports, association_id: str, key: str, delay: timedelta = FIRST_LOOK) -> None:
    """Have the background look for the application's roles after `delay`."""
    await ports.tasks.send(Task(kind=TaskKind.APPLICATION, association_id=association_id, key=key), delay)


def _known(ports: Ports, key: str) -> FurtherApplication:
    application = find_application(ports.settings.applications, key)
    if application is None:
        raise PageUnknownError("kind=application")
    return application


async def _note_refusal(ports: Ports, flow: Flow, refusal: MicrosoftRefusedError) -> Record:
    now, is_theirs = ports.now(), refusal.answer not in NOT_THE_CUSTOMERS

    def decide(record: Record) -> Change:
        event = Event(
            what="application_refused",
            at=now,
            actor=record.facts.account,
            by="microsoft",
            old=flow.application,
            new=refusal.answer,
            correlation_id=refusal.correlation_id,
        )
        noted = changed(record, event, left_at=None, left_leg="")
        if not is_theirs or not _is_of(flow, record):
            return noted
        return replace(noted, grants=_refused(record, _known(ports, flow.application), refusal.answer, now))

    record = await change(ports, flow.association_id, decide)
    if not is_theirs:
        raise MicrosoftUnavailableError(str(refusal))
    return record


def _refused(
    record: Record, application: FurtherApplication, answer: Answer, now: datetime
) -> tuple[Grant, ...]:
    before = grant_of(record, application)
    if before and before.proven_at:
        # what is granted already isn't taken back by a refusal of the same question
        return ()
    refused = Grant(
        key=application.key,
        tenant_id=record.facts.present_tenant_id,
        at=now,
        refused_at=now,
        refusal=str(answer),
        waived_at=before.waived_at if before else None,
    )
    return (refused,)


async def _note_consent(
    ports: Ports, flow: Flow, application: FurtherApplication, found: ClientRoles | None, read: Record | None
) -> Record:
    now = ports.now()

    def decide(record: Record) -> Change:
        require_same_link(flow, record.facts)
        grants: tuple[Grant, ...] = ()
        if _is_of(flow, record):
            looked_at = seen(record, application, found, now)
            grants = (replace(looked_at, consented_at=now, refused_at=None, refusal=""),)
        state = "proven" if grants and grants[0].proven_at else "awaited"
        event = Event(
            what="application_returned",
            at=now,
            actor=record.facts.account,
            old=application.key,
            new=state,
        )
        return replace(changed(record, event, left_at=None, left_leg=""), grants=grants)

    return await change(ports, flow.association_id, decide, read)


async def _note_seen(
    ports: Ports, record: Record, application: FurtherApplication, found: ClientRoles, tenant_id: str
) -> Record:
    now = ports.now()

    def decide(current: Record) -> Change | None:
        if not is_on_its_way(current, application, now):
            return None
        if current.facts.present_tenant_id != tenant_id:
            return None
        event = Event(what="application_proven", at=now, by="microsoft", new=application.key)
        return replace(changed(current, event), grants=(seen(current, application, found, now),))

    return await change(ports, record.facts.association_id, decide, record)


def _is_of(flow: Flow, record: Record) -> bool:
    """Whether the leg was of the tenant that the record is about."""
    return flow.tenant_id == record.facts.present_tenant_id
