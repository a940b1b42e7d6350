"""The admin consent endpoint, v2.0: GET and POST /{tenant}/v2.0/adminconsent.

The account picker always comes first. A walk posts `account`, then, from the page it gets, `account`,
`canary` and `consent`. https://learn.microsoft.com/entra/identity-platform/v2-admin-consent
"""

from dataclasses import dataclass, replace

from aiohttp import web
from multidict import MultiDict, MultiMapping

from sandbox.microsoft.authority import Authority, short_scopes
from sandbox.microsoft.conditions import approval_number, redirected_error
from sandbox.microsoft.errors import EntraError
from sandbox.microsoft.identifiers import DELEGATED_PERMISSIONS, GRAPH_RESOURCE, OPENID_SCOPES
from sandbox.microsoft.recipient import Recipient, answer, answer_error, read_recipient, redirect, required
from sandbox.microsoft.visit import Identity, Visit

# Everything else goes back to the application, an account from another directory included.
_PAGES_HERE = frozenset({50034, 50057, 500021, 500022, 500201})


@dataclass(frozen=True, slots=True)
class Requested:
    """Graph permissions to be granted for the whole tenant."""

    application: tuple[str, ...]
    delegated: tuple[str, ...]


class AdminConsentEndpoint:
    """Answers admin consent requests of one authority."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    async def show(self, request: web.Request) -> web.Response:
        """GET: the account picker, whoever is signed in."""
        return self._handle(request, MultiDict())

    async def submit(self, request: web.Request) -> web.Response:
        """POST: an account was picked, or « Accepter » or « Annuler » pressed."""
        form = await request.post()
        return self._handle(request, MultiDict((name, str(value)) for name, value in form.items()))

    def _handle(self, request: web.Request, form: MultiMapping[str]) -> web.Response:
        authority = self._authority
        recipient = replace(read_recipient(authority, request), response_mode="query")
        visit = Visit(authority, request, recipient, form, authority.sessions.of(request))
        try:
            response = self._proceed(visit, _read_requested(request.query, recipient))
        except EntraError as error:
            if error.number in _PAGES_HERE:
                raise
            response = _refused(visit, error)
        if visit.session.accounts:
            authority.sessions.keep(visit.session, response)
        return response

    def _proceed(self, visit: Visit, requested: Requested) -> web.Response:
        decision = visit.decision()
        if decision is None:
            if "account" not in visit.form:
                return visit.account_page()
            account = visit.sign_in_posted_account()
            if account is None:
                return visit.account_page(unknown=visit.form["account"])
        else:
            account = visit.form["account"]
        identity = visit.identity(account)
        directory = self._authority.directory
        may_consent = directory.may_consent(identity.tenant, identity.user, requested.application)
        if approval_number(identity.tenant) or not may_consent:
            return _left(visit) if decision == "cancel" else visit.approval_page(identity)
        if decision == "cancel":
            raise EntraError(65004)
        if decision != "accept":
            permissions = list(dict.fromkeys(requested.application + requested.delegated))
            return visit.consent_page(identity, permissions, admin=True)
        return self._grant(visit, requested, identity)

    def _grant(self, visit: Visit, requested: Requested, identity: Identity) -> web.Response:
        redirected_error(identity.tenant, "not_provisioned", "consent_error")
        self._authority.directory.grant_admin_consent(
            identity.tenant, visit.recipient.app, requested.application, requested.delegated
        )
        names = dict.fromkeys(requested.delegated + requested.application)
        granted = [name if name in OPENID_SCOPES else f"{GRAPH_RESOURCE}/{name}" for name in names]
        fields = {"admin_consent": "True", "tenant": identity.tenant.id}
        return answer(visit.request, visit.recipient, fields | {"scope": " ".join(granted)})


def _read_requested(query: MultiMapping[str], recipient: Recipient) -> Requested:
    scopes = short_scopes(required(query, "scope").split())
    unknown = [scope for scope in scopes if scope not in DELEGATED_PERMISSIONS and scope != ".default"]
    if unknown:
        raise EntraError(650053, value=unknown[0])
    if ".default" not in scopes:
        return Requested((), tuple(scopes))
    app = recipient.app
    named = (scope for scope in scopes if scope != ".default")
    return Requested(app.application_permissions, tuple(dict.fromkeys((*app.delegated_permissions, *named))))


def _refused(visit: Visit, error: EntraError) -> web.Response:
    """`admin_consent=True` beside the error, no `tenant`, and a `#` at the end, as seen in the field."""
    back = answer_error(visit.request, visit.authority, visit.recipient, error, admin_consent="True")
    return redirect(back.headers["Location"] + "#")


def _left(visit: Visit) -> web.Response:
    """« Revenir à l'application sans donner son accord »: an error and nothing that explains it."""
    return answer(visit.request, visit.recipient, {"error": "access_denied", "error_subcode": "cancel"})
