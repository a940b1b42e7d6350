"""Set-Cookie as it leaves Azure: parsed by the worker with SimpleCookie, written anew by the host.

A cookie that SimpleCookie cannot read vanishes without an error; `domain=` and `path=` are always there; the
value is percent-encoded. See https://github.com/Azure/azure-functions-python-worker (datumdef.py) and
https://learn.microsoft.com/dotnet/api/microsoft.net.http.headers.setcookieheadervalue
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import format_datetime
from http.cookies import Morsel, SimpleCookie
from urllib.parse import quote

_SAME_SITE = {"lax", "strict", "none"}


def rewrite_cookies(headers: Iterable[str]) -> list[str]:
    """The Set-Cookie values that the browser gets for those the function set.

    Raises:
        ValueError: Expires or Max-Age that the worker cannot convert (it answers 500).
        http.cookies.CookieError: a name that SimpleCookie refuses (500 too).
    """
    return [_rewritten(morsel) for header in headers for morsel in SimpleCookie(header).values()]


def _rewritten(morsel: Morsel[str]) -> str:
    parts = [f"{morsel.key}={quote(morsel.value, safe='-._~')}"]
    if morsel["expires"]:
        parts.append(f"expires={_expires(morsel['expires'])}")
    if morsel["max-age"]:
        parts.append(f"max-age={int(float(morsel['max-age']))}")
    parts += [f"domain={morsel['domain']}", f"path={morsel['path']}"]
    if morsel["secure"]:
        parts.append("secure")
    if morsel["samesite"].lower() in _SAME_SITE:
        parts.append(f"samesite={morsel['samesite'].lower()}")
    if morsel["httponly"]:
        parts.append("httponly")
    return "; ".join(parts)


def _expires(text: str) -> str:
    # The worker reads the date as local time: kept, because a cookie that is right here must be right there.
    local = datetime.strptime(text, "%a, %d %b %Y %H:%M:%S GMT").astimezone()
    return format_datetime(local.astimezone(UTC), usegmt=True)
