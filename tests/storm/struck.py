"""What the faults of a storm struck, written down while it lasts: the control part remembers the last ones
only. And whether anything happened at all, without which surviving it proves nothing.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sandbox.faults.listed import Part
from sandbox.faults.plan import faults_of

LOOK_SECONDS = 2.0
# Below so many journeys or mails a fault may fail to happen by chance alone.
ENOUGH = 500


class Struck:
    """`ask` gives what the control part tells of faults: `counts` so far, and the last that `happened`.

    `mails` counts the faults of the mail server by recipient.
    """

    def __init__(self, ask: Callable[[], Awaitable[Mapping[str, Any]]]) -> None:
        self._ask = ask
        self._asking = asyncio.Lock()
        self.counts: dict[str, int] = {}
        self.mails: Counter[str] = Counter()
        self.missed = 0

    async def watch(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Take over what is new."""
        async with self._asking:
            told = await self._ask()
            new = sum(told["counts"].values()) - sum(self.counts.values())
            happened = told["happened"][-new:] if new else []
            self.missed += new - len(happened)
            self.mails.update(one["path"] for one in happened if one["part"] == Part.SMTP)
            self.counts = dict(told["counts"])


def calm(count: int, rates: Mapping[str, float], struck: Struck, killed: int) -> list[str]:
    """What should have happened to `count` journeys or mails under these rates of faults, and didn't."""
    wrong = [f"{struck.missed} faults happened unseen"] if struck.missed else []
    if count < ENOUGH:
        return wrong
    wanted = [
        f"{part}.{fault.name}" for part, rate in rates.items() if rate for fault in faults_of(Part(part))
    ]
    wrong += [f"fault {name} never happened" for name in wanted if not struck.counts.get(name)]
    return wrong if killed else [*wrong, "no worker was killed"]
