"""How much a holder of a link may trigger in an hour (rule S8). Counted on POST only."""

from association.errors import LimitReachedError
from association.ports import Ports

# A sign-in writes a flow row; a code is a mail to the recorded address.
MOST_PER_HOUR = {"sign_in": 60, "code": 5}


async def require_within_limit(ports: Ports, what: str, association_id: str) -> None:
    """Count one more of `what` for the association. Raises LimitReachedError over the limit."""
    window = ports.now().strftime("%Y-%m-%dT%H")
    if await ports.limits.count(f"{what}.{association_id}", window) > MOST_PER_HOUR[what]:
        raise LimitReachedError(f"association_id={association_id} what={what}")
