"""The ports of `association.ports` in memory, for unit tests at the speed of pure functions.

Faithful where the verbs depend on it: ETags, rows inserted once, flows consumed once, leases. The contract
tests hold the real adapters to the same behaviour.
"""

import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from association.associate import bind
from association.errors import ConcurrentChangeError, FlowBusyError, PortalUnavailableError
from association.facts import Change, Record
from association.identity import Identity, Licence, PersonFacts, Role, Subscription, TenantFacts
from association.invite import receive_order
from association.keys import Keys, token_hash
from association.legs import Departure, take
from association.microsoft_errors import MicrosoftRefusedError
from association.order import parse_order
from association.partition import Mail, MailStatus
from association.ports import Ports
from association.prerequisites import GLOBAL_ADMINISTRATOR
from association.rows import Claim, EndedLink, Flow, FlowStatus, Leg, Link, Task
from association.session import Session
from association.settings import Settings
from association.sign_in import complete_sign_in, leave_for_sign_in

NOW = datetime(2026, 11, 20, 9, 42, tzinfo=UTC)
SETTINGS = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "PUBLIC_BASE_URL": "http://localhost:7071",
    "MICROSOFT_AUTHORITY": "https://localhost:7073",
    "MICROSOFT_LOGIN_ORIGIN": "http://localhost:7072",
    "MICROSOFT_GRAPH_URL": "https://localhost:7073/v1.0",
    "MICROSOFT_CLIENT_ID": "3f2b6c11-8a55-4c1c-9d2e-6b1f6f0f1a01",
    "MICROSOFT_CLIENT_SECRET": "not-a-secret",
    "SIGNING_KEYS": "k1:QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI",
    "SMTP_HOST": "localhost",
    "MAIL_FROM": "Sage <association@sage.example>",
    "PORTAL_URL": "http://localhost:7076",
    "PORTAL_SIGNING_KEY": "-----BEGIN PRIVATE KEY-----\nnot-a-key\n-----END PRIVATE KEY-----",
    "CONNECTOR_URL": "https://connector.sage.example/",
    "ADDIN_PRODUCT_ID": "9b7a1d52-2f50-4f11-8a3d-1c54d1c6a001",
    "ADDIN_TASKPANE_URL": "https://localhost:7077/taskpane",
    "SUPPORT_PHONE": "+33 1 00 00 00 00",
    "SUPPORT_EMAIL": "support@sage.example",
}

TENANT = "5d0b1c3a-7c39-4b7e-9a55-0f6a3c1d2e01"
OTHER_TENANT = "5d0b1c3a-7c39-4b7e-9a55-0f6a3c1d2e02"
PERSON = "a7e4f210-1f0c-4a35-8f52-9d2b64c0aa01"
OTHER_PERSON = "a7e4f210-1f0c-4a35-8f52-9d2b64c0aa02"
DOMAIN = "boulangerie-dupont.example"
MOST_OPERATIONS = 100  # of one transaction, as the service has it
ROLES = frozenset({"Organization.Read.All", "Application.Read.All"})
BUSINESS_PREMIUM = "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46"
P1_PLAN = "41781fb2-bc02-4b7c-bd55-b576c07bb09d"
ORDER: dict[str, Any] = {
    "order_number": "CMD-1",
    "customer_number": "C-1",
    "company_name": "Boulangerie Dupont",
    "administrator_email": f"marie@{DOMAIN}",
    "mpn_id": "123456",
    "partner": {"number": "P-1", "name": "Partenaire Conseil", "email": "contact@partenaire.example"},
    "model": "DUA",
    "office365_users": 5,
    "azure_ad_users": 5,
    "subscription": "sage",
    "language": "fr",
}

T = TypeVar("T")
Interference = Callable[[], Awaitable[object]]


