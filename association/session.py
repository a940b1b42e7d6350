"""The signed-in session: what its cookie says, and when it has ended (rule S9)."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from association.dataclass import dataclass
from association.facts import Facts

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=8)
TIMES = ("started_at", "seen_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who signed in, for which association, when. A signed cookie, never a row.

    `generation` and `link_number` are those of the facts at sign-in: a new binding or another link ends
    the session. `account` is a person number: no name or
    address stands in the cookie. `session_id` binds one-time codes and form tokens to it.
    """

    session_id: str
    association_id: str
    tenant_id: str
    object_id: str
    account: int
    generation: int
    link_number: int
    started_at: datetime
    seen_at: datetime


def to_plain(session: Session) -> dict[str, Any]:
    """The session as plain JSON values, times in Unix seconds."""
    times = {name: getattr(session, name).timestamp() for name in TIMES}
    return {**asdict(session), **times}


def from_plain(values: Mapping[str, Any]) -> Session | None:
    """The session in `values`; None for one of another release."""
    try:
        times = {name: datetime.fromtimestamp(values[name], UTC) for name in TIMES}
        return Session(**{**values, **times})
    except (KeyError, TypeError):
        return None


def is_live(session: Session, facts: Facts, now: datetime) -> bool:
    """Whether `session` still stands for this association at `now`."""
    if session.association_id != facts.association_id:
        return False
    if now - session.seen_at > IDLE or now - session.started_at > LONGEST:
        return False
    if (session.generation, session.link_number) != (facts.generation, facts.link_number):
        return False
    if facts.link_revoked_at:
        return False
    return facts.sessions_from is None or session.started_at >= facts.sessions_from


def sessions_from(facts: Facts, now: datetime) -> datetime:
    """From when on sessions count once those before `now` are ended: what has been ended later stays so."""
    return max(now, facts.sessions_from or now)


def is_about(session: Session, facts: Facts) -> bool:
    """Whether the facts are of this session's person, or somebody else has signed in since."""
    return (session.tenant_id, session.object_id) == (facts.tenant_id, facts.object_id)
