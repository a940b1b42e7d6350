"""The hand-over to Sage Business Centre: what the portal is told of who comes, signed, for one minute (S10).

The claims are those of RFC 7519 §4.1, with `tid` and `oid` named as Microsoft does:
https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference
"""

from datetime import datetime, timedelta
from typing import Any

from association.administrator import require_administrator
from association.changes import change, changed
from association.errors import NotBoundError, SessionMissingError
from association.facts import Change, Facts, Record
from association.partition import Event
from association.ports import Ports
from association.session import Session, is_live
from association.settings import Settings

LIFETIME = timedelta(seconds=60)


async def hand_over(ports: Ports, record: Record, session: Session) -> str:
    """Note the hand-over in the history, and return the signed token (JWS compact, ASCII).

    Raises NotBoundError unless the session is of the tenant that is bound, also by the time it is noted;
    SessionMissingError when the session, or the association, was ended meanwhile; AdministratorNeededError,
    PortalUnavailableError without a key that can sign.
    """
    _require_bound(record.facts, session)
    require_administrator(record, session)
    now = ports.now()
    token = ports.portal.sign(claims_for(ports.settings, session, now, ports.new_id()))

    def decide(current: Record) -> Change:
        _require_bound(current.facts, session)
        if not is_live(session, current.facts, now):
            raise SessionMissingError(f"association_id={session.association_id}")
        return changed(current, Event(what="handed_over", at=now, actor=session.account))

    await change(ports, record.facts.association_id, decide, record)
    return token


def claims_for(settings: Settings, session: Session, now: datetime, token_id: str) -> dict[str, Any]:
    """The claims about the session's person; times in whole seconds since 1970, `token_id` 32 hex digits."""
    issued_at = int(now.timestamp())
    return {
        "iss": settings.public_base_url,
        "aud": settings.portal_url,
        "sub": session.association_id,
        "tid": session.tenant_id,
        "oid": session.object_id,
        "jti": token_id,
        "iat": issued_at,
        "exp": issued_at + int(LIFETIME.total_seconds()),
    }


def _require_bound(facts: Facts, session: Session) -> None:
    if not facts.is_bound or session.tenant_id != facts.bound_tenant_id:
        raise NotBoundError(f"association_id={facts.association_id}")
