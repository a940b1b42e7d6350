"""A failure's own reference, kept where support will look for it; best effort, never a failure of its own."""

import asyncio
import logging
import re
from contextvars import ContextVar

from association.answer import Answer
from association.changes import change, changed
from association.errors import AssociationError
from association.facts import Change, Record
from association.limits import require_within_limit
from association.microsoft_errors import MicrosoftError
from association.partition import Event
from association.rows import Claim
from functions import services

log = logging.getLogger(__name__)

# The association that the request at hand has been let in to; "" before that, and for strangers.
concerned: ContextVar[str] = ContextVar("concerned", default="")

# The answer waits for it, and for no longer than its own deadline; where that is over, it is tried at least.
LONGEST_SECONDS = 3
LEAST_SECONDS = 0.5
# An id of Microsoft's: what came in any other form is not kept.
CORRELATION_ID = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)


async def note_failure(association_id: str, error: AssociationError, reference: str, seconds: float) -> None:
    """Write the failure into the association's history and make its reference findable, with `seconds` left
    for it. Of an answer of Microsoft's, what it comes to and its correlation id are kept, which its log knows
    too.
    """
    try:
        async with asyncio.timeout(max(LEAST_SECONDS, min(LONGEST_SECONDS, seconds))):
            await _note(association_id, error, reference)
    except Exception as second:  # noqa: BLE001 - a defect here must not take the answer from its reader
        log.warning("failure_not_noted kind=%s reference=%s", type(second).__name__, reference)


async def _note(association_id: str, error: AssociationError, reference: str) -> None:
    ports = services.services().ports
    now = ports.now()
    await require_within_limit(ports, "failure", association_id)

    def decide(record: Record) -> Change:
        event = Event(
            what="failed",
            at=now,
            by="service",
            old=_answer(error),
            new=error.code,
            correlation_id=_correlation_id(error),
            reference=reference,
        )
        return changed(record, event)

    await change(ports, association_id, decide)
    claim = Claim(association_id=association_id, at=now)
    await ports.claims.claim("reference", reference, claim)


def _answer(error: AssociationError) -> str:
    """What Microsoft's answer came to; "" where the failure came of none."""
    answer = error.values.get("answer")
    return str(answer) if isinstance(answer, Answer) else ""


def _correlation_id(error: BaseException | None) -> str:
    """Microsoft's id of the answer that the failure is or was raised from; "" where none is told."""
    told = ""
    while error is not None and not told:
        told = error.correlation_id if isinstance(error, MicrosoftError) else ""
        error = error.__cause__
    return told if CORRELATION_ID.fullmatch(told) else ""
