"""Admin consent: asked of the signed-in tenant, and its redirect taken for no more than a hint (rule S1).

What proves consent is access that works: an app-only token for that tenant whose roles hold what we need.
https://learn.microsoft.com/entra/identity-platform/v2-admin-consent
"""

from collections.abc import Mapping
from datetime import datetime

from association.access import has_access, keep_looking_for_access, look_later
from association.answer import NOT_THE_CUSTOMERS
from association.changes import SAFETY_DELAY, change, changed
from association.errors import AccountChangedError, TenantUnexpectedError
from association.facts import AcceptedBy, Change, Record
from association.legs import Departure, begin_consent, require_same_link
from association.partition import Event
from association.ports import Ports
from association.rows import Flow, Leg
from association.session import Session, is_about
from association.sign_in import note_departure
from association.trouble import raise_trouble

# What a returned consent came to, as the history tells it.
CAME_TO = {True: "access_proven", False: "access_awaited", None: "access_unread"}


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
    is_there, now = await has_access(ports, flow.tenant_id), ports.now()
    if not is_there:
        await look_later(ports, flow.association_id, now, 0, SAFETY_DELAY)
    record = await _note_consent(ports, flow, is_there, now, read)
    await keep_looking_for_access(ports, record)
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
            noted |= {"consent_refused_at": now, "consent_refusal": str(refusal.answer)}
            if record.facts.access_proven_at is None:
                # the newest answer counts: an earlier consent that never opened anything is over
                noted |= {"consented_at": None, "access_lost_at": None}
        return changed(record, event, **noted)

    record = await change(ports, flow.association_id, decide)
    raise_trouble(refusal)
    return record


async def _note_consent(
    ports: Ports, flow: Flow, is_there: bool | None, now: datetime, read: Record | None
) -> Record:
    def decide(record: Record) -> Change:
        facts = record.facts
        require_same_link(flow, facts)
        event = Event(
            what="consent_returned",
            at=now,
            actor=facts.account,
            old="",
            new=CAME_TO[is_there],
        )
        noted: dict[str, object] = {"left_at": None, "left_leg": ""}
        if facts.tenant_id == flow.tenant_id:
            noted |= {"consented_at": now, "consent_refused_at": None, "consent_refusal": ""}
            # one that couldn't be read takes nothing back
            proven_at = facts.access_proven_at if is_there is None else now if is_there else None
            noted |= {"access_proven_at": proven_at, "access_lost_at": None, "looks": 0}
            noted["access_unread_at"] = now if is_there is None and proven_at is None else None
        return changed(record, event, **noted)

    return await change(ports, flow.association_id, decide, read)
