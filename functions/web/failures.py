"""A failure's own reference, kept where support will look for it; best effort, never a failure of its own."""

import logging

from association.changes import change, changed
from association.errors import AssociationError
from association.facts import Change, Event, Record
from association.rows import Claim
from functions import services

log = logging.getLogger(__name__)


async def note_failure(error: AssociationError, reference: str) -> None:
    """Write the failure into the association's history and make its reference findable."""
    try:
        ports = services.services().ports
        now = ports.now()

        def decide(record: Record) -> Change:
            event = Event(what="failed", at=now, by="service", new=error.code, reference=reference)
            return changed(record, event)

        await change(ports, error.association_id, decide)
        claim = Claim(association_id=error.association_id, at=now)
        await ports.claims.claim("reference", reference, claim)
    except AssociationError as second:
        log.warning("failure_not_noted code=%s reference=%s", second.code, reference)
