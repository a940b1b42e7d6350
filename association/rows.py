"""Values that stand outside an association's own partition: claims, links, flows, tasks."""

from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any

from association.dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who owns a key that must have one owner: a tenant, an order, a customer, a reference.

    `generation` tells a rebinding from a repeat; 0 where the kind has no generations.
    """

    association_id: str
    at: datetime
    generation: int = 0


class Purpose(StrEnum):
    """What a link opens."""

    ASSOCIATION = "association"
    SHARE = "share"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link as it is stored: everything but its token, of which only the SHA-256 is the row's key.

    `link_id` is deterministic (association id, purpose, number), so a repeated issue meets itself.
    """

    link_id: str
    purpose: Purpose
    association_id: str
    expires_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedLink:
    """A link that the purge has found: the SHA-256 (hex) of its token, and where its turn is noted."""

    token_hash: str
    link: Link
    turn: str


# Microsoft's word for signing in with any work account, each at home.
ANY_ORGANISATION = "organizations"


class Leg(StrEnum):
    """A trip of the browser to Microsoft."""

    SIGN_IN = "sign_in"
    CONSENT = "consent"
    CONFIRM = "confirm"
    APPLICATION = "application"


class FlowStatus(StrEnum):
    """Whether a flow's callback has been worked on."""

    OPEN = "open"
    CONSUMING = "consuming"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One OAuth leg, stored under the SHA-256 of its `state`.

    `browser` is the SHA-256 (hex) of the secret in the flow's cookie; `msal` is what
    `initiate_auth_code_flow` returned, empty for admin consent. `tenant_id` and `object_id` name the
    person the leg was begun for, empty at sign-in; `authority` is where a sign-in was begun, a tenant's GUID
    for its guests; `application` is the key of the further application that is consented to. A silent leg
    shows nothing (`prompt=none`); a retry follows by itself where Microsoft wasn't ready for the leg before.
    `outcome` is what a repeated callback is shown again.
    """

    state_hash: str
    association_id: str
    leg: Leg
    browser: str
    expires_at: datetime
    link_number: int
    tenant_id: str = ""
    object_id: str = ""
    authority: str = ANY_ORGANISATION
    application: str = ""
    is_silent: bool = False
    is_retry: bool = False
    status: FlowStatus = FlowStatus.OPEN
    consuming_since: datetime | None = None
    msal: dict[str, Any] = field(default_factory=dict)
    outcome: dict[str, Any] = field(default_factory=dict)
    etag: str = ""


class TaskKind(StrEnum):
    """What a queue message asks to look at."""

    MAIL = "mail"
    ACCESS = "access"
    APPLICATION = "application"
    NEWS = "news"
    CLAIMS = "claims"
    NEW_LINK = "new_link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A queue message: a kind and ids, nothing else. The handler looks at the rows and does what is due."""

    kind: TaskKind
    association_id: str
    key: str = ""
    attempt: int = 0