@dataclass
class Clock:
    """A clock that moves when it is told to."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at

    def advance(self, **span: float) -> None:
        """Move on by a `timedelta` of that span (`minutes=10`)."""
        self.at += timedelta(**span)


@dataclass
class Randomness:
    """Values that look random, differ, and are the same in every run."""

    drawn: int = 0

    def token(self) -> str:
        """43 base64url characters."""
        return self._next()[:43]

    def new_id(self) -> str:
        """32 hex digits."""
        return self._next()[:32]

    def _next(self) -> str:
        self.drawn += 1
        return hashlib.sha256(f"random {self.drawn}".encode()).hexdigest()


@dataclass
class Associations:
    """Table `associations`. `interference`, if set, happens once, just before the next commit."""

    records: dict[str, Record] = field(default_factory=dict)
    commits: int = 0
    interference: Interference | None = None

    async def read(self, association_id: str) -> Record | None:
        """The record as it stands."""
        return self.records.get(association_id)

    async def commit(self, before: Record | None, change: Change) -> Record:
        """All of it under the ETag, or ConcurrentChangeError and nothing."""
        if self.interference:
            interfere, self.interference = self.interference, None
            await interfere()
        identifier = change.facts.association_id
        standing = self.records.get(identifier)
        if (standing.etag if standing else None) != (before.etag if before else None):
            raise ConcurrentChangeError(f"association_id={identifier}")
        rows = (change.people, change.orders, change.checks, change.grants, change.bindings, change.mails)
        if 2 + len(change.updated_mails) + sum(map(len, rows)) > MOST_OPERATIONS:
            raise ValueError("more than one transaction holds")
        outbox = dict(standing.outbox) if standing else {}
        for mail, is_there in [(m, False) for m in change.mails] + [(m, True) for m in change.updated_mails]:
            if (mail.key in outbox) is not is_there:
                raise ConcurrentChangeError(f"association_id={identifier} mail={mail.key}")
            outbox[mail.key] = mail
        self.commits += 1
        version = before.facts.version + 1 if before else 1
        base = standing or Record(facts=change.facts, etag="")
        self.records[identifier] = Record(
            facts=replace(change.facts, version=version),
            etag=f'W/"{self.commits}"',
            people={**base.people, **{person.number: person for person in change.people}},
            orders={**base.orders, **{order.order_number: order for order in change.orders}},
            checks={**base.checks, **{check.key: check for check in change.checks}},
            grants={**base.grants, **{(grant.key, grant.tenant_id): grant for grant in change.grants}},
            bindings={**base.bindings, **{binding.generation: binding for binding in change.bindings}},
            outbox=outbox,
            events=(*base.events, replace(change.event, version=version)),
        )
        return self.records[identifier]

    async def lease_mail(
        self, association_id: str, key: str, *, now: datetime, until: datetime
    ) -> Mail | None:
        """The mail if it is due, and rests no more, or its lease has ended."""
        record = self.records.get(association_id)
        mail = record.outbox.get(key) if record else None
        if record is None or mail is None:
            return None
        has_ended = mail.leased_until is None or mail.leased_until <= now
        if mail.status not in (MailStatus.DUE, MailStatus.SENDING) or not has_ended:
            return None
        leased = replace(mail, status=MailStatus.SENDING, attempts=mail.attempts + 1, leased_until=until)
        self.records[association_id] = replace(record, outbox={**record.outbox, key: leased})
        return leased


@dataclass
class Claims:
    """Table `claims`."""

    rows: dict[tuple[str, str], Claim] = field(default_factory=dict)

    async def claim(self, kind: str, value: str, claim: Claim) -> Claim:
        """The claim that stands: an own one is renewed, another's stays."""
        standing = self.rows.setdefault((kind, value), claim)
        if standing.association_id == claim.association_id:
            later, higher = max(standing.at, claim.at), max(standing.generation, claim.generation)
            self.rows[kind, value] = replace(standing, at=later, generation=higher)
        return self.rows[kind, value]

    async def owner(self, kind: str, value: str) -> Claim | None:
        """The claim on `value`."""
        return self.rows.get((kind, value))

    async def release(self, kind: str, value: str, claim: Claim) -> bool:
        """Give it up if it is still exactly `claim`."""
        if self.rows.get((kind, value)) != claim:
            return False
        del self.rows[kind, value]
        return True


@dataclass
class Links:
    """Table `links`."""

    rows: dict[str, Link] = field(default_factory=dict)
    turns: dict[str, str] = field(default_factory=dict)

    async def add(self, token_hash: str, link: Link) -> None:
        """Insert if absent; the later end of both stands."""
        standing = self.rows.setdefault(token_hash, link)
        later = max(standing.expires_at, link.expires_at)
        self.rows[token_hash] = replace(standing, expires_at=later)

    async def find(self, token_hash: str) -> Link | None:
        """The link, expired and revoked ones too."""
        return self.rows.get(token_hash)

    async def revoke(self, token_hash: str, at: datetime) -> None:
        """Revoke it once."""
        link = self.rows.get(token_hash)
        if link and not link.revoked_at:
            self.rows[token_hash] = replace(link, revoked_at=at)

    async def ended(self, before: datetime, limit: int) -> tuple[EndedLink, ...]:
        """Those whose turn is on a day before."""
        found = (
            EndedLink(token_hash=one, link=link, turn=self.turns.get(one, f"{link.expires_at:%Y%m%d}"))
            for one, link in self.rows.items()
        )
        ended = (each for each in found if each.turn < f"{before:%Y%m%d}")
        return tuple(sorted(ended, key=lambda each: each.turn))[:limit]

    async def postpone(self, ended: EndedLink, until: datetime) -> None:
        """Its turn comes later."""
        self.turns[ended.token_hash] = f"{until:%Y%m%d}"

    async def forget(self, ended: EndedLink) -> None:
        """Delete it."""
        del self.rows[ended.token_hash]


