"""Which language somebody reads: what they switched to, else the order's, else the browser's, else French.

The switch is an ordinary link with `?language=` in it, so it works on every page and without script; it
leaves a cookie and leads back to the same page without it.
"""

from contextvars import ContextVar
from urllib.parse import quote, urlencode, urlsplit

import azure.functions as func

from association.errors import RequestInvalidError
from functions import services
from functions.web import responses
from functions.web.browser import cookies, query

LANGUAGES = ("fr", "en")
COOKIE = "language"
A_YEAR = 365 * 24 * 3600
READ = ("GET", "HEAD")

# The language of the association that the request at hand is about; "" before one is known.
of_order: ContextVar[str] = ContextVar("of_order", default="")


def language_for(req: func.HttpRequest, order: str = "") -> str:
    """The language of a page: the switch, the `order`'s or that of the association at hand, the browser's."""
    return _switched(req) or order or of_order.get() or _preferred(req) or LANGUAGES[0]


def language_for_users(req: func.HttpRequest, order: str) -> str:
    """The language of the users' page: whoever opens a share link need not speak the order's."""
    return _switched(req) or _preferred(req) or order


def other_language(language: str) -> str:
    """The language that the switch offers on a page in `language`."""
    return LANGUAGES[1 - LANGUAGES.index(language)]


def switch(req: func.HttpRequest, language: str, elsewhere: str) -> str:
    """The address at which this page is read in the other language than `language`.

    `elsewhere` is where to go instead from a page that can't be asked for again: what answers a POST, or
    Microsoft's redirect, whose code doesn't belong into a page.
    """
    path, asked = (_own_path(req), _asked(req)) if req.method in READ else (elsewhere, {})
    if "state" in asked:
        path, asked = elsewhere, {}
    return f"{path}?{urlencode({**asked, COOKIE: other_language(language)})}"


def switched(req: func.HttpRequest) -> func.HttpResponse | None:
    """The answer to the switch: the cookie, and the same page again without the switch in its address."""
    asked = query(req)
    wanted = asked.pop(COOKIE, "")
    settings = services.settings_or_none()
    if wanted not in LANGUAGES or req.method not in READ or settings is None:
        return None
    rest = f"?{urlencode(asked)}" if asked else ""
    response = responses.redirect(f"{_own_path(req)}{rest}", settings)
    return responses.set_cookie(response, COOKIE, wanted, A_YEAR, settings)


def _asked(req: func.HttpRequest) -> dict[str, str]:
    try:
        return query(req)
    except RequestInvalidError:  # the page that refuses it has to be made all the same
        return {}


def _own_path(req: func.HttpRequest) -> str:
    """The request's path as one that no browser takes for another site's address (`//other.example`)."""
    return "/" + quote(urlsplit(req.url).path.lstrip("/"), safe="/%~:@!$&'()*+,;=")


def _switched(req: func.HttpRequest) -> str:
    """What the switch was set to; it stays in the address where missing settings leave no cookie."""
    for value in (_asked(req).get(COOKIE, ""), cookies(req).get(COOKIE, "")):
        if value in LANGUAGES:
            return value
    return ""


def _preferred(req: func.HttpRequest) -> str:
    """The first of our languages in Accept-Language (RFC 9110 §12.5.4), which browsers sort by preference."""
    for part in req.headers.get("accept-language", "").split(","):
        tag = str(part.partition(";")[0].strip().lower()[:2])
        if tag in LANGUAGES:
            return tag
    return ""
