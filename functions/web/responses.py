"""The only place that makes an HttpResponse: status, headers, cookies, security headers (rule S6).

Cookie values are token characters only and every cookie has Path=/ and Max-Age: the Functions worker drops
or breaks anything else.
"""

import json
from collections.abc import Mapping
from typing import Any

import azure.functions as func

from association.settings import Settings

HTML = "text/html; charset=utf-8"
CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)


def page(html: str, settings: Settings | None, status: int = 200) -> func.HttpResponse:
    """An HTML page. Forms may lead to ourselves, Microsoft's sign-in and the portal, as settings say."""
    return _response(html.encode(), HTML, status, settings, {"Content-Security-Policy": _policy(settings)})


def redirect(uri: str, settings: Settings | None) -> func.HttpResponse:
    """A 303: the browser goes on with GET, so a POST is never repeated by reloading."""
    return _response(b"", HTML, 303, settings, {"Location": uri})


def data(value: Any, status: int = 200) -> func.HttpResponse:
    """JSON (RFC 8259)."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return _response(body, "application/json", status, None, {})


def problem(value: Mapping[str, Any], status: int) -> func.HttpResponse:
    """A problem in JSON (RFC 9457)."""
    body = json.dumps(value, ensure_ascii=False).encode()
    return _response(body, "application/problem+json", status, None, {})


def file(body: bytes, media_type: str, headers: Mapping[str, str], status: int = 200) -> func.HttpResponse:
    """A file with headers of its own, `Cache-Control` among them; status 304 for one that is unchanged."""
    response = func.HttpResponse(b"" if status == 304 else body, status_code=status, mimetype=media_type)
    for name, value in {"X-Content-Type-Options": "nosniff", **headers}.items():
        response.headers[name] = value
    return response


def set_cookie(
    response: func.HttpResponse, name: str, value: str, seconds: int, settings: Settings
) -> func.HttpResponse:
    """Add a cookie for `seconds` (0 ends it); `value` is base64url characters, `.` and `-` only."""
    secure = "; Secure" if settings.is_https else ""
    response.headers.add(
        "Set-Cookie", f"{name}={value or '-'}; Max-Age={seconds}; Path=/{secure}; HttpOnly; SameSite=Lax"
    )
    return response


def _response(
    body: bytes, media_type: str, status: int, settings: Settings | None, headers: Mapping[str, str]
) -> func.HttpResponse:
    response = func.HttpResponse(body, status_code=status, headers={"Content-Type": media_type})
    always = {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        # with no-referrer, a browser says `Origin: null` of its own page's forms (Fetch, "append a request
        # Origin header"), and nothing would tell them from another site's
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    if settings and settings.is_https:
        always["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    for name, value in {**always, **headers}.items():
        response.headers[name] = value
    return response


def _policy(settings: Settings | None) -> str:
    # Chromium applies form-action to the redirect that answers a POST as well.
    if settings is None:
        return CONTENT_POLICY
    return f"{CONTENT_POLICY} {settings.login_origin} {settings.portal_url}"