@dataclass
class Flows:
    """Table `flows`."""

    rows: dict[str, Flow] = field(default_factory=dict)
    writes: int = 0

    async def begin(self, flow: Flow) -> None:
        """Insert, once."""
        if flow.state_hash in self.rows:
            raise FlowBusyError
        self._write(flow)

    async def find(self, state_hash: str) -> Flow | None:
        """The flow, whatever its status."""
        return self.rows.get(state_hash)

    async def consume(self, flow: Flow, now: datetime) -> Flow:
        """Open → consuming, for one caller."""
        if flow.status is not FlowStatus.OPEN or self.rows[flow.state_hash].etag != flow.etag:
            raise FlowBusyError
        return self._write(replace(flow, status=FlowStatus.CONSUMING, consuming_since=now))

    async def finish(self, flow: Flow, outcome: dict[str, Any]) -> None:
        """Consuming → done, by the one who consumed it."""
        if flow.status is not FlowStatus.CONSUMING or self.rows[flow.state_hash].etag != flow.etag:
            raise FlowBusyError
        self._write(replace(flow, status=FlowStatus.DONE, outcome=outcome, msal={}))

    async def purge(self, before: datetime, limit: int) -> int:
        """Delete what expired."""
        old = [key for key, flow in self.rows.items() if flow.expires_at < before][:limit]
        for key in old:
            del self.rows[key]
        return len(old)

    def _write(self, flow: Flow) -> Flow:
        self.writes += 1
        self.rows[flow.state_hash] = replace(flow, etag=str(self.writes))
        return self.rows[flow.state_hash]


@dataclass
class Lookups:
    """Table `lookups`."""

    rows: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    async def add(self, kind: str, key: str, association_id: str) -> None:
        """Add once."""
        found = self.rows.setdefault((kind, key), [])
        if association_id not in found:
            found.append(association_id)

    async def find(self, kind: str, key: str, limit: int = 50, after: str = "") -> tuple[str, ...]:
        """The hints, unchecked, in the order of the ids."""
        ids = sorted(found for found in self.rows.get((kind, key), ()) if found > after)
        return tuple(ids[:limit])

    async def remove(self, kind: str, key: str, association_id: str) -> None:
        """Remove it, if it is there."""
        self.rows[kind, key] = [found for found in self.rows.get((kind, key), ()) if found != association_id]


@dataclass
class Limits:
    """Table `limits`."""

    rows: dict[tuple[str, str], int] = field(default_factory=dict)

    async def count(self, subject: str, window: str) -> int:
        """One more, and how many there are then."""
        self.rows[subject, window] = self.rows.get((subject, window), 0) + 1
        return self.rows[subject, window]

    async def forget(self, subject: str, window: str) -> None:
        """Delete it, if it is there."""
        self.rows.pop((subject, window), None)

    async def purge(self, before: datetime, limit: int) -> int:
        """Delete the windows of days before."""
        old = [key for key in self.rows if "0" < key[1] < f"{before:%Y-%m-%d}"][:limit]
        for key in old:
            del self.rows[key]
        return len(old)


@dataclass
class Tasks:
    """Queue `tasks`: what was sent with which delay, oldest first."""

    sent: list[tuple[Task, timedelta]] = field(default_factory=list)
    failed: int = 0

    async def send(self, task: Task, delay: timedelta = timedelta(0)) -> None:
        """Remember it; nobody works on it by itself."""
        self.sent.append((task, delay))

    async def poisoned(self) -> int:
        """As many as are said to have failed."""
        return self.failed


