"""The rows that stand beside an association's facts, in its own partition: people, orders, checks, further
applications, bindings, mails, and the history. Times are aware and UTC.
"""

from datetime import datetime
from enum import StrEnum

from association.dataclass import dataclass


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A `person:<n>` row: the only place of names and addresses (erasing it leaves the history nameless)."""

    number: int
    name: str = ""
    email: str = ""
    username: str = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """By what support may look for them: the recorded address, the name at sign-in."""
        return tuple(text for text in (self.email, self.username) if text)


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
    (product names, a role's name), `until` when what was found ends (a trial, a time of grace), if Microsoft
    tells it.
    """

    key: Prerequisite
    result: Result
    cause: str
    evidence: str
    at: datetime
    tenant_id: str
    object_id: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """An `app:<key>:<tenant>` row: what one tenant has granted to one further application.

    `consented_at` is the redirect's word, a hint; `proven_at` is when its service principal was seen to hold
    every required role. `missing` names the roles it lacked when it was last read, `unread_at` is when that
    could not be read, if nothing could since; `looks` is how often the background has looked in vain since
    the consent. `waived_at` is when support decided that this tenant need not grant it.
    """

    key: str
    tenant_id: str
    at: datetime
    consented_at: datetime | None = None
    refused_at: datetime | None = None
    refusal: str = ""
    proven_at: datetime | None = None
    missing: str = ""
    unread_at: datetime | None = None
    looks: int = 0
    waived_at: datetime | None = None


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


# Whom a mail goes to that is for Sage support itself.
SUPPORT = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """An `outbox:<key>` row: which mail goes to which person; its text is rendered when it is sent.

    `key` is deterministic (kind and the number of what it tells), so that a repeated change finds the
    row instead of adding one, and the Message-ID derived from it is the same at every attempt. `number`
    (of a link, a code) and `about` (an order number, a tenant, another association's reference) tell which
    one it is about. The person `SUPPORT` is Sage support, whose address is a setting.
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
