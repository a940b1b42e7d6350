"""What must hold of every change, judged from the rows as stored and from what Microsoft told the very worker
that made the change. Nothing here asks the product's own rules.
"""

from collections.abc import Iterator
from datetime import timedelta

from adapters.storage.associations import Associations
from adapters.storage.claims import ROW_KEY
from adapters.storage.claims import TABLE as CLAIMS
from adapters.storage.entities import to_value
from adapters.storage.flows import ROW_KEY as FLOW
from adapters.storage.flows import TABLE as FLOWS
from association.facts import AcceptedBy, Record
from association.rows import Claim, Flow, FlowStatus
from tests.model.changes import grows, keeps, starts_anew, was_told, wrong
from tests.model.required import is_told_all
from tests.model.stage import PRESENT, Worker
from tests.model.steps import has_all_checks, lacking
from tests.model.world import World

FLOW_LASTS = timedelta(minutes=15)
STEPS_OF_A_FLOW = (
    (None, FlowStatus.OPEN),
    (FlowStatus.OPEN, FlowStatus.CONSUMING),
    (FlowStatus.CONSUMING, FlowStatus.DONE),
)
OF_A_LEG = ("signed_in", "consent_returned", "application_returned", "checked", "bound")


class Watch:
    """Looks at every change as soon as it is stored, and notes in the world what is wrong with it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._associations = Associations(world.tables.inner)  # type: ignore[arg-type]
        world.tables.seen = self.seen
        world.tables.was_read = self.was_read

    def was_read(self, association_id: str) -> None:
        """Note for whoever reads it how it stands."""
        worker, known = PRESENT.get(), self._world.history.get(association_id)
        if worker and known:
            worker.stood.setdefault(association_id, []).append(known[-1])

    async def seen(self, table: str, partition_key: str) -> None:
        """Read back what has just been changed."""
        worker = PRESENT.get()
        token = PRESENT.set(None)
        try:
            if table == FLOWS:
                await self._flow(partition_key)
                return
            if table == CLAIMS:
                row = await self._world.tables.inner.get(table, partition_key, ROW_KEY)
                self._world.claims[partition_key] = to_value(Claim, row) if row else None
                return
            record = await self._associations.read(partition_key)
            assert record is not None, "an association without facts"
            known = self._world.history.setdefault(partition_key, [])
            before = known[-1] if known else None
            known.append(record)
            if worker:
                worker.stood[partition_key] = [record]
            for what in self._judge(worker, before, record):
                name = worker.name if worker else ""
                self._world.broken.append(f"{what} ({partition_key[:6]} v{record.facts.version}, {name})")
        finally:
            PRESENT.reset(token)

    async def _flow(self, state_hash: str) -> None:
        """A flow is begun, consumed and done with once each."""
        row = await self._world.tables.inner.get(FLOWS, state_hash, FLOW)
        if row is None:
            return
        status = to_value(Flow, row).status
        if (self._world.flows.get(state_hash), status) not in STEPS_OF_A_FLOW:
            self._world.broken.append(f"a flow is {status} that was {self._world.flows.get(state_hash)}")
        self._world.flows[state_hash] = status

    def _judge(self, worker: Worker | None, before: Record | None, after: Record) -> Iterator[str]:
        yield from grows(before, after)
        if before is None or worker is None:
            return
        yield from keeps(before, after)
        yield from starts_anew(before.facts, after.facts)
        yield from was_told(worker, before, after)
        if after.facts.version > before.facts.version:
            yield from self._goes_on(worker, before, after)
        if after.facts.generation > before.facts.generation:
            yield from self._binds(worker, before, after)

    def _goes_on(self, worker: Worker, before: Record, after: Record) -> Iterator[str]:
        """No leg's result is noted after what ended the leg; every acceptance has its reason."""
        facts, what = before.facts, after.events[-1].what
        if what in OF_A_LEG:
            trip, now = worker.notes.get("trip"), self._world.clock()
            is_ended = trip and facts.sessions_from and trip.begun_at < facts.sessions_from
            told = (trip.state if trip else "", what)
            yield from wrong(
                (facts.link_revoked_at, f"{what} through a link that was revoked"),
                (trip is None or now - trip.begun_at >= FLOW_LASTS, f"{what} without a leg that is in time"),
                (is_ended and what in ("checked", "bound"), f"{what} by a leg of a session that had ended"),
                (told in self._world.told, f"{what} twice by one leg"),
            )
            self._world.told.add(told)
        if after.facts.accepted_by != facts.accepted_by or after.facts.accepted_at != facts.accepted_at:
            yield from self._accepts(worker, before, after)

    def _accepts(self, worker: Worker, before: Record, after: Record) -> Iterator[str]:
        by, tenant_id = after.facts.accepted_by, after.facts.tenant_id
        if by is AcceptedBy.DOMAIN:
            domain = before.person(before.facts.administrator).email.rpartition("@")[2]
            if not domain or self._world.microsoft.tenants[tenant_id].domain != domain:
                yield "accepted by a domain that isn't the tenant's"
        elif by is AcceptedBy.CODE:
            typed, code = (
                worker.notes.get("code", ""),
                self._world.ports.keys.code(after.facts.association_id, before.facts.code_number, tenant_id),
            )
            if typed != code:
                yield "accepted by a code that is wrong"
            sent = before.facts.code_sent_at
            if sent is None or self._world.clock() - sent >= timedelta(minutes=10):
                yield "accepted by a code that had ended"
            if before.facts.code_tries > 5:
                yield "accepted by a code after five tries"
        elif by is AcceptedBy.SUPPORT and worker.notes.get("support") != "release-tenant":
            yield "accepted by support, which did nothing"

    def _binds(self, worker: Worker, before: Record, after: Record) -> Iterator[str]:
        """Done only if all that is required is true."""
        facts, bound = before.facts, after.facts
        binding = after.bindings.get(bound.generation)
        if binding is None or (binding.tenant_id, binding.person) != (bound.bound_tenant_id, bound.bound_by):
            yield "bound without its binding row"
            return
        person = (binding.tenant_id, binding.object_id)
        claim = self._world.claim_on("tenant", binding.tenant_id)
        missing = lacking(before, binding.tenant_id, self._world.settings.applications)
        is_by_code = facts.is_guest and facts.accepted_by is AcceptedBy.CODE
        yield from wrong(
            (after.events[-1].what != "bound" or facts.generation, "bound twice, or without its event"),
            (person != (facts.tenant_id, facts.object_id), "bound by somebody who isn't the one signed in"),
            (facts.accepted_by is AcceptedBy.NOBODY or is_by_code, "bound a tenant that nobody accepted"),
            (not facts.access_proven_at, "bound without access proven"),
            (not has_all_checks(before), "bound without every prerequisite"),
            (facts.closed_at or facts.link_revoked_at, "bound although support had ended it"),
            (
                claim is None or claim.association_id != facts.association_id,
                "bound without the claim on the tenant",
            ),
            (
                not is_told_all(worker, before, self._world.clock()),
                "bound without Microsoft's word for all of it",
            ),
            *((True, f"bound without {each}") for each in missing),
        )