@dataclass
class Entra:
    """Microsoft's sign-in, scripted: what each call answers, and what it was asked.

    `redeemed` is the identity of every code, `roles` those of every app-only token; an exception in either
    place is raised. `domains` maps a domain to its tenant.
    """

    redeemed: Identity | Exception | None = None
    roles: frozenset[str] | Exception = frozenset()
    domains: dict[str, str] = field(default_factory=dict)
    refused: MicrosoftRefusedError | None = None
    begun: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    consents: list[tuple[str, str]] = field(default_factory=list)

    async def begin(
        self, tenant: str, leg: Leg, *, state: str, login_hint: str, silent: bool
    ) -> dict[str, Any]:
        """A flow as MSAL gives it."""
        self.begun.append({"tenant": tenant, "login_hint": login_hint, "silent": silent})
        return {"auth_uri": f"https://login.example/{tenant}?state={state}", "state": state, "nonce": "n"}

    async def redeem(self, tenant: str, flow: Mapping[str, Any], answer: Mapping[str, str]) -> Identity:
        """The scripted identity."""
        self.asked.append(f"redeem {tenant}")
        assert self.redeemed is not None, "nobody is scripted to sign in"
        return _answer(self.redeemed)

    async def app_roles(self, tenant_id: str) -> frozenset[str]:
        """The scripted roles."""
        self.asked.append(f"app_roles {tenant_id}")
        return _answer(self.roles)

    async def tenant_of_domain(self, domain: str) -> str:
        """The scripted tenant."""
        self.asked.append(f"tenant_of_domain {domain}")
        return self.domains.get(domain, "")

    def refusal(self, answer: Mapping[str, str]) -> MicrosoftRefusedError:
        """The scripted refusal."""
        assert self.refused is not None, "no refusal is scripted"
        return self.refused

    def consent_uri(self, tenant_id: str, state: str, client_id: str = "") -> str:
        """Where to consent."""
        self.consents.append((tenant_id, client_id))
        return f"https://login.example/{tenant_id}/adminconsent?state={state}"


@dataclass
class Credential:
    """The credential's end as it is scripted."""

    ends: datetime | Exception | None = None

    def ends_at(self) -> datetime | None:
        """The scripted end."""
        if self.ends is None:
            return None
        return _answer(self.ends)


@dataclass
class Graph:
    """Microsoft Graph, scripted. `interference`, if set, happens during every read."""

    tenant: TenantFacts | Exception = field(default_factory=TenantFacts)
    person: PersonFacts | Exception = field(default_factory=PersonFacts)
    applications: Mapping[str, frozenset[str]] | Exception = field(default_factory=dict)
    is_open: bool | Exception = True
    interference: Interference | None = None

    async def lets_in(self, tenant_id: str) -> bool:
        """Whether Graph takes our token, as it is scripted."""
        return _answer(self.is_open)

    async def tenant_facts(self, tenant_id: str) -> TenantFacts:
        """The scripted tenant."""
        if self.interference:
            await self.interference()
        return _answer(self.tenant)

    async def person_facts(self, access_token: str) -> PersonFacts:
        """The scripted person."""
        return _answer(self.person)

    async def application_roles(
        self, tenant_id: str, client_ids: Collection[str]
    ) -> Mapping[str, frozenset[str]]:
        """The scripted roles of those asked for."""
        found = _answer(self.applications)
        return {client_id: roles for client_id, roles in found.items() if client_id in client_ids}


@dataclass(frozen=True)
class Sent:
    """A mail as it was handed to the server."""

    kind: str
    language: str
    to: str
    message_id: str
    values: Mapping[str, Any]


@dataclass
class Post:
    """The mail server: what it took, and the failures that it answers first."""

    sent: list[Sent] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    async def send(
        self, kind: str, language: str, to: str, message_id: str, values: Mapping[str, Any]
    ) -> None:
        """Take the mail, or raise the next failure."""
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(Sent(kind, language, to, message_id, dict(values)))


@dataclass
class Portal:
    """The signature for the portal: what was signed. Without `usable`, it raises as the real one does."""

    signed: list[dict[str, Any]] = field(default_factory=list)
    usable: bool = True

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A token that names the claims' jti."""
        if not self.usable:
            raise PortalUnavailableError("key=unreadable")
        self.signed.append(dict(claims))
        return f"signed-{claims['jti']}"

    def jwks(self) -> dict[str, Any]:
        """One key that verifies nothing."""
        return {"keys": [{"kid": "k"}]}

    def has_usable_keys(self) -> bool:
        """As set."""
        return self.usable


