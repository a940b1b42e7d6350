"""Support releases a tenant that isn't the recorded address's: the other way past the code (rule S4)."""

from association.changes import change, changed
from association.errors import RequestInvalidError
from association.facts import AcceptedBy, Change, Record
from association.partition import Event
from association.ports import Ports
from association.support import checked_reason, known_id


async def release_tenant(ports: Ports, association_id: str, tenant_id: str, reason: str) -> Record:
    """Accept the tenant that is signed in now; a repeat changes nothing.

    `tenant_id` must be that very tenant, as support read it to the caller. Raises RequestInvalidError for
    another one or a missing reason, AssociationUnknownError.
    """
    given = checked_reason(reason)
    identifier = known_id(association_id)
    now = ports.now()

    def decide(current: Record) -> Change | None:
        facts = current.facts
        if not facts.tenant_id or facts.tenant_id != tenant_id.strip().lower():
            raise RequestInvalidError({"tenant_id": "not_signed_in"})
        # a code speaks for the tenant's members, and for none of its guests
        unaccepted = (AcceptedBy.NOBODY, AcceptedBy.CODE) if facts.is_guest else (AcceptedBy.NOBODY,)
        if facts.accepted_by not in unaccepted:
            return None
        event = Event(what="tenant_accepted", at=now, by="support", old=given, new=AcceptedBy.SUPPORT)
        return changed(current, event, accepted_by=AcceptedBy.SUPPORT, accepted_at=now, code_session="")

    return await change(ports, identifier, decide)
