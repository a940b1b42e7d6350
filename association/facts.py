"""What is known of one association: typed facts, rows beside them, and the history of their changes.

There is no step pointer here. What the customer, the partner and support see is derived from these
values by `association.progress`, so that no status can contradict the facts. Times are aware and UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Result(StrEnum):
    """What a prerequisite check came to; what could not be read is unknown, never failed."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Prerequisite(StrEnum):
    """The three required checks, in the order in which the pages show them."""

    ADMINISTRATOR = "administrator"
    PREMIUM = "premium"
    SUBSCRIPTION = "subscription"


class AcceptedBy(StrEnum):
    """Why the signed-in tenant may be the customer's."""

    NOBODY = ""
    DOMAIN = "domain"
    CODE = "code"
    SUPPORT = "support"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The `facts` row. A person is named by number only: names and addresses stand in `Person` rows.

    `version` counts the changes; the storage adapter raises it by one with each. A person number, a
    link number or a generation of 0 means: none yet.
    """

    association_id: str
    reference: str
    created_at: datetime
    language: str
    customer_number: str
    company_name: str
    partner_number: str
    partner_name: str
    version: int = 0
    administrator: int = 0
    partner_contact: int = 0

    link_number: int = 0
    link_kid: str = ""
    link_issued_at: datetime | None = None
    link_expires_at: datetime | None = None
    link_revoked_at: datetime | None = None

    left_at: datetime | None = None
    left_leg: str = ""
    signed_in_at: datetime | None = None
    tenant_id: str = ""
    object_id: str = ""
    account: int = 0
    is_guest: bool = False
    is_administrator_hint: bool = False

    accepted_by: AcceptedBy = AcceptedBy.NOBODY
    accepted_at: datetime | None = None
    code_number: int = 0
    code_sent_at: datetime | None = None
    code_tries: int = 0
    code_session: str = ""

    consented_at: datetime | None = None
    consent_refused_at: datetime | None = None
    consent_refusal: str = ""
    access_proven_at: datetime | None = None
    access_lost_at: datetime | None = None

    conflict_at: datetime | None = None
    generation: int = 0
    bound_tenant_id: str = ""
    bound_at: datetime | None = None
    bound_by: int = 0
    share_number: int = 0
    share_kid: str = ""
    share_expires_at: datetime | None = None
    sessions_from: datetime | None = None

    @property
    def is_bound(self) -> bool:
        """Whether a tenant is bound."""
        return self.generation > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A `person:<n>` row: the only place of names and addresses (erasing it leaves the history nameless)."""

    number: int
    name: str = ""
    email: str = ""
    username: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An `order:<number>` row, as OCTAVE handed it in; empty or 0 where it is still missing.

    `administrator` and `partner_contact` are person numbers, so that a repeat can be compared field by
    field without an address standing here.
    """

    order_number: str
    received_at: datetime
    company_name: str
    partner_number: str
    partner_name: str
    model: str
    subscription: str
    language: str
    administrator: int = 0
    partner_contact: int = 0
    mpn_id: str = ""
    office365_users: int = 0
    azure_ad_users: int = 0

    @property
    def missing(self) -> tuple[str, ...]:
        """The fields that the partner still has to give, by their names in the request."""
        given = {
            "administrator_email": self.administrator,
            "mpn_id": self.mpn_id,
            "office365_users": self.office365_users,
            "azure_ad_users": self.azure_ad_users,
        }
        return tuple(name for name, value in given.items() if not value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A `check:<key>` row: one prerequisite of one person in one tenant.

    `cause` is a catalogue key part (`absent`, `not_assigned`, …), `evidence` one language-neutral line
    (product names, a role's name).
    """

    key: Prerequisite
    result: Result
    cause: str
    evidence: str
    at: datetime
    tenant_id: str
    object_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A `binding:<generation>` row: who bound which tenant when."""

    generation: int
    tenant_id: str
    object_id: str
    person: int
    at: datetime
    organisation: str = ""


class MailStatus(StrEnum):
    """Where a mail stands; `sending` is a lease that ends by itself."""

    DUE = "due"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """An `outbox:<key>` row: which mail goes to which person; its text is rendered when it is sent.

    `key` is deterministic (kind and the number of what it tells), so that a repeated change finds the
    row instead of adding one, and the Message-ID derived from it is the same at every attempt. `number`
    (of a link, a code) and `about` (an order number) tell which one it is about.
    """

    key: str
    kind: str
    person: int
    created_at: datetime
    number: int = 0
    about: str = ""
    status: MailStatus = MailStatus.DUE
    attempts: int = 0
    leased_until: datetime | None = None
    sent_at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An `event:<version>` row, never changed afterwards.

    `actor` is a person number, or 0 for the service itself, with `by` telling which part of it or who
    else (`octave`, `support`, `microsoft`). No token, name or address may stand in any field.
    """

    what: str
    at: datetime
    version: int = 0
    actor: int = 0
    by: str = ""
    old: str = ""
    new: str = ""
    correlation_id: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One association as it was read: the facts under their ETag, and every row beside them."""

    facts: Facts
    etag: str
    people: Mapping[int, Person] = field(default_factory=dict)
    orders: Mapping[str, Order] = field(default_factory=dict)
    checks: Mapping[Prerequisite, Check] = field(default_factory=dict)
    bindings: Mapping[int, Binding] = field(default_factory=dict)
    outbox: Mapping[str, Mail] = field(default_factory=dict)
    events: tuple[Event, ...] = ()

    def person(self, number: int) -> Person:
        """The person of that number, or an empty one when erased or never known."""
        return self.people.get(number, Person(number=number))

    def next_person(self) -> int:
        """The number for a person not seen yet."""
        return max(self.people, default=0) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one change writes, all of it or nothing: new facts, the rows it touches, one event.

    `mails` are rows to insert; the worker's own updates of a mail go through `updated_mails`.
    """

    facts: Facts
    event: Event
    people: tuple[Person, ...] = ()
    orders: tuple[Order, ...] = ()
    checks: tuple[Check, ...] = ()
    bindings: tuple[Binding, ...] = ()
    mails: tuple[Mail, ...] = ()
    updated_mails: tuple[Mail, ...] = ()
