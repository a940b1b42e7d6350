"""The authorization endpoint: who signs in, with which scopes, and the redirect with a code.

GET and POST /{tenant}/oauth2/v2.0/authorize. A walk posts `account` to pick an account.
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
"""

import json
import re
from dataclasses import dataclass

from aiohttp import web
from multidict import MultiDict, MultiMapping

from sandbox.microsoft.authority import Authority, short_scopes
from sandbox.microsoft.conditions import approval_number, redirected_error
from sandbox.microsoft.errors import EntraError
from sandbox.microsoft.identifiers import DELEGATED_PERMISSIONS, USER_CONSENTABLE
from sandbox.microsoft.recipient import answer, answer_error, read_recipient, required
from sandbox.microsoft.sessions import Code
from sandbox.microsoft.tokens import base64url
from sandbox.microsoft.visit import Identity, Visit

_PROMPTS = (None, "login", "none", "consent", "select_account")
_CHALLENGE = re.compile(r"[A-Za-z0-9\-._~]{43,128}")


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters of an authorization request beyond its recipient; `scopes` without resource."""

    scopes: list[str]
    nonce: str | None
    prompt: str | None
    login_hint: str | None
    challenge: str | None
    challenge_method: str
    client_info: bool


def read_asked(query: MultiMapping[str]) -> Asked:
    """Reads and validates; raises EntraError, to be redirected."""
    if required(query, "response_type") != "code":
        raise EntraError(90023, error="unsupported_response_type", value="response_type")
    if query.get("response_mode", "query") not in ("query", "fragment", "form_post"):
        raise EntraError(90023, value="response_mode")
    if query.get("prompt") not in _PROMPTS:
        raise EntraError(90023, value="prompt")
    challenge, method = query.get("code_challenge"), query.get("code_challenge_method", "plain")
    if challenge is not None and (method not in ("S256", "plain") or not _CHALLENGE.fullmatch(challenge)):
        raise EntraError(9002325)
    return Asked(
        scopes=_read_scopes(required(query, "scope")),
        nonce=query.get("nonce"),
        prompt=query.get("prompt"),
        login_hint=query.get("login_hint"),
        challenge=challenge,
        challenge_method=method,
        client_info=query.get("client_info") == "1",
    )


def _read_scopes(text: str) -> list[str]:
    scopes = short_scopes(text.split())
    unknown = [scope for scope in scopes if scope not in DELEGATED_PERMISSIONS and scope != ".default"]
    if unknown:
        raise EntraError(650053, value=unknown[0])
    return scopes


class AuthorizeEndpoint:
    """Answers authorization requests of one authority."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    async def show(self, request: web.Request) -> web.Response:
        """GET: the first look."""
        return self._handle(request, MultiDict())

    async def submit(self, request: web.Request) -> web.Response:
        """POST: an account was picked or a consent given; the request is still in the query."""
        form = await request.post()
        return self._handle(request, MultiDict((name, str(value)) for name, value in form.items()))

    def _handle(self, request: web.Request, form: MultiMapping[str]) -> web.Response:
        authority = self._authority
        recipient = read_recipient(authority, request)
        visit = Visit(authority, request, recipient, form, authority.sessions.of(request))
        try:
            response = self._proceed(visit, read_asked(request.query))
        except EntraError as error:
            if error.stays_on_page:
                raise
            more = {"error_subcode": "cancel"} if error.number == 65004 else {}
            response = answer_error(request, authority, recipient, error, **more)
        if visit.session.accounts:
            authority.sessions.keep(visit.session, response)
        return response

    def _proceed(self, visit: Visit, asked: Asked) -> web.Response:
        decision = visit.decision()
        if decision is not None:
            account = visit.form["account"]
        elif "account" in visit.form:
            picked = visit.sign_in_posted_account()
            if picked is None:
                return visit.account_page(unknown=visit.form["account"])
            account = picked
        else:
            known = _silent_account(visit, asked) if asked.prompt == "none" else _known_account(visit, asked)
            if known is None:
                return visit.account_page()
            account = known
        identity = visit.identity(account)
        if decision is None:
            redirected_error(identity.tenant, "sign_in_error")
        return self._ask_consent(visit, asked, identity, decision) or self._code(visit, asked, identity)

    def _ask_consent(
        self, visit: Visit, asked: Asked, identity: Identity, decision: str | None
    ) -> web.Response | None:
        app, directory = visit.recipient.app, self._authority.directory
        wanted = app.delegated_permissions if ".default" in asked.scopes else tuple(asked.scopes)
        granted = directory.granted_scopes(identity.tenant, app.client_id, identity.user)
        missing = [scope for scope in wanted if scope not in granted]
        if not missing and asked.prompt != "consent":
            return None
        if asked.prompt == "none":
            raise EntraError(65001, error="consent_required", app=app.client_id)
        if decision == "cancel":
            raise EntraError(65004)
        if approval_number(identity.tenant):
            return visit.approval_page(identity)
        needs_admin = not USER_CONSENTABLE.issuperset(missing)
        if needs_admin and not directory.may_consent(identity.tenant, identity.user, ()):
            return visit.approval_page(identity)
        if decision != "accept":
            return visit.consent_page(identity, list(wanted), admin=False)
        directory.grant_user_consent(identity.tenant, app, identity.user, wanted)
        return None

    def _code(self, visit: Visit, asked: Asked, identity: Identity) -> web.Response:
        session = visit.session
        code = Code(
            client_id=visit.recipient.app.client_id,
            redirect_uri=visit.recipient.redirect_uri,
            tenant=identity.tenant,
            user=identity.user,
            home=identity.home,
            scopes=asked.scopes,
            nonce=asked.nonce,
            challenge=asked.challenge,
            challenge_method=asked.challenge_method,
            client_info=asked.client_info,
            sid=session.sid,
            auth_time=int(session.accounts[identity.account]),
        )
        fields = {"code": self._authority.codes.issue(code)}
        if asked.client_info:
            fields["client_info"] = client_info(code)
        return answer(visit.request, visit.recipient, fields | {"session_state": session.sid})


def client_info(code: Code) -> str:
    """`client_info`: the account's object id and tenant at home."""
    tenant, user = code.home
    return base64url(json.dumps({"uid": user.id, "utid": tenant.id}).encode())


def _known_account(visit: Visit, asked: Asked) -> str | None:
    """Single sign-on: the only account that fits, or the hinted one; None asks the person."""
    if asked.prompt in ("login", "select_account"):
        return None
    usable = _hinted(visit.usable_accounts(), asked.login_hint)
    return usable[0] if len(usable) == 1 else None


def _silent_account(visit: Visit, asked: Asked) -> str:
    """The account for prompt=none; raises 50058 or 16000."""
    usable = _hinted(visit.usable_accounts(), asked.login_hint)
    if len(usable) == 1:
        return usable[0]
    hinted_elsewhere = asked.login_hint and not usable
    raise EntraError(50058 if not visit.session.accounts or hinted_elsewhere else 16000)


def _hinted(accounts: list[str], hint: str | None) -> list[str]:
    return [upn for upn in accounts if hint is None or upn.lower() == hint.lower()]
