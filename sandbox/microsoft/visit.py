"""One visit of a browser: which account it uses, and the pages both browser endpoints share."""

from dataclasses import dataclass
from itertools import islice

from aiohttp import web
from multidict import MultiMapping

from sandbox.microsoft.authority import Authority
from sandbox.microsoft.conditions import approval_number, refuse_restricted
from sandbox.microsoft.errors import EntraError
from sandbox.microsoft.identifiers import CONSUMER_TENANT_ID
from sandbox.microsoft.pages import PERMISSION_TEXTS, page
from sandbox.microsoft.recipient import Recipient
from sandbox.microsoft.sessions import Session
from sandbox.microsoft.state import Tenant, User

_SHOWN_TENANTS = 60


@dataclass(frozen=True, slots=True)
class Identity:
    """An account (`home`, its own tenant and user) as the user object it is in `tenant`."""

    tenant: Tenant
    user: User
    home: tuple[Tenant, User]

    @property
    def account(self) -> str:
        return self.home[1].upn


@dataclass(frozen=True, slots=True)
class Visit:
    """A request, who is to be answered, what was posted, and the browser's session."""

    authority: Authority
    request: web.Request
    recipient: Recipient
    form: MultiMapping[str]
    session: Session

    def sign_in_posted_account(self) -> str | None:
        """Signs in the account that was picked; its address, or None if nobody has this address."""
        found = self.authority.directory.account(self.form.get("account", "").strip())
        if found is None:
            return None
        upn = found[1].upn
        self.session.accounts[upn] = self.authority.directory.now()
        return upn

    def decision(self) -> str | None:
        """`accept` or `cancel` if it comes from a page that this session was shown, for its own account."""
        form = self.form
        shown = form.get("canary") == self.session.canary and form.get("account") in self.session.accounts
        return form.get("consent") if shown else None

    def identity(self, upn: str) -> Identity:
        """Who an account is in the tenant asked for; raises 50020, 50034, 50057, 500021, 500022, 500201."""
        directory = self.authority.directory
        home = directory.account(upn)
        if home is None:
            raise EntraError(50034, account=upn)
        tenant = self.recipient.tenant or home[0]
        refuse_restricted(tenant)
        user = directory.identity(upn, tenant)
        if user is None:
            raise EntraError(50020, account=upn, tenant=tenant.display_name)
        if tenant.id == CONSUMER_TENANT_ID:
            raise EntraError(500201)
        if not (user.enabled and home[1].enabled):
            raise EntraError(50057)
        return Identity(tenant, user, home)

    def usable_accounts(self) -> list[str]:
        """Accounts that are signed in and exist in the tenant asked for."""
        tenant, directory = self.recipient.tenant, self.authority.directory
        return [upn for upn in self.session.accounts if tenant is None or directory.identity(upn, tenant)]

    def account_page(self, unknown: str = "") -> web.Response:
        """The account picker: signed-in accounts, then those of the tenant asked for, then of some others."""
        wanted = self.recipient.tenant
        entries = [
            (upn not in self.session.accounts, tenant is not wanted, tenant.name, number, user, tenant)
            for tenant in self._shown_tenants()
            for number, user in enumerate(tenant.users)
            if user.home_account is None
            for upn in [user.upn]
        ]
        accounts = [
            {
                "upn": user.upn,
                "name": user.name,
                "organisation": tenant.display_name,
                "signed_in": not is_new,
            }
            for is_new, _, _, _, user, tenant in sorted(entries, key=lambda entry: entry[:4])
        ]
        return page(self.request, "accounts", app=self.recipient.app, accounts=accounts, unknown=unknown)

    def _shown_tenants(self) -> list[Tenant]:
        """Of thousands, the first and those that this visit is about."""
        directory = self.authority.directory
        homes = [home[0] for upn in self.session.accounts if (home := directory.account(upn))]
        first = islice(directory.tenants.values(), _SHOWN_TENANTS)
        shown = [*homes, *([self.recipient.tenant] if self.recipient.tenant else []), *first]
        return list({tenant.name: tenant for tenant in shown}.values())

    def consent_page(self, identity: Identity, permissions: list[str], *, admin: bool) -> web.Response:
        """What the application asks for, with « Accepter » and « Annuler »."""
        texts = [{"value": value, "text": PERMISSION_TEXTS.get(value, value)} for value in permissions]
        return page(
            self.request,
            "consent",
            app=self.recipient.app,
            account=identity.account,
            organisation=identity.tenant.display_name,
            canary=self.session.canary,
            permissions=texts,
            for_organisation=admin,
        )

    def approval_page(self, identity: Identity) -> web.Response:
        """« Approbation d'administrateur requise »: nobody comes back from here without the button."""
        number = approval_number(identity.tenant) or 90094
        return page(
            self.request,
            "approval",
            number=number,
            app=self.recipient.app,
            account=identity.account,
            organisation=identity.tenant.display_name,
            canary=self.session.canary,
        )
