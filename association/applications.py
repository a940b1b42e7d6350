"""Step 4: further applications of the publisher, each consented to by itself and proven app-only.

As with the first consent, the redirect is a hint. What counts is the application's service principal in the
tenant and the roles assigned to it, read with our own access. What one refuses leaves the others.
https://learn.microsoft.com/graph/api/serviceprincipal-list-approleassignments
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from association.answer import NOT_THE_CUSTOMERS, Answer
from association.changes import SAFETY_DELAY, change, changed
from association.consent import require_accepted
from association.errors import AccountChangedError, ChecksMissingError, PageUnknownError
from association.facts import Change, Record
from association.further_applications import FurtherApplication, find_application
from association.grants import Standing, grant_of, is_on_its_way, standing
from association.legs import Departure, begin_consent, require_same_link
from association.looks import first_look
from association.microsoft_errors import MicrosoftRefusedError
from association.partition import Event, Grant
from association.ports import Ports
from association.progress import is_proven
from association.roles import ClientRoles, is_held, keep_looking, look_task, read_roles, seen
from association.rows import Flow, Leg
from association.session import Session
from association.sign_in import note_departure
from association.trouble import raise_trouble


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
    person = (session.tenant_id, session.object_id)
    departure = await begin_consent(ports, record, person, application)
    await note_departure(ports, record, Leg.APPLICATION)
    return departure


async def complete_application(
    ports: Ports, flow: Flow, answer: Mapping[str, str], read: Record | None
) -> Record:
    """Note how the consent to one application ended, and whether it holds its roles yet.

    `error` is looked at before `admin_consent`. Raises PageUnknownError when the settings no longer list the
    application, AccountChangedError, LinkRevokedError, and as `raise_trouble`.
    """
    application = _known(ports, flow.application)
    if "error" in answer:
        return await _note_refusal(ports, flow, ports.entra.refusal(answer))
    granted, tenant = answer.get("admin_consent", ""), answer.get("tenant", "")
    if granted.lower() != "true" or tenant.lower() != flow.tenant_id:
        raise AccountChangedError(f"association_id={flow.association_id} leg=application")
    held, now = await read_roles(ports, flow.tenant_id, (application,)), ports.now()
    delay = first_look(held.unread)
    if not is_held(application, held.roles or {}):
        task = look_task(flow.association_id, application.key, now)
        await ports.tasks.send(task, max(delay, SAFETY_DELAY))
    record = await _note_consent(ports, flow, held.roles, now, read)
    await keep_looking(ports, record, delay)
    return record


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
    raise_trouble(refusal)
    return record


def _refused(
    record: Record, application: FurtherApplication, answer: Answer, now: datetime
) -> tuple[Grant, ...]:
    before = grant_of(record, application)
    if before and (before.proven_at or is_on_its_way(record, application, now)):
        # what is granted already, if only in another tab, isn't taken back by a refusal of the same question
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
    ports: Ports, flow: Flow, found: ClientRoles | None, now: datetime, read: Record | None
) -> Record:
    application = _known(ports, flow.application)

    def decide(record: Record) -> Change:
        require_same_link(flow, record.facts)
        grants: tuple[Grant, ...] = ()
        if _is_of(flow, record):
            looked_at = seen(record, application, found, now)
            grants = (replace(looked_at, consented_at=now, looks=0, refused_at=None, refusal=""),)
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


def _is_of(flow: Flow, record: Record) -> bool:
    """Whether the leg was of the tenant that the record is about."""
    return flow.tenant_id == record.facts.present_tenant_id
