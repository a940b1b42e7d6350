"""The token endpoint: POST /{tenant}/oauth2/v2.0/token, for codes and for client credentials.

Refresh tokens are not given out, `offline_access` or not: nothing here stays signed in.
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

import base64
import hashlib
import hmac
from typing import Any

from aiohttp import web

from sandbox.microsoft.authority import TRACE, Authority, short_scopes
from sandbox.microsoft.authorize import client_info
from sandbox.microsoft.claims import app_only_claims, delegated_claims, id_token_claims
from sandbox.microsoft.client_authentication import authenticate, read_basic
from sandbox.microsoft.conditions import refuse_by_policy, refuse_disabled
from sandbox.microsoft.errors import EntraError
from sandbox.microsoft.identifiers import GRAPH_RESOURCE, OPENID_SCOPES
from sandbox.microsoft.registrations import Registration
from sandbox.microsoft.sessions import Code
from sandbox.microsoft.state import Tenant

_HEADERS = {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache", "Expires": "-1"}

Form = dict[str, str]
Answer = dict[str, Any]


class TokenEndpoint:
    """Answers token requests of one authority."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    async def submit(self, request: web.Request) -> web.Response:
        """Tokens as JSON; raises EntraError for everything that is refused."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        basic = read_basic(request.headers.get("Authorization"))
        if basic:
            form.setdefault("client_id", basic[0])
        answer = self._answer(request.match_info["tenant"], form, basic[1] if basic else None)
        trace = request[TRACE]
        headers = _HEADERS | {"x-ms-request-id": trace.trace_id, "x-ms-ests-server": "sandbox"}
        return web.json_response(answer, headers=headers)

    def _answer(self, word: str, form: Form, basic_secret: str | None) -> Answer:
        tenant = self._authority.tenant(word)
        app = self._authority.registration(_required(form, "client_id"), word)
        grant_type = _required(form, "grant_type")
        if grant_type not in ("authorization_code", "client_credentials"):
            raise EntraError(70003, value=grant_type)
        audiences = {self._authority.token_endpoint(name) for name in (word, tenant.id if tenant else word)}
        authenticate(app, form, basic_secret, audiences, self._authority.directory.now())
        if grant_type == "authorization_code":
            return self._redeem(tenant, app, form)
        return self._app_only(tenant, app, form)

    def _redeem(self, tenant: Tenant | None, app: Registration, form: Form) -> Answer:
        code = self._authority.codes.find(_required(form, "code"))
        if code.client_id != app.client_id:
            raise EntraError(70000)
        if tenant is not None and tenant.id != code.tenant.id:
            raise EntraError(700005)
        if code.redirect_uri != form.get("redirect_uri"):
            raise EntraError(500112)
        if not _verifies(code, form.get("code_verifier") or None):
            raise EntraError(501481)
        refuse_by_policy(code.tenant)
        scopes = self._delegated_scopes(app, code, form.get("scope"))
        code.redeemed = True
        return self._delegated_answer(app, code, scopes)

    def _delegated_scopes(self, app: Registration, code: Code, narrowed: str | None) -> list[str]:
        granted = self._authority.directory.granted_scopes(code.tenant, app.client_id, code.user)
        asked = short_scopes(narrowed.split()) if narrowed else code.scopes
        if ".default" in asked:
            asked = [*asked, *app.delegated_permissions]
        scopes = [scope for scope in dict.fromkeys(asked) if scope != ".default"]
        if not granted.issuperset(scopes):
            raise EntraError(65001, suberror="consent_required", app=app.client_id)
        return scopes

    def _delegated_answer(self, app: Registration, code: Code, scopes: list[str]) -> Answer:
        tokens = self._authority.tokens
        access_token, lifetime = tokens.access_token(code.tenant.id, delegated_claims(app, code, scopes))
        shown = [scope if scope in OPENID_SCOPES else f"{GRAPH_RESOURCE}/{scope}" for scope in scopes]
        answer: Answer = {
            "token_type": "Bearer",
            "scope": " ".join(shown),
            "expires_in": lifetime,
            "ext_expires_in": lifetime,
            "access_token": access_token,
        }
        if "openid" in scopes:
            answer["id_token"] = tokens.id_token(id_token_claims(self._authority, app, code, scopes))
        if code.client_info:
            answer["client_info"] = client_info(code)
        return answer

    def _app_only(self, tenant: Tenant | None, app: Registration, form: Form) -> Answer:
        if tenant is None:
            raise EntraError(9001023)
        scope = _required(form, "scope")
        if short_scopes(scope.split()) != [".default"]:
            raise EntraError(70011, value=scope)
        directory = self._authority.directory
        principal = directory.service_principal(tenant, app.client_id)
        if principal is None:
            raise EntraError(700016, app=app.client_id, tenant=tenant.display_name)
        refuse_disabled(tenant, app.client_id)
        claims = app_only_claims(app, principal, directory.granted_permissions(principal))
        access_token, lifetime = self._authority.tokens.access_token(tenant.id, claims)
        return {
            "token_type": "Bearer",
            "expires_in": lifetime,
            "ext_expires_in": lifetime,
            "access_token": access_token,
        }


def _required(form: Form, name: str) -> str:
    value = form.get(name)
    if not value:
        raise EntraError(900144, value=name)
    return value


def _verifies(code: Code, verifier: str | None) -> bool:
    if code.challenge is None or verifier is None:
        return code.challenge is None and verifier is None
    if code.challenge_method == "plain":
        return hmac.compare_digest(code.challenge.encode(), verifier.encode())
    digest = hashlib.sha256(verifier.encode()).digest()
    expected = base64.urlsafe_b64encode(digest).rstrip(b"=")
    return hmac.compare_digest(code.challenge.encode(), expected)
