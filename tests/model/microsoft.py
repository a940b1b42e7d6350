"""Microsoft as far as the journey meets it: tenants, people, roles, licences, consents, all of which change.

What it answers is computed from that state at the time it is asked, and told to the worker that asks, so that
the oracle can hold a binding against what its own worker was told.
"""

import itertools
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlencode

from association.answer import Answer
from association.identity import Identity, Licence, PersonFacts, Role, Subscription, TenantFacts
from association.microsoft_errors import MicrosoftRefusedError, MicrosoftUnavailableError
from association.prerequisites import GLOBAL_ADMINISTRATOR
from association.rows import Leg
from tests.memory import BUSINESS_PREMIUM, P1_PLAN, ROLES
from tests.model.stage import PRESENT, Stage

T = TypeVar("T")

LOGIN = "https://login.example"


@dataclass
class Member:
    """Somebody in one tenant: a user of it, or its guest."""

    object_id: str
    username: str
    is_guest: bool = False
    is_administrator: bool = True
    is_licensed: bool = True


@dataclass
class Tenant:
    """One organisation. `consents` holds, by client id, when its consent begins to work everywhere;
    `token_age` is how old the tokens are that its sign-ins bring.
    """

    tenant_id: str
    domain: str
    members: dict[str, Member]
    is_subscribed: bool = True
    lists_domain: bool = True
    delay: timedelta = timedelta(0)
    token_age: timedelta = timedelta(0)
    consents: dict[str, datetime] = field(default_factory=dict)


