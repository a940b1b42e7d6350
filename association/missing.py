"""What is still missing for an association to be done, or, once it is, what further applications it lacks."""

from collections.abc import Iterator

from association.facts import AcceptedBy, Record
from association.further_applications import FurtherApplication
from association.grants import missing_applications
from association.links import is_link_live
from association.partition import Prerequisite, Result
from association.ports import Ports
from association.progress import current_checks


def missing(ports: Ports, record: Record) -> tuple[str, ...]:
    """The codes of what is missing, in the order in which it comes: `order.<field>`, `administrator`, `link`,
    `sign_in`, `tenant_acceptance`, `consent`, `access`, `check.<key>`, `application.<key>`,
    `tenant_conflict`, `binding`; empty when all is done.
    """
    applications = ports.settings.applications
    if record.facts.is_bound:
        return tuple(_applications(record, applications))
    return tuple(dict.fromkeys((*_before_consent(ports, record), *_after_sign_in(record, applications))))


def _before_consent(ports: Ports, record: Record) -> Iterator[str]:
    facts = record.facts
    for order in record.orders.values():
        yield from (f"order.{name}" for name in order.missing)
    if not record.person(facts.administrator).email:
        yield "administrator"
    if not is_link_live(ports, facts):
        yield "link"
    if not facts.signed_in_at:
        yield "sign_in"
    elif facts.accepted_by is AcceptedBy.NOBODY:
        yield "tenant_acceptance"


def _after_sign_in(record: Record, applications: tuple[FurtherApplication, ...]) -> Iterator[str]:
    facts = record.facts
    if not facts.consented_at:
        yield "consent"
    if not facts.access_proven_at:
        yield "access"
    met = {check.key for check in current_checks(record) if check.result is Result.OK}
    yield from (f"check.{key}" for key in Prerequisite if key not in met)
    yield from _applications(record, applications)
    if facts.conflict_at:
        yield "tenant_conflict"
    yield "binding"


def _applications(record: Record, applications: tuple[FurtherApplication, ...]) -> Iterator[str]:
    yield from (f"application.{each.key}" for each in missing_applications(record, applications))
