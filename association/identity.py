"""Who Microsoft says is signed in, and what it says of a tenant and of a person: read, not yet judged."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A person, from an id_token that has been validated by us (rule S1).

    (`tenant_id`, `object_id`) identify; `username` and `name` are for display only. `access_token` is the
    delegated token that came with it: used for the reads of this request and dropped.
    """

    tenant_id: str
    object_id: str
    username: str
    name: str
    is_guest: bool
    role_template_ids: frozenset[str]
    issued_at: datetime
    access_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One of `/subscribedSkus`: what the tenant has bought. `plan_ids` are service plan GUIDs."""

    sku_id: str
    part_number: str
    status: str
    plan_ids: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantFacts:
    """What was read with the app-only token, and the roles in that token; None where it could not be read.

    `tenant_id` is "" when the tenant could not even be asked.
    """

    tenant_id: str = ""
    roles: frozenset[str] = frozenset()
    organisation: str = ""
    domains: frozenset[str] = frozenset()
    subscriptions: tuple[Subscription, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """One of `/me/licenseDetails`: `plans` maps service plan GUIDs to their provisioning status."""

    sku_id: str
    part_number: str
    plans: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """An active directory role, direct or through a group. The display name is for people."""

    template_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonFacts:
    """What was read with the person's own token; None where it could not be read."""

    roles: tuple[Role, ...] | None = None
    licences: tuple[Licence, ...] | None = None
