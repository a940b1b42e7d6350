"""Microsoft Entra ID through MSAL: sign-in legs, code redemption, app-only access, admin consent.

A new MSAL application is made for every attempt: one that lives would replay a refused answer for 60 s and
keep a token without roles for an hour, when consent has just been given (rule R2). Everything but the
redemption of a code, which is good for one use, is asked again when Microsoft fails for a moment (rule R3).
"""

import asyncio
import functools
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from adapters.deadline import seconds_to_ask
from adapters.microsoft.ahead import GRAPH, SIGN_IN, import_later, import_libraries
from adapters.microsoft.answers import refusal
from adapters.microsoft.credential import Credential
from adapters.microsoft.id_token import IdTokens, roles_of
from adapters.microsoft.retries import Retries
from adapters.microsoft.session import MicrosoftSession
from adapters.threads import Threads
from association.errors import IdTokenInvalidError
from association.identity import GUID, Identity
from association.microsoft_errors import MicrosoftRefusedError, MicrosoftUnavailableError
from association.rows import Leg
from association.settings import Settings

if TYPE_CHECKING:
    import msal

T = TypeVar("T")

GRAPH_DEFAULT = "https://graph.microsoft.com/.default"
CONFIRM_SCOPES = (
    "https://graph.microsoft.com/User.Read",
    "https://graph.microsoft.com/RoleManagement.Read.Directory",
)
# openid and profile are added by MSAL; offline_access is kept out: nothing of ours outlives the request.
EXCLUDED_SCOPES = ("offline_access",)
THREADS = 16
# For one attempt, waiting for a thread included; the session's own times are shorter.
LONGEST_SECONDS = 25.0


