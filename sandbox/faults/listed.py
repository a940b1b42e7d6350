"""The closed list of faults. Tests go through it, and the table in docs/errors.md comes from it.

What is disturbed is traffic: everything here happens to one call and is over with it. What lasts (consent
that spreads slowly, an expired secret, a policy) is a condition of a tenant or of the registration.
"""

from dataclasses import dataclass
from enum import StrEnum


class Part(StrEnum):
    """Where a fault can happen."""

    ENTRA = "entra"
    GRAPH = "graph"
    STORAGE = "storage"
    QUEUE = "queue"
    SMTP = "smtp"


MICROSOFT = frozenset({Part.ENTRA, Part.GRAPH})
STORAGE = frozenset({Part.STORAGE, Part.QUEUE})
HTTP = MICROSOFT | STORAGE


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which a call can fail: where it can, and what the caller then sees."""

    name: str
    parts: frozenset[Part]
    what: str


FAULTS = {
    fault.name: fault
    for fault in (
        Fault("throttled", MICROSOFT, "429 with `Retry-After`"),
        Fault("throttled_without_time", MICROSOFT, "429 without `Retry-After`"),
        Fault("throttled_in_plain_text", frozenset({Part.ENTRA}), "429 whose body is text, not JSON"),
        Fault("server_error", HTTP, "500"),
        Fault("bad_gateway", MICROSOFT, "502 with a page of HTML"),
        Fault("unavailable", MICROSOFT, "503"),
        Fault("gateway_timeout", MICROSOFT, "504"),
        Fault("server_busy", STORAGE, "503 `ServerBusy`: the account or partition is throttled"),
        Fault("operation_timed_out", STORAGE, "500 `OperationTimedOut`"),
        Fault("malformed_json", MICROSOFT, "200 whose body isn't JSON"),
        Fault("truncated_body", HTTP, "the body ends before the length that was announced"),
        Fault("reset", HTTP, "the connection is reset, nothing was done"),
        Fault("answer_lost", STORAGE, "the work was done, and the connection is reset before the answer"),
        Fault("hang", HTTP | {Part.SMTP}, "no answer at all"),
        Fault("slow_drip", HTTP, "the answer comes byte by byte and never ends"),
        Fault("deferred", frozenset({Part.SMTP}), "451: try again later"),
        Fault("refused", frozenset({Part.SMTP}), "554: not accepted"),
        Fault("dropped", frozenset({Part.SMTP}), "the connection ends before the mail is accepted"),
        Fault(
            "accepted_unheard", frozenset({Part.SMTP}), "accepted, and the connection ends before the answer"
        ),
    )
}
