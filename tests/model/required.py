"""Done if and only if all that is required is true: what Microsoft has to say, and what then follows."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from association.facts import AcceptedBy, Record
from association.identity import Identity, PersonFacts, TenantFacts
from association.prerequisites import GLOBAL_ADMINISTRATOR
from tests.memory import ROLES
from tests.model.stage import Worker
from tests.model.steps import has_all_checks, lacking
from tests.model.world import World

OLDEST_TOKEN = timedelta(minutes=10)


def is_told_all(worker: Worker, record: Record, now: datetime) -> bool:
    """Whether Microsoft told this worker that all is there for who is signed in, in their tenant."""
    told = {what: answer for what, _, answer in worker.reads}
    identity: Identity | None = told.get("identity")
    tenant: TenantFacts | None = told.get("tenant")
    facts: PersonFacts | None = told.get("person")
    signed_in = (record.facts.tenant_id, record.facts.object_id)
    return bool(
        identity
        and tenant
        and facts
        and (identity.tenant_id, identity.object_id) == signed_in
        and now - identity.issued_at <= OLDEST_TOKEN
        and tenant.tenant_id == identity.tenant_id
        and tenant.roles >= ROLES
        and tenant.subscriptions
        and any(role.template_id == GLOBAL_ADMINISTRATOR for role in facts.roles or ())
        and facts.licences
        and lists_domain(tenant, record)
    )


def lists_domain(tenant: TenantFacts, record: Record) -> bool:
    """Whether a tenant that its domain was accepted for has it among its own, as the tenant itself says."""
    domain = record.person(record.facts.administrator).email.rpartition("@")[2]
    return record.facts.accepted_by is not AcceptedBy.DOMAIN or domain in tenant.domains


def overdue(world: World, worker: Worker) -> Iterator[str]:
    """All was true when this worker, with nobody beside it, noted what the last leg had found: it has bound,
    or met whoever owns the tenant.
    """
    now = world.clock()
    for association_id in () if worker.is_dead else worker.stood:
        record = world.history[association_id][-1]
        facts = record.facts
        if facts.generation or facts.conflict_at:
            continue
        is_by_code = facts.is_guest and facts.accepted_by is AcceptedBy.CODE
        if (
            any(event.what == "checked" and event.at == now for event in record.events)
            and is_told_all(worker, record, now)
            and facts.accepted_by is not AcceptedBy.NOBODY
            and not is_by_code
            and has_all_checks(record)
            and not lacking(record, facts.tenant_id, world.settings.applications)
        ):
            yield f"all is true, and {worker.name} did not bind ({association_id[:6]})"


def met(world: World, worker: Worker) -> Iterator[str]:
    """What this worker has met of the last leg's own rules, or of Microsoft's trouble in the background."""
    if worker.faults and worker.name.startswith(("access ", "application ")):
        yield "a look that Microsoft failed"
    trip = worker.notes.get("trip")
    for what, of, answer in worker.reads if trip and trip.leg == "confirm" else ():
        if what == "identity" and world.clock() - answer.issued_at > OLDEST_TOKEN:
            yield "an old token at the last leg"
        if what == "tenant" and answer.domains and world.microsoft.tenants[of].domain not in answer.domains:
            yield "a domain not listed at the last leg"
