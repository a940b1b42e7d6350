"""Who is signed in in a browser, and the authorization codes that were handed out."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from sandbox.microsoft.errors import EntraError
from sandbox.microsoft.state import Tenant, User

_CODE_SECONDS = 600


@dataclass(slots=True)
class Session:
    """A browser at Microsoft: the accounts signed in there with the time (Unix seconds) of each sign-in.

    `canary` proves that a consent was posted from a page that this browser was shown.
    """

    accounts: dict[str, float] = field(default_factory=dict)
    canary: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    sid: str = field(default_factory=lambda: secrets.token_hex(16))


class Sessions:
    """Sessions by cookie. The cookie's name carries the port: browsers share cookies between ports."""

    def __init__(self, cookie: str) -> None:
        self._cookie = cookie
        self._sessions: dict[str, Session] = {}

    def of(self, request: web.Request) -> Session:
        """The session of a request; an empty one, not kept yet, if there is none."""
        return self._sessions.get(request.cookies.get(self._cookie, ""), Session())

    def keep(self, session: Session, response: web.StreamResponse) -> None:
        """Keeps a session and gives its cookie to the browser."""
        key = next((key for key, kept in self._sessions.items() if kept is session), None)
        if key is None:
            key = secrets.token_urlsafe(24)
            self._sessions[key] = session
        response.set_cookie(self._cookie, key, path="/", httponly=True, samesite="Lax")

    def end(self, request: web.Request, response: web.StreamResponse) -> None:
        """Signs every account out."""
        self._sessions.pop(request.cookies.get(self._cookie, ""), None)
        response.del_cookie(self._cookie, path="/")


@dataclass(slots=True)
class Code:
    """What a code stands for; `user` is the identity in `tenant`, `home` the account it belongs to."""

    client_id: str
    redirect_uri: str
    tenant: Tenant
    user: User
    home: tuple[Tenant, User]
    scopes: list[str]
    nonce: str | None
    challenge: str | None
    challenge_method: str
    client_info: bool
    sid: str
    auth_time: int
    issued_at: float = 0.0
    redeemed: bool = False


class Codes:
    """Authorization codes: ten minutes, one use."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._codes: dict[str, Code] = {}

    def issue(self, code: Code) -> str:
        """Remembers what is handed out; returns the code."""
        code.issued_at = self._clock()
        value = f"1.{secrets.token_urlsafe(64)}"
        self._codes[value] = code
        return value

    def tenant(self, value: str) -> Tenant | None:
        """The tenant that a code was issued for, None for an unknown code."""
        code = self._codes.get(value)
        return code.tenant if code else None

    def find(self, value: str) -> Code:
        """What a code stands for; raises 70000 unknown, 54005 used, 70008 too old."""
        code = self._codes.get(value)
        if code is None:
            raise EntraError(70000)
        if code.redeemed:
            raise EntraError(54005)
        if self._clock() - code.issued_at > _CODE_SECONDS:
            raise EntraError(70008)
        return code