class Memory:
    """Every port in memory, each by its own name and type; `ports` is what the verbs are handed."""

    def __init__(self, **settings: str) -> None:
        self.clock, self.randomness = Clock(), Randomness()
        self.associations, self.claims, self.links = Associations(), Claims(), Links()
        self.flows, self.lookups, self.tasks = Flows(), Lookups(), Tasks()
        self.limits, self.credential = Limits(), Credential()
        self.entra, self.graph, self.post = Entra(), Graph(), Post()
        self.portal = Portal()
        read = Settings.from_mapping({**SETTINGS, **settings})
        self.ports = Ports(
            settings=read,
            keys=Keys(read.signing_keys),
            associations=self.associations,
            claims=self.claims,
            links=self.links,
            flows=self.flows,
            lookups=self.lookups,
            limits=self.limits,
            tasks=self.tasks,
            entra=self.entra,
            credential=self.credential,
            graph=self.graph,
            portal=self.portal,
            post=self.post,
            now=self.clock,
            token=self.randomness.token,
            new_id=self.randomness.new_id,
        )

    def record(self, association_id: str) -> Record:
        """The record as it stands."""
        return self.associations.records[association_id]

    def put(self, record: Record, **facts: Any) -> Record:
        """Write a record behind everybody's back, with some facts changed, under a new ETag."""
        self.associations.commits += 1
        written = replace(
            record, facts=replace(record.facts, **facts), etag=f'W/"{self.associations.commits}"'
        )
        self.associations.records[record.facts.association_id] = written
        return written


def _answer(scripted: T | Exception) -> T:
    if isinstance(scripted, Exception):
        raise scripted
    return scripted


def identity(memory: Memory, **changes: Any) -> Identity:
    """The customer's Global Administrator, signed in just now; `changes` are fields of it."""
    usual = Identity(
        tenant_id=TENANT,
        object_id=PERSON,
        username=f"marie@{DOMAIN}",
        name="Marie Dupont",
        is_guest=False,
        role_template_ids=frozenset({GLOBAL_ADMINISTRATOR}),
        issued_at=memory.clock(),
        access_token="opaque",
    )
    return replace(usual, **changes)


def tenant_facts(**changes: Any) -> TenantFacts:
    """The customer's tenant with consent given, Business Premium bought."""
    bought = Subscription(
        sku_id=BUSINESS_PREMIUM, part_number="SPB", status="Enabled", plan_ids=frozenset({P1_PLAN})
    )
    usual = TenantFacts(
        tenant_id=TENANT,
        roles=ROLES,
        organisation="Boulangerie Dupont SARL",
        domains=frozenset({DOMAIN}),
        subscriptions=(bought,),
    )
    return replace(usual, **changes)


def person_facts(**changes: Any) -> PersonFacts:
    """A Global Administrator with Business Premium."""
    usual = PersonFacts(
        roles=(Role(template_id=GLOBAL_ADMINISTRATOR, name="Global Administrator"),),
        licences=(Licence(sku_id=BUSINESS_PREMIUM, part_number="SPB", plans={P1_PLAN: "Success"}),),
    )
    return replace(usual, **changes)


def now_of(memory: Memory, record: Record) -> Record:
    """The record as it stands now."""
    return memory.record(record.facts.association_id)


async def ordered(memory: Memory, **changes: Any) -> Record:
    """The association of an order, complete unless `changes` leave something out."""
    return await receive_order(memory.ports, parse_order({**ORDER, **changes}))


async def taken(memory: Memory, departure: Departure) -> Flow:
    """The flow of a departure, consumed as the callback does it."""
    flow = await memory.flows.find(token_hash(departure.state))
    assert flow
    return await take(memory.ports, flow)


async def signed_in(memory: Memory, record: Record, **changes: Any) -> tuple[Record, Session]:
    """Somebody signs in through the association's link; `changes` are fields of the identity."""
    flow = await taken(memory, await leave_for_sign_in(memory.ports, record))
    memory.entra.redeemed = identity(memory, **changes)
    return await complete_sign_in(memory.ports, flow, {"code": "c"})


def expects(memory: Memory) -> Memory:
    """The recorded address's domain is the customer's tenant."""
    memory.entra.domains[DOMAIN] = TENANT
    return memory


async def bound(memory: Memory) -> tuple[Record, Session]:
    """A bound association, and the session in which it was."""
    record, session = await signed_in(memory, await ordered(memory))
    record = memory.put(record, access_proven_at=NOW, consented_at=NOW)
    record = await bind(memory.ports, record, identity(memory), tenant_facts(), lambda _: True)
    return record, replace(session, generation=record.facts.generation)
