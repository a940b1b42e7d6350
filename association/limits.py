"""How much a holder of a link may trigger in an hour (rule S8). Counted on POST, and at a sign-in that is
about to send a code, and nowhere else.
"""

from association.errors import LimitReachedError
from association.ports import Ports

# A sign-in writes a flow row; a code is a mail to the recorded address, and five tries at it.
MOST_PER_HOUR = {"sign_in": 60, "code_at_sign_in": 5, "code": 5, "failure": 60}


async def require_within_limit(ports: Ports, what: str, association_id: str) -> None:
    """Count one more of `what` for the association. Raises LimitReachedError over the limit."""
    window = ports.now().strftime("%Y-%m-%dT%H")
    if await ports.limits.count(f"{what}.{association_id}", window) > MOST_PER_HOUR[what]:
        raise LimitReachedError(f"association_id={association_id} what={what}")