@dataclass
class Microsoft:
    """Entra and Graph behind the product's ports. `faults` are answered first, one a call, oldest first."""

    stage: Stage
    now: Callable[[], datetime]
    tenants: dict[str, Tenant]
    client_id: str
    applications: dict[str, frozenset[str]]
    faults: list[Exception | None] = field(default_factory=list)
    codes: dict[str, tuple[str, str]] = field(default_factory=dict)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def code(self, tenant_id: str, person: str) -> str:
        """What a sign-in of that person in that tenant brings back: good once."""
        code = f"code-{next(self.numbers)}"
        self.codes[code] = (tenant_id, person)
        return code

    def works(self, tenant_id: str, client_id: str) -> bool:
        """Whether a consent has been given and has spread."""
        begins = self.tenants[tenant_id].consents.get(client_id)
        return begins is not None and begins <= self.now()

    async def begin(
        self, tenant: str, leg: Leg, *, state: str, login_hint: str, silent: bool
    ) -> dict[str, Any]:
        """Where to sign in."""
        query = urlencode({"state": state, "leg": leg, "silent": int(silent), "hint": login_hint})
        return {"auth_uri": f"{LOGIN}/{tenant}/authorize?{query}", "state": state, "nonce": "n"}

    async def redeem(self, tenant: str, flow: Mapping[str, Any], answer: Mapping[str, str]) -> Identity:
        """Who the code is of."""

        async def act() -> Identity:
            self._fail()
            found = self.codes.pop(answer.get("code", ""), None)
            if found is None:
                raise MicrosoftRefusedError(Answer.CODE_SPENT)
            tenant_id, person = found
            member = self.tenants[tenant_id].members[person]
            roles = frozenset({GLOBAL_ADMINISTRATOR} if member.is_administrator else ())
            return Identity(
                tenant_id=tenant_id,
                object_id=member.object_id,
                username=member.username,
                name=person,
                is_guest=member.is_guest,
                role_template_ids=roles,
                issued_at=self.now() - self.tenants[tenant_id].token_age,
                access_token=f"{tenant_id} {person}",
            )

        return _told("identity", tenant, await self.stage.call("redeem", act))

    async def app_roles(self, tenant_id: str) -> frozenset[str]:
        """What a fresh token of ours holds there."""

        async def act() -> frozenset[str]:
            self._fail()
            if self.client_id not in self.tenants[tenant_id].consents:
                raise MicrosoftRefusedError(Answer.NOT_IN_TENANT)
            return ROLES if self.works(tenant_id, self.client_id) else frozenset()

        return _told("roles", tenant_id, await self.stage.call("app_roles", act))

    async def tenant_of_domain(self, domain: str) -> str:
        """The tenant that has the domain."""

        async def act() -> str:
            self._fail()
            return next((each.tenant_id for each in self.tenants.values() if each.domain == domain), "")

        return await self.stage.call("discovery", act)

    def refusal(self, answer: Mapping[str, str]) -> MicrosoftRefusedError:
        """The redirect's error, which the model writes as our own word for it."""
        return MicrosoftRefusedError(Answer(answer["error"]))

    def consent_uri(self, tenant_id: str, state: str, client_id: str = "") -> str:
        """Where to consent."""
        query = urlencode({"state": state, "client_id": client_id or self.client_id})
        return f"{LOGIN}/{tenant_id}/adminconsent?{query}"

    async def lets_in(self, tenant_id: str) -> bool:
        """Whether Graph takes our token."""

        async def act() -> bool:
            self._fail()
            return self.works(tenant_id, self.client_id)

        return await self.stage.call("lets_in", act)

    async def tenant_facts(self, tenant_id: str) -> TenantFacts:
        """The organisation, if our access works there."""

        async def act() -> TenantFacts:
            self._fail()
            tenant = self.tenants[tenant_id]
            if not self.works(tenant_id, self.client_id):
                return TenantFacts()
            bought = Subscription(
                sku_id=BUSINESS_PREMIUM, part_number="SPB", status="Enabled", plan_ids=frozenset({P1_PLAN})
            )
            return TenantFacts(
                tenant_id=tenant_id,
                roles=ROLES,
                organisation=f"Organisation {tenant.domain}",
                domains=frozenset({tenant.domain if tenant.lists_domain else f"other.{tenant.domain}"}),
                subscriptions=(bought,) if tenant.is_subscribed else (),
            )

        return _told("tenant", tenant_id, await self.stage.call("tenant_facts", act))

    async def person_facts(self, access_token: str) -> PersonFacts:
        """The person behind the token."""

        async def act() -> PersonFacts:
            self._fail()
            tenant_id, person = access_token.split(" ", 1)
            member = self.tenants[tenant_id].members[person]
            role = Role(template_id=GLOBAL_ADMINISTRATOR, name="Global Administrator")
            licence = Licence(sku_id=BUSINESS_PREMIUM, part_number="SPB", plans={P1_PLAN: "Success"})
            return PersonFacts(
                roles=(role,) if member.is_administrator else (),
                licences=(licence,) if member.is_licensed else (),
                is_guest=member.is_guest,
            )

        return _told("person", access_token, await self.stage.call("person_facts", act))

    async def application_roles(
        self, tenant_id: str, client_ids: Collection[str]
    ) -> Mapping[str, frozenset[str]]:
        """The roles of those further applications that the tenant has."""

        async def act() -> dict[str, frozenset[str]]:
            self._fail()
            known = (each for each in client_ids if each in self.tenants[tenant_id].consents)
            return {
                each: self.applications[each] if self.works(tenant_id, each) else frozenset()
                for each in known
            }

        return _told("applications", tenant_id, await self.stage.call("application_roles", act))

    def _fail(self) -> None:
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            met(fault)
            raise fault


FAULTS: dict[str, Callable[[], Exception]] = {
    "unavailable": lambda: MicrosoftUnavailableError("drawn"),
    **{str(answer): partial(MicrosoftRefusedError, answer) for answer in Answer},
}


def met(fault: Exception) -> None:
    """The worker at hand has met this trouble of Microsoft's."""
    worker = PRESENT.get()
    if worker is not None:
        worker.faults.append(fault)


def _told(what: str, of: str, told: T) -> T:
    worker = PRESENT.get()
    if worker is not None:
        worker.reads.append((what, of, told))
    return told
