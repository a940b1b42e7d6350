"""Admin consent: asked of the signed-in tenant, and its redirect taken for no more than a hint (rule S1).

What proves consent is access that works: an app-only token for that tenant whose roles hold what we need.
https://learn.microsoft.com/entra/identity-platform/v2-admin-consent
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from association.answer import SAYS_NOTHING_OF_THE_TENANT, Answer
from association.changes import SAFETY_DELAY, change, changed
from association.errors import (
    AccountChangedError,
    MicrosoftRefusedError,
    MicrosoftUnavailableError,
    TenantUnexpectedError,
)
from association.facts import AcceptedBy, Change, Facts, Record
from association.grants import PROPAGATION_LIMIT
from association.legs import Departure, begin_consent, require_same_link
from association.partition import Event
from association.ports import Ports
from association.rows import Flow, Leg, Task, TaskKind
from association.session import Session, is_about
from association.sign_in import note_departure

REQUIRED_ROLES = frozenset({"Organization.Read.All", "Application.Read.All"})
# Microsoft's own trouble on the way back: nobody refused anything, and trying again may mend it.
NOT_THE_CUSTOMERS = (*SAYS_NOTHING_OF_THE_TENANT, Answer.PROVISIONING)
# Seconds until the next look, by attempt: quick at first, for most consents are there within a minute.
BACK_OFF = (2, 3, 5, 5, 10, 10, 15, 30, 30, 60)
FIRST_LOOK = timedelta(seconds=BACK_OFF[0])


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
    departure = await begin_consent(ports, record, session)
    await note_departure(ports, record, Leg.CONSENT)
    return departure


async def complete_consent(
    ports: Ports, flow: Flow, answer: Mapping[str, str], read: Record | None
) -> Record:
    """Note how the consent ended, and whether access is there yet.

    `error` is looked at before `admin_consent` (a refusal carries `admin_consent=True` as well). Raises
    AccountChangedError when the redirect names another tenant than the one that was asked, LinkRevokedError,
    MicrosoftUnavailableError when it tells of Microsoft's own trouble.
    """
    if "error" in answer:
        return await _note_refusal(ports, flow, answer)
    granted, tenant = answer.get("admin_consent", ""), answer.get("tenant", "")
    if granted.lower() != "true" or tenant.lower() != flow.tenant_id:
        raise AccountChangedError(f"association_id={flow.association_id} leg=consent")
    is_proven = await has_access(ports, flow.tenant_id)
    if not is_proven:
        await look_later(ports, flow.association_id, SAFETY_DELAY)
    record = await _note_consent(ports, flow, is_proven, read)
    if is_awaited(record.facts, ports.now()):
        await look_later(ports, flow.association_id)
    return record


async def read_access(ports: Ports, tenant_id: str) -> bool:
    """Whether a fresh app-only token of the tenant holds the required roles.

    Raises MicrosoftUnavailableError or MicrosoftRefusedError when the answer says nothing of the tenant.
    """
    try:
        return (await ports.entra.app_roles(tenant_id)) >= REQUIRED_ROLES
    except MicrosoftRefusedError as error:
        if error.answer in SAYS_NOTHING_OF_THE_TENANT:
            raise
        return False


async def has_access(ports: Ports, tenant_id: str) -> bool:
    """Whether access has been seen to work; False where that couldn't be read, too."""
    try:
        return await read_access(ports, tenant_id)
    except (MicrosoftRefusedError, MicrosoftUnavailableError):
        return False


async def look_for_access(ports: Ports, task: Task) -> None:
    """The background's turn: look once, and come back later while Microsoft is still spreading the news."""
    record = await ports.associations.read(task.association_id)
    if record is None or not is_awaited(record.facts, ports.now()):
        return
    if await has_access(ports, record.facts.tenant_id):
        await note_access(ports, record, record.facts.tenant_id)
    else:
        await _look_again(ports, task.association_id, task.attempt + 1)


async def look_later(ports: Ports, association_id: str, delay: timedelta = FIRST_LOOK) -> None:
    """Have the background look for access after `delay`; sent once before a change and once after it."""
    await ports.tasks.send(Task(kind=TaskKind.ACCESS, association_id=association_id), delay)


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
        if facts.tenant_id != tenant_id or is_awaited(facts, now):
            return None
        event = Event(what="access_missing", at=now, by="microsoft", new=tenant_id)
        return changed(current, event, access_proven_at=None, access_lost_at=now)

    return await change(ports, record.facts.association_id, decide, record)


def is_awaited(facts: Facts, now: datetime) -> bool:
    """Whether consent has been given so recently that access may still be on its way."""
    return (
        facts.access_proven_at is None
        and facts.access_lost_at is None
        and facts.consented_at is not None
        and now - facts.consented_at <= PROPAGATION_LIMIT
    )


def _proven(facts: Facts, now: datetime) -> dict[str, object]:
    return {
        "consented_at": facts.consented_at or now,
        "consent_refused_at": None,
        "consent_refusal": "",
        "access_proven_at": now,
        "access_lost_at": None,
    }


async def _look_again(ports: Ports, association_id: str, attempt: int) -> None:
    seconds = BACK_OFF[min(attempt, len(BACK_OFF) - 1)]
    task = Task(kind=TaskKind.ACCESS, association_id=association_id, attempt=attempt)
    await ports.tasks.send(task, timedelta(seconds=seconds))


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
    if refusal.answer in NOT_THE_CUSTOMERS:
        raise MicrosoftUnavailableError(str(refusal))
    return record


async def _note_consent(ports: Ports, flow: Flow, is_proven: bool, read: Record | None) -> Record:
    now = ports.now()

    def decide(record: Record) -> Change:
        facts = record.facts
        require_same_link(flow, facts)
        event = Event(
            what="consent_returned",
            at=now,
            actor=facts.account,
            old="",
            new="access_proven" if is_proven else "access_awaited",
        )
        noted: dict[str, object] = {"left_at": None, "left_leg": ""}
        if facts.tenant_id == flow.tenant_id:
            noted |= {"consented_at": now, "consent_refused_at": None, "consent_refusal": ""}
            noted |= {"access_proven_at": now if is_proven else None, "access_lost_at": None}
        return changed(record, event, **noted)

    return await change(ports, flow.association_id, decide, read)
