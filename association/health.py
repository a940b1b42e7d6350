"""What the service needs from outside and how it stands: storage, failed tasks, keys and their ends."""

from datetime import date, datetime
from enum import StrEnum

from association.dataclass import dataclass
from association.errors import StorageUnavailableError
from association.ports import Ports

WARNING_DAYS = 30


class Condition(StrEnum):
    """How one thing stands, and the service as a whole. The last two keep it from working."""

    OK = "ok"
    UNKNOWN = "unknown"
    WARNING = "warning"
    EXPIRED = "expired"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """`poisoned` counts the tasks that failed for good, None where storage does not tell. `credential_kind`
    is `certificate` or `secret`; `ends_on` the day (UTC) on which it ends, None where nobody knows it.
    """

    storage: Condition
    poisoned: int | None
    credential_kind: str
    credential: Condition
    ends_on: date | None
    days_left: int | None
    portal_key: Condition

    @property
    def status(self) -> Condition:
        """The worst that matters: without its portal key the service still associates."""
        for worst in (Condition.UNAVAILABLE, Condition.EXPIRED):
            if worst in (self.storage, self.credential):
                return worst
        all_well = self.portal_key is Condition.OK and not self.poisoned
        return Condition.OK if all_well and self.credential is not Condition.WARNING else Condition.WARNING


async def examine(ports: Ports) -> Health:
    """Look at everything once; nothing is raised, what does not answer is unavailable."""
    storage, poisoned = await _storage(ports)
    now = ports.now()
    try:
        ends_at = ports.credential.ends_at()
        credential = condition(ends_at, now)
    except ValueError:  # a certificate that cannot be read signs nothing
        ends_at, credential = None, Condition.UNAVAILABLE
    return Health(
        storage=storage,
        poisoned=poisoned,
        credential_kind="certificate" if ports.settings.certificate else "secret",
        credential=credential,
        ends_on=ends_at.date() if ends_at else None,
        days_left=(ends_at.date() - now.date()).days if ends_at else None,
        portal_key=Condition.OK if ports.portal.has_usable_keys() else Condition.UNAVAILABLE,
    )


def condition(ends_at: datetime | None, now: datetime) -> Condition:
    """How something that ends then stands now: a month before is time to replace it."""
    if ends_at is None:
        return Condition.UNKNOWN
    if ends_at <= now:
        return Condition.EXPIRED
    return Condition.WARNING if (ends_at.date() - now.date()).days <= WARNING_DAYS else Condition.OK


async def _storage(ports: Ports) -> tuple[Condition, int | None]:
    try:
        await ports.claims.owner("health", "0")
        return Condition.OK, await ports.tasks.poisoned()
    except StorageUnavailableError:
        return Condition.UNAVAILABLE, None
