"""What the endpoints of the sign-in service share: directory, registrations, keys, sessions, codes."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from aiohttp import web

from sandbox.microsoft.directory import Directory
from sandbox.microsoft.errors import EntraError, Trace
from sandbox.microsoft.identifiers import GRAPH_RESOURCE
from sandbox.microsoft.registrations import Registration
from sandbox.microsoft.sessions import Codes, Sessions
from sandbox.microsoft.state import Tenant
from sandbox.microsoft.tokens import Tokens

# Words that stand in the path for "whatever tenant the account is at home in".
ANY_TENANT = frozenset({"organizations", "common"})

TRACE = web.RequestKey("trace", Trace)


@dataclass(slots=True)
class Authority:
    """One sign-in service; both origins without a slash at the end."""

    directory: Directory
    registrations: dict[str, Registration]
    browser_origin: str
    back_channel_origin: str
    tokens: Tokens = field(init=False)
    sessions: Sessions = field(init=False)
    codes: Codes = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = Tokens(self.back_channel_origin, self.directory.now)
        self.sessions = Sessions(cookie=f"sandbox-entra-{self.browser_origin.rpartition(':')[2]}")
        self.codes = Codes(self.directory.clock)

    def tenant(self, word: str) -> Tenant | None:
        """The tenant in a path, None for `organizations` and `common`; raises 90002 for an unknown one."""
        if word in ANY_TENANT:
            return None
        tenant = self.directory.tenant(word)
        if tenant is None:
            raise EntraError(90002, tenant=word)
        return tenant

    def registration(self, client_id: str, tenant_word: str) -> Registration:
        """The registration with this client id; raises 700016."""
        registration = self.registrations.get(client_id)
        if registration is None:
            raise EntraError(700016, app=client_id, tenant=tenant_word)
        return registration

    def token_endpoint(self, tenant_word: str) -> str:
        """The address of the token endpoint under this path word."""
        return f"{self.back_channel_origin}/{tenant_word}/oauth2/v2.0/token"


def short_scopes(scopes: Iterable[str]) -> list[str]:
    """Scopes without the resource they may be written with; raises 500011 for another resource than Graph."""
    return [_short(scope) for scope in scopes]


def _short(scope: str) -> str:
    resource, _, value = scope.rpartition("/")
    if resource not in ("", GRAPH_RESOURCE):
        raise EntraError(500011, value=resource)
    return value
