"""What the product's adapters make of each fault of Microsoft's, and a worker's adapters that meet them."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from adapters.microsoft.entra import Entra
from adapters.microsoft.graph import Graph
from adapters.microsoft.retries import BACK_OFF_SECONDS, REPEATS, REPEATS_OF_CONNECTION
from association.identity import Identity
from association.rows import Leg
from sandbox.faults.plan import Plan
from sandbox.microsoft.visitor import returned
from tests.microsoft_application import HAPPY, HAPPY_ADMINISTRATOR, SECRET, Application

PATIENCE = 0.6  # for one answer, where none comes
PATIENT = 10.0  # where one does, on a machine that has other things to do
NEVER_ENDING = {"hang", "slow_drip"}
TOLD = 7  # what Retry-After says
WITH_TIME = {"throttled", "throttled_in_plain_text"}
ENDLESS = 50
JITTER = 0.5


@dataclass(frozen=True, slots=True)
class Expected:
    """What comes of a fault that lasts: how often it is asked again, and what the log says in the end."""

    repeats: int
    told: str

    def waits(self, fault: str) -> list[float]:
        """What is waited before each repetition."""
        if fault in WITH_TIME:
            return [TOLD] * self.repeats
        return [BACK_OFF_SECONDS * 2**repeat * (1 + JITTER) for repeat in range(self.repeats)]


# The same at the sign-in service and at Graph.
EXPECTED = {
    "throttled": Expected(REPEATS[429], "status=429"),
    "throttled_without_time": Expected(REPEATS[429], "status=429"),
    "server_error": Expected(REPEATS[500], "status=500"),
    "bad_gateway": Expected(REPEATS[502], "status=502"),
    "unavailable": Expected(REPEATS[503], "status=503"),
    "gateway_timeout": Expected(REPEATS[504], "status=504"),
    "malformed_json": Expected(0, "reason=not_json"),
    "truncated_body": Expected(REPEATS_OF_CONNECTION, "kind="),
    "reset": Expected(REPEATS_OF_CONNECTION, "kind="),
    "hang": Expected(0, "kind="),
    "slow_drip": Expected(0, "kind="),
}


@dataclass(slots=True)
class Waits:
    """In the place of asyncio.sleep: the seconds that would have passed."""

    seconds: list[float] = field(default_factory=list)

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@dataclass(slots=True)
class Disturbed:
    """The adapters of one worker at a Microsoft whose calls fail as `plan` says."""

    application: Application
    plan: Plan
    entra: Entra
    graph: Graph
    waits: Waits

    @property
    def tenant_id(self) -> str:
        """The tenant that has consented."""
        return self.application.directory.tenants[HAPPY].id

    def disturb(self, part: str, fault: str, path: str, *, times: int = ENDLESS, seconds: float = -1) -> None:
        """Plan a fault for the calls whose address holds `path`."""
        usual = TOLD if fault in WITH_TIME else 0.05
        self._wait_for(PATIENCE if fault in NEVER_ENDING else PATIENT)
        self.plan.add(part, fault, times=times, path=path, seconds=usual if seconds < 0 else seconds)

    def calm(self) -> None:
        """Nothing fails any more."""
        self.plan.clear()
        self._wait_for(PATIENT)

    def _wait_for(self, seconds: float) -> None:
        self.entra._session._connect = self.entra._session._read = seconds
        self.graph._client._timeout = seconds

    def count(self, part: str, fault: str) -> int:
        """How often a fault has happened."""
        return int(self.plan.as_json()["counts"].get(f"{part}.{fault}", 0))

    async def signed_in(self, before_redeeming: Callable[[], Any] = lambda: None) -> Identity:
        """A whole sign-in."""
        begin, state = self.entra.begin, secrets.token_urlsafe(32)
        flow = await begin("organizations", Leg.SIGN_IN, state=state, login_hint="", silent=False)
        answer = returned(self.application.visitor.pick(flow["auth_uri"], HAPPY_ADMINISTRATOR))
        before_redeeming()
        return await self.entra.redeem("organizations", flow, answer)


def tells_secrets(error: BaseException) -> list[str]:
    """What an error says that nothing may say: credentials, addresses, codes."""
    told = f"{error} {error.__cause__} {getattr(error, 'values', '')}"
    return [secret for secret in (SECRET, "@", "https:", "code=", "eyJ") if secret in told]
