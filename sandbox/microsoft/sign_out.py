"""The end-session endpoint: GET /{tenant}/oauth2/v2.0/logout signs every account of the browser out.

https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#send-a-sign-out-request
"""

from urllib.parse import urlencode

from aiohttp import web

from sandbox.microsoft.authority import Authority
from sandbox.microsoft.pages import page
from sandbox.microsoft.recipient import redirect


class SignOutEndpoint:
    """Ends sessions of one authority."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    async def show(self, request: web.Request) -> web.Response:
        """Back to `post_logout_redirect_uri` if an application has registered it, else a page."""
        self._authority.tenant(request.match_info["tenant"])
        back = request.query.get("post_logout_redirect_uri")
        known = {uri for app in self._authority.registrations.values() for uri in app.redirect_uris}
        response = redirect(_with_state(back, request)) if back in known else page(request, "signed-out")
        self._authority.sessions.end(request, response)
        return response


def _with_state(address: str, request: web.Request) -> str:
    state = request.query.get("state")
    return address if state is None else f"{address}?{urlencode({'state': state})}"
