"""A failure's own reference, kept where support will look for it; best effort, never a failure of its own."""

import asyncio
import logging

from association.changes import change, changed
from association.errors import AssociationError
from association.facts import Change, Event, Record
from association.rows import Claim
from functions import services

log = logging.getLogger(__name__)

# The answer waits for it, after its own deadline.
LONGEST_SECONDS = 3


async def note_failure(error: AssociationError, reference: str) -> None:
    """Write the failure into the association's history and make its reference findable."""
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            await _note(error, reference)
    except Exception as second:  # noqa: BLE001 - a defect here must not take the answer from its reader
        log.warning("failure_not_noted kind=%s reference=%s", type(second).__name__, reference)


async def _note(error: AssociationError, reference: str) -> None:
    ports = services.services().ports
    now = ports.now()

    def decide(record: Record) -> Change:
        event = Event(what="failed", at=now, by="service", new=error.code, reference=reference)
        return changed(record, event)

    await change(ports, error.association_id, decide)
    claim = Claim(association_id=error.association_id, at=now)
    await ports.claims.claim("reference", reference, claim)
