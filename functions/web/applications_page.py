"""What fills the page of the further applications: each with its standing, and the next one in full."""

from datetime import datetime
from typing import Any

from association.answer import answer_named
from association.dataclass import dataclass
from association.further_applications import FurtherApplication
from association.grants import Standing, grant_of, standing
from association.steps import Cause, Progress
from functions import services
from functions.web.visitor import Visitor

OPEN = (Standing.TO_CONSENT, Standing.REFUSED, Standing.MISSING)
REFRESH_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Line:
    """One application on the page. `refusal` is what a refusal came to, "" for none. `permissions` are pairs:
    a role's value, and whether the catalogues say what it means in plain words.
    """

    application: FurtherApplication
    standing: Standing
    at: datetime | None
    refusal: str
    permissions: tuple[tuple[str, bool], ...]


def fill_applications(visitor: Visitor, where: Progress) -> dict[str, Any]:
    """The values of templates/pages/applications.html."""
    lines = [_line(visitor, application) for application in visitor.ports.settings.applications]
    still_open = [line for line in lines if line.standing in OPEN]
    # what was refused comes after what nobody has answered yet
    still_open.sort(key=lambda line: line.standing is Standing.REFUSED)
    return {
        "lines": lines,
        "next": still_open[0] if still_open else None,
        "open_count": len(still_open),
        "awaited": any(line.standing is Standing.AWAITED for line in lines),
        "waived": any(line.standing is Standing.WAIVED for line in lines),
        "is_bound": visitor.facts.is_bound,
        "can_finish": where.cause is Cause.READY_TO_BIND,
        "refresh_seconds": REFRESH_SECONDS,
    }


def _line(visitor: Visitor, application: FurtherApplication) -> Line:
    stands = standing(visitor.record, application, visitor.ports.now())
    grant = grant_of(visitor.record, application)
    at = None
    if grant is not None:
        by_standing = {
            Standing.PROVEN: grant.proven_at,
            Standing.REFUSED: grant.refused_at,
            Standing.WAIVED: grant.waived_at,
        }
        at = by_standing.get(stands, grant.consented_at)
    permissions = tuple((role, _is_known(role)) for role in sorted(application.roles))
    refused = answer_named(grant.refusal) if grant and stands is Standing.REFUSED else ""
    return Line(application, stands, at, refused, permissions)


def _is_known(role: str) -> bool:
    return services.rendering().has(f"permission.{role}")
