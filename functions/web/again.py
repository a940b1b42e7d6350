"""When trying again may help: seconds for Retry-After, a time in words, a page that does it by itself."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import azure.functions as func

from association.errors import AssociationError
from association.keys import read_reference
from functions import services

# Where nobody told a time: other requests of these codes wait for a person.
SOON_SECONDS = {"microsoft_unavailable": 10, "storage_unavailable": 5, "concurrent_change": 2}
# Up to this the texts of the code itself are true; beyond, the time by the clock stands instead.
MOST_SECONDS_WITHOUT_A_TIME = 60
ALMOST_A_MINUTE = timedelta(minutes=1) - timedelta.resolution
# Whoever waits at one of these is not left behind by a fault of a moment: the page asks again by itself.
BY_ITSELF = ("", "applications")
MOST_SECONDS_BY_ITSELF = 10


def seconds_to_wait(error: AssociationError) -> int:
    """In how many seconds trying again may help; 0 where waiting does not, or nobody knows."""
    return error.retry_after or SOON_SECONDS.get(error.code, 0)


def values_of(error: AssociationError) -> dict[str, Any]:
    """The values of the failure's texts, with a told time of more than a minute: `again` is the moment,
    `when` "today" or "tomorrow", which is as far as Microsoft is believed.
    """
    settings = services.settings_or_none()
    if "again" in error.values or error.retry_after <= MOST_SECONDS_WITHOUT_A_TIME or settings is None:
        return error.values
    now = services.services().ports.now()
    # in full minutes, as it is shown, and never before its time
    again = (now + timedelta(seconds=error.retry_after) + ALMOST_A_MINUTE).replace(second=0, microsecond=0)
    is_today = services.rendering().is_same_day(now, again)
    return {**error.values, "again": again, "when": "today" if is_today else "tomorrow"}


def texts_of(error: AssociationError, values: dict[str, Any]) -> tuple[str, ...]:
    """The catalogue's names of what a problem says: cause, from when on, remedy. `values` as `values_of`."""
    cause, remedy = f"error.{error.code}.cause", f"error.{error.code}.remedy"
    if "when" in values:
        return (cause, f"error.again.{values['when']}", "error.again.remedy")
    return (cause, f"error.{error.code}.again", remedy) if "again" in values else (cause, remedy)


def refreshes_after(req: func.HttpRequest, error: AssociationError, status: int) -> int:
    """After how many seconds the failure's page asks for its own address again; 0: never.

    Only an association's own pages, that are looked at: nothing is sent twice, no callback and no file.
    """
    seconds = seconds_to_wait(error)
    root, _, rest = urlsplit(req.url).path.strip("/").partition("/")
    reference, _, page = rest.partition("/")
    is_own = root == "a" and bool(read_reference(reference)) and page in BY_ITSELF
    passes = status == 503 and seconds <= MOST_SECONDS_BY_ITSELF
    return seconds if passes and is_own and req.method in ("GET", "HEAD") else 0
