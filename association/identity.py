"""Who Microsoft says is signed in, and what it says of a tenant and of a person: read, not yet judged."""

import re
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from association.dataclass import dataclass

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
    """One of `/subscribedSkus`: what the tenant has bought. `plan_ids` are service plan GUIDs.

    `is_trial` and `next_change` (when Microsoft renews, suspends or deletes it) come from
    `/directory/subscriptions`: False and None where that can't be read.
    """

    sku_id: str
    part_number: str
    status: str
    plan_ids: frozenset[str]
    is_trial: bool = False
    next_change: datetime | None = None


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
    """An active directory role. The display name is for people.

    `group` is None for one held directly (or where that isn't told), otherwise the name of the group that
    gives it, "" where the name can't be read.
    """

    template_id: str
    name: str
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonFacts:
    """What was read with the person's own token; None where it could not be read.

    `has_user_object` is False for somebody who acts in the tenant without being one of its users (a partner
    by delegated administration). `eligible_roles` are the template ids of roles that Privileged Identity
    Management lets them activate for the whole tenant.
    """

    roles: tuple[Role, ...] | None = None
    licences: tuple[Licence, ...] | None = None
    has_user_object: bool | None = None
    is_guest: bool = False
    eligible_roles: frozenset[str] | None = None
