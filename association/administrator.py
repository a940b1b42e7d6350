"""Who may act for an associated organisation: whoever bound it, or is seen as Global Administrator.

The mailed link and a work account of the organisation are enough for the add-in's file; its share link and
the portal are the administrator's.
"""

from association.errors import AdministratorNeededError
from association.facts import Record
from association.session import Session, is_about


def is_administrator(record: Record, session: Session) -> bool:
    """Whether the session's person bound this organisation, or signed in last and was seen with the role.

    The role in the id_token is a hint that Microsoft gave at sign-in: enough to pass on a link, and never to
    bind.
    """
    facts, bound = record.facts, record.bindings.get(record.facts.generation)
    if bound and (bound.tenant_id, bound.object_id) == (session.tenant_id, session.object_id):
        return True
    return is_about(session, facts) and facts.is_administrator_hint


def require_administrator(record: Record, session: Session) -> None:
    """Raises AdministratorNeededError for anybody else."""
    if not is_administrator(record, session):
        raise AdministratorNeededError(f"association_id={record.facts.association_id}")
