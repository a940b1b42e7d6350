"""How much a holder of a link may trigger (rule S8). Counted on POST, and at a sign-in that is about to
send a code, and nowhere else.
"""

from association.errors import LimitReachedError
from association.facts import Facts
from association.ports import Ports

# In an hour: a POST may write a flow row and history; a code is a mail to the recorded address and five tries
# at it; a failure is a row of the history.
MOST_PER_HOUR = {"post": 120, "sign_in": 60, "code_at_sign_in": 5, "code": 5, "failure": 60}
# For one link: 150 tries at a number of six digits, whoever asks, however long the link lasts.
MOST_CODES_PER_LINK = 30


async def require_within_limit(ports: Ports, what: str, association_id: str) -> None:
    """Count one more of `what` in this hour. Raises LimitReachedError over the limit."""
    window = ports.now().strftime("%Y-%m-%dT%H")
    if await ports.limits.count(f"{what}.{association_id}", window) > MOST_PER_HOUR[what]:
        raise LimitReachedError(f"association_id={association_id} what={what}")


async def require_code_left(ports: Ports, facts: Facts, what: str) -> None:
    """Count one more code, for this hour and for the link; support renews a link that has used up its codes.

    Raises LimitReachedError over a limit.
    """
    await require_within_limit(ports, what, facts.association_id)
    window = f"link-{facts.link_number}"
    if await ports.limits.count(f"codes.{facts.association_id}", window) > MOST_CODES_PER_LINK:
        raise LimitReachedError(f"association_id={facts.association_id} what=codes_per_link")
