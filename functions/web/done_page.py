"""What fills the last page: what works now, the share link, who was told."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from association.dataclass import dataclass
from association.facts import Record
from association.grants import Standing, missing_applications, standing
from association.links import share_token
from association.partition import Event
from association.share import ShareState, share_state
from association.steps import Progress
from functions.web.visitor import Visitor

SUPPORT = "support"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The share link as the administrator sees it.

    `url` is "" once it opens nothing. `made_by` and `revoked_by` are an account, `SUPPORT`, or "" for one
    that is erased or unknown.
    """

    state: ShareState
    number: int
    url: str
    ends: datetime | None
    made_at: datetime | None
    made_by: str
    revoked_at: datetime | None
    revoked_by: str
    days: int


def fill_done(visitor: Visitor, _: Progress) -> dict[str, Any]:
    """The values of templates/pages/done.html."""
    facts, settings = visitor.facts, visitor.ports.settings
    now, listed = visitor.ports.now(), settings.applications
    return {
        "bound_at": facts.bound_at,
        "download": f"{visitor.path}/sage-contact.xml",
        "applications": tuple(
            each for each in listed if standing(visitor.record, each, now) is Standing.PROVEN
        ),
        "missing_applications": missing_applications(visitor.record, listed),
        "share": _share(visitor),
        "connector_url": settings.connector_url,
        "partner_name": facts.partner_name,
        "is_administrator": visitor.is_administrator,
        "confirmation": visitor.record.outbox.get(f"associated-{facts.generation}"),
    }


def _share(visitor: Visitor) -> Share:
    ports, facts, record = visitor.ports, visitor.facts, visitor.record
    state = share_state(facts, ports.keys, ports.now())
    made = _newest(record, ("bound", "share_renewed"))
    revoked = _newest(record, ("share_revoked",))
    if revoked and revoked.at != facts.share_revoked_at:
        revoked = None  # an earlier link's; this one ended with the order
    return Share(
        state=state,
        number=facts.share_number,
        url=_url(visitor) if state is ShareState.OPEN else "",
        ends=facts.share_expires_at,
        made_at=made.at if made else None,
        made_by=_who(record, made),
        revoked_at=facts.share_revoked_at,
        revoked_by=_who(record, revoked),
        days=ports.settings.share_days,
    )


def _url(visitor: Visitor) -> str:
    ports = visitor.ports
    return f"{ports.settings.public_base_url}/addin?k={share_token(ports.keys, visitor.facts)}"


def _newest(record: Record, kinds: Iterable[str]) -> Event | None:
    return next((event for event in reversed(record.events) if event.what in kinds), None)


def _who(record: Record, event: Event | None) -> str:
    if event is None or event.by == SUPPORT:
        return SUPPORT if event else ""
    return record.person(event.actor).username
