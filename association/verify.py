"""The check of the prerequisites: read together, judged together, and bound at once when all are met.

The person is shown again by a silent leg at their own tenant, after consent, so that an id_token of minutes
and a delegated token of their own stand behind the result (rule S1). What can't be read is unknown.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from association.access import (
    NO_REFUSAL,
    REQUIRED_ROLES,
    keep_looking_for_access,
    look_at_access,
    look_later,
    note_access,
    note_no_access,
)
from association.answer import Answer
from association.associate import bind, keeps_domain, may_bind
from association.changes import SAFETY_DELAY, change, changed
from association.consent import require_accepted
from association.dataclass import dataclass
from association.errors import AccountChangedError, AssociationError, IdTokenInvalidError, SignInRefusedError
from association.facts import AcceptedBy, Change, Facts, Record
from association.grants import grant_of, missing_applications
from association.identity import Identity, TenantFacts
from association.legs import Departure, begin_confirm, is_theirs, require_same_link, require_same_sign_in
from association.looks import first_look
from association.microsoft_errors import MicrosoftRefusedError
from association.partition import Check, Event, Grant
from association.ports import Ports
from association.prerequisites import judge
from association.roles import ClientRoles, keep_looking, read_roles, seen
from association.rows import Flow, Leg
from association.session import Session
from association.sign_in import note_departure, note_return
from association.trouble import raise_trouble

OLDEST_ID_TOKEN = timedelta(minutes=10)
# Microsoft wants to show something: the leg is repeated once, this time visibly.
ASKS_TO_BE_SEEN = (Answer.INTERACTION_REQUIRED, Answer.CONSENT_MISSING)


async def recheck(ports: Ports, record: Record, session: Session) -> Departure | None:
    """Look for access, then show the person again: « Revérifier ». None while access isn't there.

    Raises MicrosoftUnavailableError or MicrosoftRefusedError when nothing could be read: no fact is lost.
    """
    require_accepted(record, session)
    access = await look_at_access(ports, session.tenant_id)
    if access.unread:
        raise access.unread
    if access.is_there:
        record = await note_access(ports, record, session.tenant_id)
        return await confirm(ports, record, session.tenant_id, session.object_id)
    await note_no_access(ports, record, session.tenant_id, access)
    return None


async def confirm(
    ports: Ports, record: Record, tenant_id: str, object_id: str, *, silent: bool = True
) -> Departure:
    """Begin the leg that shows the person again, by the name under which they signed in.

    Microsoft holds silent visits, too, so the departure is noted: while the flow is written, since rule P3
    has no round trip left for it. Raises MicrosoftUnavailableError.
    """
    username = record.person(record.facts.account).username
    begun, noted = await asyncio.gather(
        begin_confirm(ports, record, tenant_id, object_id, username, silent=silent),
        note_departure(ports, record, Leg.CONFIRM),
        return_exceptions=True,
    )
    if isinstance(noted, BaseException):
        raise noted
    if isinstance(begun, BaseException):
        with suppress(AssociationError):
            await note_return(ports, record.facts.association_id)
        raise begun
    return begun


async def complete_confirm(
    ports: Ports, flow: Flow, answer: Mapping[str, str], read: Record | None = None
) -> tuple[Record, Identity] | Departure:
    """Redeem the confirming leg, read everything, note the results, and bind if all of them are ok.

    `answer` is the callback's query, `read` the record if the caller has it already.

    Returns another departure when Microsoft asks to be seen. Raises AccountChangedError when it is another
    person, SignInRefusedError when Microsoft ended the leg with an error, IdTokenInvalidError,
    LinkRevokedError, SessionMissingError, MicrosoftRefusedError, MicrosoftUnavailableError.
    """
    identity = await _redeem(ports, flow, answer)
    if isinstance(identity, Departure):
        return identity
    require_same_person(flow, identity)
    if ports.now() - identity.issued_at > OLDEST_ID_TOKEN:
        raise IdTokenInvalidError("reason=too_old")
    applications = ports.settings.applications
    tenant, person, found = await asyncio.gather(
        ports.graph.tenant_facts(flow.tenant_id),
        ports.graph.person_facts(identity.access_token),
        read_roles(ports, flow.tenant_id, applications),
    )
    checks = judge(identity, tenant, person, ports.now())
    read = read or await ports.associations.read(flow.association_id)
    if read and read.facts.consented_at and not tenant.roles >= REQUIRED_ROLES:
        facts = read.facts
        await look_later(ports, facts.association_id, read.facts.consented_at, facts.looks, SAFETY_DELAY)
    record = await _note_checks(ports, flow, _Seen(checks, tenant, found.roles), read)
    # seen once and gone again: consent is still spreading, and the background goes on looking
    await keep_looking_for_access(ports, record)
    await keep_looking(ports, record, first_look(found.unread))
    return await _bind(ports, flow, record, identity, tenant), identity


async def _bind(ports: Ports, flow: Flow, record: Record, identity: Identity, tenant: TenantFacts) -> Record:
    """The record, bound if everything agrees. Raises as `complete_confirm` does."""

    def agrees(current: Record) -> bool:
        _require_going_on(flow, current.facts)
        is_granted = not missing_applications(current, ports.settings.applications)
        return is_granted and may_bind(current, identity, tenant)

    if not agrees(record):
        return record
    after = await bind(ports, record, identity, tenant, agrees)
    # a colleague may have bound meanwhile, under whose name this person would go on
    _require_theirs(flow, after.facts)
    return after


def require_same_person(flow: Flow, identity: Identity) -> None:
    """Raises AccountChangedError unless the flow was begun for exactly this person."""
    if (identity.tenant_id, identity.object_id) != (flow.tenant_id, flow.object_id):
        raise AccountChangedError(f"association_id={flow.association_id} leg=confirm")


def _require_going_on(flow: Flow, facts: Facts) -> None:
    """What support, or the person in another tab, has ended since: no result of the leg is noted or bound."""
    require_same_link(flow, facts)
    require_same_sign_in(flow, facts)


def _require_theirs(flow: Flow, facts: Facts) -> None:
    """Nobody is led on, by name, in the leg of somebody else."""
    if not is_theirs(flow, facts):
        raise AccountChangedError(f"association_id={flow.association_id} leg=confirm")


async def _redeem(ports: Ports, flow: Flow, answer: Mapping[str, str]) -> Identity | Departure:
    """Who was shown; or the leg once more where Microsoft asks to be seen: in its redirect or, having given a
    code without a page, only when that is redeemed (AADSTS50076, 50079, 65001).
    """
    try:
        if "error" in answer:
            raise ports.entra.refusal(answer)
        return await ports.entra.redeem(flow.tenant_id, flow.msal, answer)
    except MicrosoftRefusedError as refusal:
        departure = await _seen_again(ports, flow, refusal)
        if departure:
            return departure
        if "error" not in answer:
            raise
        raise_trouble(refusal)
        raise SignInRefusedError(str(refusal), answer=refusal.answer) from refusal


async def _seen_again(ports: Ports, flow: Flow, refusal: MicrosoftRefusedError) -> Departure | None:
    """Begin the leg again, visibly; None where that isn't what is asked for, or has been done."""
    if not flow.is_silent or refusal.answer not in ASKS_TO_BE_SEEN:
        return None
    record = await ports.associations.read(flow.association_id)
    if record is None:
        return None
    _require_going_on(flow, record.facts)
    _require_theirs(flow, record.facts)
    return await confirm(ports, record, flow.tenant_id, flow.object_id, silent=False)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one confirming leg came to; `applications` is None where it could not be read."""

    checks: tuple[Check, ...]
    tenant: TenantFacts
    applications: ClientRoles | None


async def _note_checks(ports: Ports, flow: Flow, saw: _Seen, read: Record | None) -> Record:
    now, checks, tenant = ports.now(), saw.checks, saw.tenant

    def decide(record: Record) -> Change:
        facts = record.facts
        _require_going_on(flow, facts)
        _require_theirs(flow, facts)
        old = _tell(record.checks.values())
        event = Event(what="checked", at=now, actor=facts.account, old=old, new=_tell(checks))
        noted: dict[str, object] = {"left_at": None, "left_leg": "", "access_proven_at": None}
        if tenant.roles >= REQUIRED_ROLES:
            noted |= {"access_proven_at": facts.access_proven_at or now, "access_lost_at": None}
            noted |= NO_REFUSAL
        if tenant.domains and not facts.is_bound and not keeps_domain(record, tenant):
            # discovery and the tenant itself disagree: what the domain had accepted is open again; once
            # bound, the binding stands for it, also when the recorded address has been erased
            noted |= {"accepted_by": AcceptedBy.NOBODY, "accepted_at": None}
        return replace(changed(record, event, **noted), checks=checks, grants=_grants(ports, record, saw))

    return await change(ports, flow.association_id, decide, read)


def _grants(ports: Ports, record: Record, saw: _Seen) -> tuple[Grant, ...]:
    """The rows of the applications that were looked at; one never asked for and not there gets none."""
    if saw.applications is None:
        return ()
    return tuple(
        seen(record, application, saw.applications, ports.now())
        for application in ports.settings.applications
        if application.client_id in saw.applications or grant_of(record, application)
    )


def _tell(checks: Iterable[Check]) -> str:
    return " ".join(f"{check.key}={check.cause}" for check in checks)
