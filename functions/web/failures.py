"""A failure's own reference, kept where support will look for it; best effort, never a failure of its own."""

import asyncio
import logging
from contextvars import ContextVar

from association.changes import change, changed
from association.facts import Change, Record
from association.limits import require_within_limit
from association.partition import Event
from association.rows import Claim
from functions import services

log = logging.getLogger(__name__)

# The association that the request at hand has been let in to; "" before that, and for strangers.
concerned: ContextVar[str] = ContextVar("concerned", default="")

# The answer waits for it, after its own deadline.
LONGEST_SECONDS = 3


async def note_failure(association_id: str, code: str, reference: str) -> None:
    """Write the failure into the association's history and make its reference findable."""
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            await _note(association_id, code, reference)
    except Exception as second:  # noqa: BLE001 - a defect here must not take the answer from its reader
        log.warning("failure_not_noted kind=%s reference=%s", type(second).__name__, reference)


async def _note(association_id: str, code: str, reference: str) -> None:
    ports = services.services().ports
    now = ports.now()
    await require_within_limit(ports, "failure", association_id)

    def decide(record: Record) -> Change:
        event = Event(what="failed", at=now, by="service", new=code, reference=reference)
        return changed(record, event)

    await change(ports, association_id, decide)
    claim = Claim(association_id=association_id, at=now)
    await ports.claims.claim("reference", reference, claim)
