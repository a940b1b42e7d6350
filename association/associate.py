"""The binding: one tenant, one association, under a claim and a generation, never moved by itself."""

from collections.abc import Callable
from dataclasses import replace

from association.access import REQUIRED_ROLES
from association.changes import change, changed, new_mails, told_again
from association.facts import AcceptedBy, Change, Facts, Record
from association.identity import Identity, TenantFacts
from association.keys import reference_of
from association.links import add_link, link_end
from association.partition import SUPPORT, Binding, Event, Mail
from association.ports import Ports
from association.progress import is_proven
from association.rows import Claim, Purpose, Task, TaskKind
from association.settle import SETTLE_AFTER


def may_bind(record: Record, identity: Identity, tenant: TenantFacts) -> bool:
    """Whether everything of rule S1 agrees on this person and tenant: record, token, access, checks."""
    facts = record.facts
    agreeing = {facts.tenant_id, identity.tenant_id, tenant.tenant_id}
    return (
        len(agreeing) == 1
        and facts.object_id == identity.object_id
        and facts.accepted_by is not AcceptedBy.NOBODY
        and not (facts.is_guest and facts.accepted_by is AcceptedBy.CODE)
        and keeps_domain(record, tenant)
        and tenant.roles >= REQUIRED_ROLES
        and is_proven(record)
    )


def keeps_domain(record: Record, tenant: TenantFacts) -> bool:
    """A tenant accepted by its domain must list that domain among its verified ones."""
    if record.facts.accepted_by is not AcceptedBy.DOMAIN:
        return True
    domain = record.person(record.facts.administrator).email.rpartition("@")[2].lower()
    return domain in tenant.domains


async def bind(
    ports: Ports, record: Record, identity: Identity, tenant: TenantFacts, agrees: Callable[[Record], bool]
) -> Record:
    """Bind the identity's tenant to the association, once; a repeat changes nothing.

    `agrees` says whether everything of rule S1 agrees on a record; it is asked again of the very record
    that the binding is written over. The tenant is claimed first: when another association owns it, the
    conflict is noted and nothing moves.
    """
    facts = record.facts
    if facts.is_bound:
        return record
    generation = facts.generation + 1
    await ports.tasks.send(
        Task(kind=TaskKind.CLAIMS, association_id=facts.association_id, key=f"tenant:{identity.tenant_id}"),
        SETTLE_AFTER,
    )
    mine = Claim(association_id=facts.association_id, at=ports.now(), generation=generation)
    standing = await ports.claims.claim("tenant", identity.tenant_id, mine)
    if standing.association_id != facts.association_id:
        return await _note_conflict(ports, record, identity, standing)
    number = facts.share_number + 1
    await add_link(ports, facts.association_id, Purpose.SHARE, number, ports.settings.share_days)
    return await _note_binding(ports, record, _binding(ports, record, identity, tenant), agrees)


async def _note_conflict(ports: Ports, record: Record, identity: Identity, standing: Claim) -> Record:
    now = ports.now()

    def decide(current: Record) -> Change | None:
        if current.facts.conflict_at or current.facts.is_bound:
            return None
        if current.facts.tenant_id != identity.tenant_id:
            # somebody of another tenant has signed in since, who has no conflict
            return None
        event = Event(
            what="tenant_bound_elsewhere", at=now, actor=current.facts.account, new=identity.tenant_id
        )
        conflict = Mail(
            key=f"conflict-{identity.tenant_id}",
            kind="conflict",
            person=SUPPORT,
            about=reference_of(standing.association_id),
            created_at=now,
        )
        told = new_mails(current, told_again(current, conflict))
        return replace(changed(current, event, conflict_at=now), mails=told)

    return await change(ports, record.facts.association_id, decide, record)


def _binding(ports: Ports, record: Record, identity: Identity, tenant: TenantFacts) -> Binding:
    return Binding(
        generation=record.facts.generation + 1,
        tenant_id=identity.tenant_id,
        object_id=identity.object_id,
        person=record.facts.account,
        at=ports.now(),
        organisation=tenant.organisation,
    )


async def _note_binding(
    ports: Ports, record: Record, binding: Binding, agrees: Callable[[Record], bool]
) -> Record:
    def decide(current: Record) -> Change | None:
        facts = current.facts
        if facts.generation >= binding.generation or not agrees(current):
            return None
        event = Event(what="bound", at=binding.at, actor=binding.person, new=binding.tenant_id)
        bound = changed(
            current,
            event,
            generation=binding.generation,
            bound_tenant_id=binding.tenant_id,
            bound_at=binding.at,
            bound_by=binding.person,
            conflict_at=None,
            share_number=facts.share_number + 1,
            share_kid=ports.keys.kid,
            share_expires_at=link_end(binding.at, ports.settings.share_days),
        )
        return replace(bound, bindings=(binding,), mails=new_mails(current, _confirmation(facts, binding)))

    return await change(ports, record.facts.association_id, decide, record)


def _confirmation(facts: Facts, binding: Binding) -> Mail:
    return Mail(
        key=f"associated-{binding.generation}",
        kind="associated",
        person=facts.administrator,
        number=binding.generation,
        created_at=binding.at,
    )
