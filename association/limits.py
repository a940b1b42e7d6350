"""How much a holder of a link may trigger (rule S8). Counted on POST, and at a sign-in that is about to
send a code, and nowhere else.
"""

import math
from datetime import datetime, timedelta

from association.errors import LimitReachedError
from association.facts import Facts
from association.ports import Ports
from association.public_mail import PUBLIC_MAIL_DOMAINS

# In an hour: a POST may write a flow row and history; a code is a mail to the recorded address and five tries
# at it; a failure is a row of the history.
MOST_PER_HOUR = {"post": 120, "sign_in": 60, "code_at_sign_in": 5, "code": 5, "failure": 60}
# For one link: 150 tries at a number of six digits, whoever asks, however long the link lasts.
MOST_CODES_PER_LINK = 30
# Requests for a new link, in an hour: of one thing that was typed, whether or not it exists, and of a caller.
MOST_NEW_LINKS_ASKED = 3
MOST_NEW_LINKS_PER_CALLER = 20
# Mails that such requests trigger, in a day: to one address, and to all of a company's.
MOST_NEW_LINKS_PER_ADDRESS = 10
MOST_NEW_LINKS_PER_DOMAIN = 30


async def require_within_limit(ports: Ports, what: str, association_id: str) -> None:
    """Count one more of `what` in this hour. Raises LimitReachedError over the limit."""
    now = ports.now()
    if await ports.limits.count(f"{what}.{association_id}", _hour(now)) > MOST_PER_HOUR[what]:
        raise _reached(f"association_id={association_id} what={what}", now)


async def require_code_left(ports: Ports, facts: Facts, what: str) -> None:
    """Count one more code, for this hour and for the link; support renews a link that has used up its codes.

    Raises LimitReachedError over a limit; for the link's it names no time, since none would help.
    """
    identifier = facts.association_id
    await require_within_limit(ports, what, identifier)
    if await ports.limits.count(*codes_of_link(identifier, facts.link_number)) > MOST_CODES_PER_LINK:
        raise LimitReachedError(f"association_id={identifier} what=codes_per_link")


def codes_of_link(association_id: str, number: int) -> tuple[str, str]:
    """Subject and window of the count of codes for one link, which ends with the link's row."""
    return f"codes.{association_id}", f"link-{number}"


async def require_new_link_left(ports: Ports, asked: str, caller: str) -> None:
    """Count one more request for a new link: of the caller's network address, where it is known, and of what
    was asked for. Both are counted under keyed hashes.

    Raises LimitReachedError over a limit.
    """
    now, typed = ports.now(), "".join(asked.casefold().split()).replace("-", "")
    counted = {
        "new_link_caller": (caller, MOST_NEW_LINKS_PER_CALLER),
        "new_link": (typed, MOST_NEW_LINKS_ASKED),
    }
    for what, (subject, most) in counted.items():
        if subject and await ports.limits.count(f"{what}.{_hidden(ports, subject)}", _hour(now)) > most:
            raise _reached(f"what={what}", now)


async def is_new_link_left(ports: Ports, email: str) -> bool:
    """Count one more mail of a new link to `email` today, and say whether it may leave. Its domain counts,
    too, unless anybody may have an address there: strangers could use up the day of its other customers.
    """
    day, domain = ports.now().strftime("%Y-%m-%d"), email.rpartition("@")[2].casefold()
    counted = {"new_link_address": (email, MOST_NEW_LINKS_PER_ADDRESS)}
    if domain not in PUBLIC_MAIL_DOMAINS:
        counted["new_link_domain"] = (domain, MOST_NEW_LINKS_PER_DOMAIN)
    for what, (subject, most) in counted.items():
        if await ports.limits.count(f"{what}.{_hidden(ports, subject)}", day) > most:
            return False
    return True


def _hidden(ports: Ports, subject: str) -> str:
    return ports.keys.address_hints(subject)[0]


def _reached(detail: str, now: datetime) -> LimitReachedError:
    """Counting begins anew with the next hour by the clock: that is when trying again helps."""
    again = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return LimitReachedError(detail, retry_after=math.ceil((again - now).total_seconds()), again=again)


def _hour(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H")
