"""Admin consent: asked of the signed-in tenant, and its redirect taken for no more than a hint (rule S1).

What proves consent is access that works: an app-only token for that tenant whose roles hold what we need.
https://learn.microsoft.com/entra/identity-platform/v2-admin-consent
"""

from collections.abc import Mapping
from datetime import datetime

from association.access import (
    NO_REFUSAL,
    Access,
    keep_looking_for_access,
    look_at_access,
    look_later,
    refusal_noted,
)
from association.answer import NOT_THE_CUSTOMERS
from association.changes import SAFETY_DELAY, change, changed
from association.errors import AccountChangedError, TenantUnexpectedError
from association.facts import AcceptedBy, Change, Facts, Record
from association.grants import is_awaited
from association.legs import Departure, begin_consent, require_same_link
from association.looks import first_look
from association.microsoft_errors import MicrosoftRefusedError
from association.partition import Event
from association.ports import Ports
from association.rows import Flow, Leg
from association.session import Session, is_about
from association.sign_in import note_departure
from association.trouble import raise_trouble


def require_accepted(record: Record, session: Session) -> None:
    """Nothing goes on for somebody else's sign-in, or for a tenant that nobody accepted.

    Raises AccountChangedError or TenantUnexpectedError.
    """
    if not is_about(session, record.facts):
        raise AccountChangedError(f"association_id={record.facts.association_id}")
    if record.facts.accepted_by is AcceptedBy.NOBODY:
        raise TenantUnexpectedError(f"association_id={record.facts.association_id}")


async def leave_for_consent(ports: Ports, record: Record, session: Session) -> Departure:
    """Begin the admin consent of the session's tenant, and note the departure."""
    require_accepted(record, session)
    departure = await begin_consent(ports, record, (session.tenant_id, session.object_id))
    await note_departure(ports, record, Leg.CONSENT)
    return departure


async def complete_consent(
    ports: Ports, flow: Flow, answer: Mapping[str, str], read: Record | None
) -> Record:
    """Note how the consent ended, and whether access is there yet.

    `error` is looked at before `admin_consent` (a refusal carries `admin_consent=True` as well). Raises
    AccountChangedError when the redirect names another tenant than the one that was asked, LinkRevokedError,
    and as `raise_trouble`.
    """
    if "error" in answer:
        return await _note_refusal(ports, flow, answer)
    granted, tenant = answer.get("admin_consent", ""), answer.get("tenant", "")
    if granted.lower() != "true" or tenant.lower() != flow.tenant_id:
        raise AccountChangedError(f"association_id={flow.association_id} leg=consent")
    access, now = await look_at_access(ports, flow.tenant_id), ports.now()
    delay = first_look(access.unread)
    if not access.is_there:
        await look_later(ports, flow.association_id, now, 0, max(delay, SAFETY_DELAY))
    record = await _note_consent(ports, flow, access, now, read)
    await keep_looking_for_access(ports, record, delay)
    return record


async def _note_refusal(ports: Ports, flow: Flow, answer: Mapping[str, str]) -> Record:
    now, refusal = ports.now(), ports.entra.refusal(answer)

    def decide(record: Record) -> Change:
        event = Event(
            what="consent_refused",
            at=now,
            actor=record.facts.account,
            by="microsoft",
            new=refusal.answer,
            correlation_id=refusal.correlation_id,
        )
        noted: dict[str, object] = {"left_at": None, "left_leg": ""}
        if record.facts.tenant_id == flow.tenant_id and refusal.answer not in NOT_THE_CUSTOMERS:
            noted |= _refusal_noted(record.facts, refusal, now)
        return changed(record, event, **noted)

    record = await change(ports, flow.association_id, decide)
    raise_trouble(refusal)
    return record


def _refusal_noted(facts: Facts, refusal: MicrosoftRefusedError, now: datetime) -> dict[str, object]:
    if is_awaited(facts, now):
        # given in another tab, and still spreading: Microsoft takes nothing back for it
        return {}
    noted: dict[str, object] = {"consent_refused_at": now, "consent_refusal": str(refusal.answer)}
    if facts.access_proven_at is None:
        # the newest answer counts: an earlier consent that never opened anything is over
        noted |= {"consented_at": None, "access_lost_at": None, **NO_REFUSAL}
    return noted


async def _note_consent(
    ports: Ports, flow: Flow, access: Access, now: datetime, read: Record | None
) -> Record:
    def decide(record: Record) -> Change:
        require_same_link(flow, record.facts)
        noted: dict[str, object] = {"left_at": None, "left_leg": ""}
        if record.facts.tenant_id == flow.tenant_id:
            noted |= {"consented_at": now, "consent_refused_at": None, "consent_refusal": ""}
            noted |= _access_noted(record.facts, access, now)
        return changed(record, _returned(record, access, now), **noted)

    return await change(ports, flow.association_id, decide, read)


def _access_noted(facts: Facts, access: Access, now: datetime) -> dict[str, object]:
    # one that couldn't be read takes nothing back
    kept = facts.access_proven_at if access.unread else None
    return {
        "access_proven_at": now if access.is_there else kept,
        "access_lost_at": None,
        "access_unread_at": now if access.unread and kept is None else None,
        "looks": 0,
        **NO_REFUSAL,
        **refusal_noted(facts, access, now),
    }


def _returned(record: Record, access: Access, now: datetime) -> Event:
    """The event of a consent's return: what came of it, and Microsoft's answer, where it told of an error."""
    came_to = "access_proven" if access.is_there else "access_awaited"
    return Event(
        what="consent_returned",
        at=now,
        actor=record.facts.account,
        old=access.trouble.answer if access.trouble else "",
        new="access_unread" if access.unread else came_to,
        correlation_id=access.trouble.correlation_id if access.trouble else "",
    )
