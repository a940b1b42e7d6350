"""What is known of one association: typed facts, rows beside them, and the history of their changes.

There is no step pointer here. What the customer, the partner and support see is derived from these
values by `association.progress`, so that no status can contradict the facts. Times are aware and UTC.
"""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum

from association.dataclass import dataclass
from association.partition import Binding, Check, Event, Grant, Mail, Order, Person, Prerequisite


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
    link number or a generation of 0 means: none yet. `looks` counts how often the background has looked in
    vain for the access that the present consent gives.
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
    access_unread_at: datetime | None = None
    access_refused_at: datetime | None = None
    access_refusal: str = ""
    looks: int = 0

    conflict_at: datetime | None = None
    generation: int = 0
    bound_tenant_id: str = ""
    bound_at: datetime | None = None
    bound_by: int = 0
    share_number: int = 0
    share_kid: str = ""
    share_expires_at: datetime | None = None
    share_revoked_at: datetime | None = None
    closed_at: datetime | None = None
    sessions_from: datetime | None = None

    @property
    def has_address(self) -> bool:
        """Whether somebody is recorded to whom mails can go: nobody is before an order names them, nor once
        support has erased them.
        """
        return self.administrator != 0

    @property
    def is_bound(self) -> bool:
        """Whether a tenant is bound."""
        return self.generation > 0

    @property
    def present_tenant_id(self) -> str:
        """The tenant that is bound, or else the one that is signed in; "" before anybody has signed in."""
        return self.bound_tenant_id or self.tenant_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One association as it was read: the facts under their ETag, and every row beside them. `grants` are by
    application key and tenant id.
    """

    facts: Facts
    etag: str
    people: Mapping[int, Person] = field(default_factory=dict)
    orders: Mapping[str, Order] = field(default_factory=dict)
    checks: Mapping[Prerequisite, Check] = field(default_factory=dict)
    grants: Mapping[tuple[str, str], Grant] = field(default_factory=dict)
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
    grants: tuple[Grant, ...] = ()
    bindings: tuple[Binding, ...] = ()
    mails: tuple[Mail, ...] = ()
    updated_mails: tuple[Mail, ...] = ()
