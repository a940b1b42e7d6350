"""What the verbs of this package are handed: the only way in which they reach anything outside.

`functions/services.py` builds it once per worker; each part is described where it is made (adapters/).
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from association.dataclass import dataclass
from association.facts import Change, Record
from association.identity import Identity, PersonFacts, TenantFacts
from association.keys import Keys
from association.microsoft_errors import MicrosoftRefusedError
from association.partition import Mail
from association.rows import Claim, EndedLink, Flow, Leg, Link, Task
from association.settings import Settings


class Associations(Protocol):
    """Table `associations`."""

    async def read(self, association_id: str) -> Record | None: ...
    async def commit(self, before: Record | None, change: Change) -> Record: ...
    async def lease_mail(
        self, association_id: str, key: str, *, now: datetime, until: datetime
    ) -> Mail | None: ...


class Claims(Protocol):
    """Table `claims`."""

    async def claim(self, kind: str, value: str, claim: Claim) -> Claim: ...
    async def owner(self, kind: str, value: str) -> Claim | None: ...
    async def release(self, kind: str, value: str, claim: Claim) -> bool: ...


class Links(Protocol):
    """Table `links`."""

    async def add(self, token_hash: str, link: Link) -> None: ...
    async def find(self, token_hash: str) -> Link | None: ...
    async def revoke(self, token_hash: str, at: datetime) -> None: ...
    async def ended(self, before: datetime, limit: int) -> tuple[EndedLink, ...]: ...
    async def postpone(self, ended: EndedLink, until: datetime) -> None: ...
    async def forget(self, ended: EndedLink) -> None: ...


class Flows(Protocol):
    """Table `flows`."""

    async def begin(self, flow: Flow) -> None: ...
    async def find(self, state_hash: str) -> Flow | None: ...
    async def consume(self, flow: Flow, now: datetime) -> Flow: ...
    async def finish(self, flow: Flow, outcome: dict[str, Any]) -> None: ...
    async def purge(self, before: datetime, limit: int) -> int: ...


class Lookups(Protocol):
    """Table `lookups`: hints, each to be checked against the facts."""

    async def add(self, kind: str, key: str, association_id: str) -> None: ...
    async def find(self, kind: str, key: str, limit: int = ..., after: str = ...) -> tuple[str, ...]: ...
    async def remove(self, kind: str, key: str, association_id: str) -> None: ...


class Limits(Protocol):
    """Table `limits`: counters per subject and window of time."""

    async def count(self, subject: str, window: str) -> int: ...
    async def forget(self, subject: str, window: str) -> None: ...
    async def purge(self, before: datetime, limit: int) -> int: ...


class Tasks(Protocol):
    """Queue `tasks`."""

    async def send(self, task: Task, delay: timedelta = ...) -> None: ...
    async def poisoned(self) -> int: ...


class Entra(Protocol):
    """Microsoft's sign-in service."""

    async def begin(
        self, tenant: str, leg: Leg, *, state: str, login_hint: str, silent: bool
    ) -> dict[str, Any]: ...
    async def redeem(self, tenant: str, flow: Mapping[str, Any], answer: Mapping[str, str]) -> Identity: ...
    async def app_roles(self, tenant_id: str) -> frozenset[str]: ...
    async def tenant_of_domain(self, domain: str) -> str: ...
    def refusal(self, answer: Mapping[str, str]) -> MicrosoftRefusedError: ...
    def consent_uri(self, tenant_id: str, state: str, client_id: str = ...) -> str: ...


class Credential(Protocol):
    """What proves us to Microsoft."""

    def ends_at(self) -> datetime | None: ...


class Graph(Protocol):
    """Microsoft Graph, read for one tenant or one person."""

    async def tenant_facts(self, tenant_id: str) -> TenantFacts: ...
    async def person_facts(self, access_token: str) -> PersonFacts: ...
    async def application_roles(
        self, tenant_id: str, client_ids: Collection[str]
    ) -> Mapping[str, frozenset[str]]: ...
    async def lets_in(self, tenant_id: str) -> bool: ...


class Portal(Protocol):
    """Our signature for Sage Business Centre, and the public keys that verify it."""

    def sign(self, claims: Mapping[str, Any]) -> str: ...
    def jwks(self) -> dict[str, Any]: ...
    def has_usable_keys(self) -> bool: ...


class Post(Protocol):
    """The mail server, and the texts that go through it."""

    async def send(
        self, kind: str, language: str, to: str, message_id: str, values: Mapping[str, Any]
    ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything outside, and time and randomness with it.

    `now` gives aware UTC times, `token` 43 random base64url characters (256 bits), `new_id` 32 hex digits.
    """

    settings: Settings
    keys: Keys
    associations: Associations
    claims: Claims
    links: Links
    flows: Flows
    lookups: Lookups
    limits: Limits
    tasks: Tasks
    entra: Entra
    credential: Credential
    graph: Graph
    portal: Portal
    post: Post
    now: Callable[[], datetime]
    token: Callable[[], str]
    new_id: Callable[[], str]
