"""An association in JSON, for those who ask with a key: who it is, and the step, cause and since derived."""

from datetime import datetime
from typing import Any

from association.facts import Record
from association.ports import Ports
from association.progress import progress
from association.steps import Progress


def where_stands(record: Record, ports: Ports) -> Progress:
    """The record's progress now, with the further applications of the settings."""
    return progress(record, ports.now(), ports.settings.applications)


def association_view(record: Record, ports: Ports) -> dict[str, Any]:
    """What OCTAVE and support both get: who it is and where it stands."""
    facts, where = record.facts, where_stands(record, ports)
    return {
        "association_id": facts.association_id,
        "reference": facts.reference,
        "customer_number": facts.customer_number,
        "company_name": facts.company_name,
        "step": where.step,
        "state": where.state,
        "cause": where.cause,
        "who": where.who,
        "since": time_text(where.since),
    }


def order_view(record: Record, order_number: str, ports: Ports) -> dict[str, Any]:
    """What OCTAVE gets of one order of the association: where it stands, and what the order still lacks."""
    missing = list(record.orders[order_number].missing)
    return {**association_view(record, ports), "order_number": order_number, "missing": missing}


def time_text(at: datetime | None) -> str | None:
    """A time as ISO 8601 and RFC 3339 have it, in UTC and to the second."""
    return at.isoformat(timespec="seconds").replace("+00:00", "Z") if at else None
