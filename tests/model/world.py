"""One example's world: the product's services over watched storage, Microsoft, a mail server, a clock.

Ids differ from example to example, for all share one account, and are drawn in the same order in each.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import azure.functions as func

from adapters.storage.associations import Associations
from adapters.storage.claims import Claims
from adapters.storage.flows import Flows
from adapters.storage.limits import Limits
from adapters.storage.links import Links
from adapters.storage.lookups import Lookups
from adapters.storage.row_keys import escape
from association.facts import Record
from association.keys import Keys
from association.ports import Ports
from association.rows import Claim, FlowStatus
from association.settings import Settings
from functions import background, services
from tests.memory import NOW, SETTINGS, Clock, Credential, Portal
from tests.model.browser import JSON, Browser, Trip, ask
from tests.model.ground import Ground
from tests.model.microsoft import Member, Microsoft, Tenant
from tests.model.rows import MemoryTables
from tests.model.stage import PRESENT, Stage, Worker
from tests.model.storage import Message, WatchedTables, WatchedTasks

RETRY = timedelta(minutes=2)
APPLICATIONS = [
    {
        "key": key,
        "name": f"Application {key}",
        "why": {"fr": "Parce que.", "en": "Because."},
        "client_id": f"2b8e5c14-90d7-4f3a-a6c1-7d3e0b94f25{number}",
        "roles": ["User.ReadBasic.All"],
    }
    for number, key in enumerate(("contact", "automate"))
]
CONSENT_ROLES = frozenset({"User.ReadBasic.All"})
# Who can sit at a browser: the administrators of both tenants, a colleague without the role, a guest.
PEOPLE = ("anne", "paul", "colleague", "guest", "second")


@dataclass(frozen=True)
class Posted:
    """A mail that the server has taken."""

    message_id: str
    kind: str
    to: str
    values: Mapping[str, Any]
    at: datetime

    @property
    def association_id(self) -> str:
        """Whose it is."""
        return self.message_id[1:33]


class World:
    """Everything of one example, and what has been seen of it. `told` is which trip has led to which event,
    `broken` what the oracle objects to.
    """

    def __init__(self, ground: Ground, applications: int) -> None:
        self.ground = ground
        self.number = next(ground.examples)
        self.drawn = 0
        self.clock = Clock(at=NOW)
        self.stage = Stage()
        self.tables = WatchedTables(ground.tables or MemoryTables(), self.stage)
        self.tasks = WatchedTasks(ground.tasks, self.stage, self.clock)
        self.posted: list[Posted] = []
        self.mail_faults: list[Exception] = []
        listed = APPLICATIONS[:applications]
        self.settings = Settings.from_mapping({**SETTINGS, "FURTHER_APPLICATIONS": json.dumps(listed)})
        self.microsoft = self._microsoft()
        self.ports = self._ports()
        self.history: dict[str, list[Record]] = {}
        self.claims: dict[str, Claim | None] = {}
        self.deaths: dict[str, int] = {}
        self.told: set[tuple[str, str]] = set()
        self.flows: dict[str, FlowStatus] = {}
        self.broken: list[str] = []
        self.judged_mails = 0
        self.browsers = [
            Browser(f"browser {number}", person, self.settings.public_base_url, self.clock)
            for number, person in enumerate(("anne", "paul", "second"))
        ]

    def new_browser(self, person: str) -> Browser:
        """Another browser, with nothing in it."""
        number = len(self.browsers)
        self.browsers.append(Browser(f"browser {number}", person, self.settings.public_base_url, self.clock))
        return self.browsers[-1]

    def domain(self, number: int) -> str:
        """The domain of tenant `number`."""
        return f"t{number}.e{self.number}.example"

    def tenant_id(self, number: int) -> str:
        """The id of tenant `number`."""
        return f"5d0b1c3a-7c39-4b7e-{number:04x}-{self.number:012x}"

    def home_of(self, person: str) -> Tenant:
        """The tenant that somebody is a member of; a guest of one is at home in the other."""
        tenants = self.microsoft.tenants.values()
        return next(each for each in tenants if person in each.members and not each.members[person].is_guest)

    def new_id(self) -> str:
        """32 hex digits, in ascending order within an example."""
        self.drawn += 1
        return f"{self.drawn:06x}" + hashlib.sha256(f"{self.number} {self.drawn}".encode()).hexdigest()[:26]

    def token(self) -> str:
        """43 base64url characters."""
        self.drawn += 1
        return hashlib.sha256(f"token {self.number} {self.drawn}".encode()).hexdigest()[:43]

    def records(self) -> list[Record]:
        """Every association as it stands."""
        return [records[-1] for records in self.history.values()]

    def claim_on(self, kind: str, value: str) -> Claim | None:
        """The claim that stands on it."""
        return self.claims.get(f"{escape(kind)}.{escape(value)}")

    @property
    def trips(self) -> dict[str, Trip]:
        """Every trip that was ever begun, by its state."""
        return {trip.state: trip for browser in self.browsers for trip in browser.departed}

    def play(self, *workers: Worker, order: tuple[int, ...] = ()) -> None:
        """Let the workers run to their ends, a second after those before them."""
        self.clock.advance(seconds=1)
        self.ground.runner.run(self.stage.play(workers, order))

    async def post_json(self, uri: str, value: Any) -> func.HttpResponse:
        """POST as OCTAVE or support does."""
        body = json.dumps(value).encode()
        return await ask(self.settings.public_base_url, "POST", uri, headers=JSON, body=body)

    async def get_json(self, uri: str) -> Any:
        """GET as support does."""
        response = await ask(self.settings.public_base_url, "GET", uri, headers=JSON)
        return json.loads(response.get_body()) if response.status_code == 200 else None

    async def deliver(self, message: Message, *, again: bool) -> None:
        """Hand a message to the function; it comes back when the worker dies or fails, or when drawn so."""
        message.deliveries += 1
        message.due = self.clock() + RETRY
        text = json.dumps(asdict(message.task))
        try:
            await background.do_task(func.QueueMessage(body=text.encode()))
        except Exception as error:  # noqa: BLE001 - as the host does: it stays on the queue
            worker = PRESENT.get()
            if worker is not None:
                worker.notes["failed"] = error
            return
        if not again and message in self.tasks.messages:
            self.tasks.messages.remove(message)

    async def send(
        self, kind: str, language: str, to: str, message_id: str, values: Mapping[str, Any]
    ) -> None:
        """The mail server."""

        async def act() -> None:
            if self.mail_faults:
                raise self.mail_faults.pop(0)
            worker = PRESENT.get()
            if worker is not None:
                worker.posted.append(message_id)
            self.posted.append(Posted(message_id, kind, to, dict(values), self.clock()))

        await self.stage.call("smtp", act)

    def _microsoft(self) -> Microsoft:
        def member(person: str, tenant: int, **more: Any) -> Member:
            object_id = f"a7e4f210-{PEOPLE.index(person):04x}-{tenant:04x}-8f52-{self.number:012x}"
            return Member(object_id, f"{person}@{self.domain(tenant)}", **more)

        members = [
            {
                "anne": member("anne", 0),
                "second": member("second", 0),
                "colleague": member("colleague", 0, is_administrator=False),
                "guest": replace(member("guest", 0, is_guest=True), username=f"guest@{self.domain(1)}"),
            },
            {"paul": member("paul", 1), "guest": member("guest", 1)},
        ]
        tenants = [
            Tenant(self.tenant_id(number), self.domain(number), people)
            for number, people in enumerate(members)
        ]
        return Microsoft(
            self.stage,
            self.clock,
            {tenant.tenant_id: tenant for tenant in tenants},
            self.settings.client_id,
            {each.client_id: each.roles for each in self.settings.applications},
        )

    def _ports(self) -> Ports:
        return Ports(
            settings=self.settings,
            keys=Keys(self.settings.signing_keys),
            associations=Associations(self.tables),  # type: ignore[arg-type]
            claims=Claims(self.tables),  # type: ignore[arg-type]
            links=Links(self.tables),  # type: ignore[arg-type]
            flows=Flows(self.tables),  # type: ignore[arg-type]
            lookups=Lookups(self.tables),  # type: ignore[arg-type]
            limits=Limits(self.tables),  # type: ignore[arg-type]
            tasks=self.tasks,
            entra=self.microsoft,
            credential=Credential(),
            graph=self.microsoft,
            portal=Portal(),
            post=self,
            now=self.clock,
            token=self.token,
            new_id=self.new_id,
        )

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The product's services are this world's for the length of the block."""
        before = list(services._built)
        services._built[:] = [services.Services(self.ports, services.rendering())]
        try:
            yield
        finally:
            services._built[:] = before
