"""Support waives a further application that this customer must not authorise: nothing waits for it then."""

from dataclasses import replace
from datetime import datetime

from association.changes import change, changed
from association.errors import RequestInvalidError
from association.facts import Change, Record
from association.further_applications import FurtherApplication, find_application
from association.grants import grant_of
from association.partition import Event, Grant
from association.ports import Ports
from association.support import checked_reason, known_id


async def waive_application(ports: Ports, association_id: str, key: str, reason: str) -> Record:
    """Require the application `key` no longer; a repeat changes nothing.

    The decision is about the tenant that is bound, or else signed in, and says nothing of another one. The
    application may still be authorised. Raises RequestInvalidError for a missing reason, a key that the
    settings don't list, or where nobody has signed in yet; AssociationUnknownError.
    """
    given, now = checked_reason(reason), ports.now()
    application = find_application(ports.settings.applications, key)
    if application is None:
        raise RequestInvalidError({"application": "application_unknown"})

    def decide(current: Record) -> Change | None:
        if not current.facts.present_tenant_id:
            raise RequestInvalidError({"tenant_id": "not_signed_in"})
        waived = _waived(current, application, now)
        if waived is None:
            return None
        event = Event(what="application_waived", at=now, by="support", old=given, new=key)
        return replace(changed(current, event), grants=(waived,))

    return await change(ports, known_id(association_id), decide)


def _waived(record: Record, application: FurtherApplication, now: datetime) -> Grant | None:
    before = grant_of(record, application) or Grant(
        key=application.key,
        tenant_id=record.facts.present_tenant_id,
        at=now,
        missing=" ".join(sorted(application.roles)),
    )
    return None if before.waived_at else replace(before, waived_at=now)