class Entra:
    """The sign-in service for one app registration. `now` gives aware UTC times."""

    def __init__(
        self,
        settings: Settings,
        session: MicrosoftSession,
        now: Callable[[], datetime],
        retries: Retries | None = None,
    ) -> None:
        self._settings = settings
        self._session = session
        self._credential = Credential(settings)
        self._now = now
        self._retries = retries or Retries()
        self._threads = Threads("entra", THREADS)
        self._id_tokens = IdTokens(session, settings.authority, settings.client_id)

    async def begin(
        self, tenant: str, leg: Leg, *, state: str, login_hint: str, silent: bool
    ) -> dict[str, Any]:
        """MSAL's flow for a leg at `tenant` ("organizations" or a GUID); its `auth_uri` is where to go.

        At sign-in an account is always picked by hand and no permission is asked; a guest signs in at the
        tenant whose guest they are, since "organizations" leads everybody home. On the confirming leg the
        person of `login_hint` is shown again with their own Graph permissions, without a page if `silent`.
        Raises MicrosoftUnavailableError.
        """
        return await self._repeated(self._begin, tenant, leg, state, login_hint, silent)

    async def redeem(self, tenant: str, flow: Mapping[str, Any], answer: Mapping[str, str]) -> Identity:
        """Redeem the code in `answer` for the validated identity, with its access token.

        Raises IdTokenInvalidError, MicrosoftRefusedError, MicrosoftUnavailableError.
        """
        application = await self._repeated(self._application, tenant)
        result = await self._once(self._redeem, application, dict(flow), dict(answer))
        return await self._repeated(self._identity, result, str(flow.get("nonce", "")))

    async def app_roles(self, tenant_id: str) -> frozenset[str]:
        """The roles of a fresh app-only Graph token for the tenant: what has really been granted.

        Raises MicrosoftRefusedError (no service principal there yet, among others) or
        MicrosoftUnavailableError.
        """
        return roles_of(await self.app_token(tenant_id))

    async def app_token(self, tenant_id: str) -> str:
        """A fresh app-only Graph token for the tenant; it may be without roles. Raises as `app_roles`."""
        return await self._repeated(self._app_token, tenant_id)

    async def tenant_of_domain(self, domain: str) -> str:
        """The tenant id (GUID) behind a verified domain, or "" when there is none.

        By OpenID discovery, which needs no permission. Raises MicrosoftUnavailableError.
        """
        return await self._repeated(self._tenant_of_domain, domain)

    def consent_uri(self, tenant_id: str, state: str, client_id: str = "") -> str:
        """Where the tenant's administrator consents to everything the registration lists.

        `client_id` is a further application's, whose registration names the same redirect address; without
        it, it is ours.
        """
        query = urlencode(
            {
                "client_id": client_id or self._settings.client_id,
                "scope": GRAPH_DEFAULT,
                "redirect_uri": self._settings.consent_redirect_uri,
                "state": state,
            }
        )
        return f"{self._settings.login_origin}/{tenant_id}/v2.0/adminconsent?{query}"

    def refusal(self, answer: Mapping[str, str]) -> MicrosoftRefusedError:
        """The classified error of a redirect."""
        return refusal(answer)

    async def _repeated(self, call: Callable[..., T], *arguments: Any) -> T:
        """What `call` returns, from a thread, asked again as far as the policy allows."""
        return await self._retries.repeat(lambda: self._once(call, *arguments))

    async def _once(self, call: Callable[..., T], *arguments: Any) -> T:
        import_libraries(SIGN_IN)
        import_later(0.0, GRAPH)  # while Microsoft answers: whoever signs in is looked up in Graph next
        try:
            async with asyncio.timeout(seconds_to_ask(LONGEST_SECONDS)):
                return await self._threads.call(call, *arguments)
        except TimeoutError:
            raise MicrosoftUnavailableError("call=entra kind=Timeout") from None

    def _begin(self, tenant: str, leg: Leg, state: str, login_hint: str, silent: bool) -> dict[str, Any]:
        picks = leg is Leg.SIGN_IN
        prompt = "select_account" if picks else "none" if silent else None
        flow: dict[str, Any] = self._application(tenant).initiate_auth_code_flow(
            [] if picks else list(CONFIRM_SCOPES),
            redirect_uri=f"{self._settings.public_base_url}/sign-in/callback",
            state=state,
            prompt=prompt,
            login_hint=login_hint or None,
            response_mode="query",
        )
        if not flow["auth_uri"].startswith(f"{self._settings.login_origin}/"):
            raise MicrosoftUnavailableError("reason=authorization_endpoint_elsewhere")
        return flow

    def _redeem(
        self, application: "msal.ConfidentialClientApplication", flow: dict[str, Any], answer: dict[str, str]
    ) -> dict[str, Any]:
        # our own row was found by this state, one-time and bound to the browser; MSAL wants it twice
        flow["state"] = answer["state"]
        try:
            return self._call(application.acquire_token_by_auth_code_flow, flow, answer)
        except RuntimeError:
            # MSAL's message holds both nonces
            raise IdTokenInvalidError("check=nonce") from None

    def _identity(self, result: Mapping[str, Any], nonce: str) -> Identity:
        identity = self._id_tokens.validate(str(result.get("id_token", "")), nonce, self._now())
        return replace(identity, access_token=str(result.get("access_token", "")))

    def _app_token(self, tenant_id: str) -> str:
        if not GUID.fullmatch(tenant_id):
            raise MicrosoftUnavailableError("reason=tenant_id")
        application = self._application(tenant_id)
        result = self._call(application.acquire_token_for_client, [GRAPH_DEFAULT])
        token = result.get("access_token")
        if not token or not isinstance(token, str):
            raise MicrosoftUnavailableError("call=token reason=no_token")
        return token

    def _call(self, ask: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        from msal.exceptions import MsalError

        try:
            result: dict[str, Any] = ask(*arguments)
        except (MsalError, ValueError, LookupError, TypeError, AttributeError) as error:
            # an answer of another shape than MSAL expects
            raise MicrosoftUnavailableError(f"kind={type(error).__name__}") from None
        if "error" in result:
            raise refusal(result)
        return result

    def _tenant_of_domain(self, domain: str) -> str:
        url = f"{self._settings.authority}/{domain}/v2.0/.well-known/openid-configuration"
        response = self._session.get(url)
        if response.ok:
            # https://{login}/{tenant id}/v2.0
            tenant_id = [*response.json()["issuer"].lower().split("/"), "", "", ""][3]
            return tenant_id if GUID.fullmatch(tenant_id) else ""
        if response.status_code == 400:
            # 90002: no tenant; others: not even a domain that could have one
            return ""
        raise MicrosoftUnavailableError(f"call=discovery status={response.status_code}")

    def _application(self, tenant: str) -> "msal.ConfidentialClientApplication":
        msal_module, credential = _msal(), self._credential.for_msal
        try:
            return msal_module.ConfidentialClientApplication(
                self._settings.client_id,
                authority=f"{self._settings.authority}/{tenant}",
                client_credential=credential,
                http_client=self._session,
                http_cache={},
                token_cache=msal_module.TokenCache(),
                exclude_scopes=list(EXCLUDED_SCOPES),
                instance_discovery=False,
                azure_region=False,
            )
        except ValueError as error:
            # the discovery document could not be had, or is of an unknown tenant
            raise MicrosoftUnavailableError(f"call=discovery kind={type(error).__name__}") from None


@functools.cache
def _msal() -> Any:
    """MSAL, imported on first use. Its advice to use form_post is declined: a cross-site POST carries no
    SameSite=Lax cookie, and the admin consent comes back by GET in any case (docs/adr/0002).
    """
    import msal

    warnings.filterwarnings("ignore", message="response_mode='form_post'")
    return msal
