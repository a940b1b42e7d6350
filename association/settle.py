"""Claims without their fact: fifteen minutes after it was made, a claim is kept or released."""

from datetime import timedelta

from association.facts import Record
from association.ports import Ports
from association.rows import Claim, Task

SETTLE_AFTER = timedelta(minutes=15)


async def settle_claim(ports: Ports, task: Task) -> None:
    """Release the claim `task.key` (`kind:value`) if the association it names never came to hold its fact."""
    kind, _, value = task.key.partition(":")
    claim = await ports.claims.owner(kind, value)
    if claim is None or claim.association_id != task.association_id:
        return
    if ports.now() - claim.at < SETTLE_AFTER:
        await ports.tasks.send(task, SETTLE_AFTER)
        return
    record = await ports.associations.read(task.association_id)
    if record is None or not _holds(record, kind, value, claim):
        await ports.claims.release(kind, value, claim)


def _holds(record: Record, kind: str, value: str, claim: Claim) -> bool:
    facts = record.facts
    if kind == "order":
        return value in record.orders
    if kind == "customer":
        return facts.customer_number == value
    if kind == "reference":
        return facts.reference == value
    return facts.bound_tenant_id == value and facts.generation >= claim.generation
