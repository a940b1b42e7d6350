"""Errors into answers: the one page (or RFC 9457 problem) policy, the deadline, and the failure's reference.

Which HTTP status goes with which code is decided here and nowhere else. An exception's own text reaches
nobody: not the page, and of unforeseen ones not even the log, since it may hold an address with its query.
"""

import asyncio
import functools
import logging
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import azure.functions as func

from association.errors import (
    AssociationError,
    MicrosoftUnavailableError,
    OrderConflictError,
    RequestInvalidError,
    SettingsIncompleteError,
)
from association.keys import read_reference, reference_of
from functions import services
from functions.web import responses
from functions.web.browser import VISIT, cookies
from functions.web.failures import concerned, note_failure

log = logging.getLogger(__name__)

DEADLINE_SECONDS = 20
STATUS = {
    "settings_incomplete": 503,
    "page_unknown": 404,
    "link_unknown": 404,
    "link_expired": 410,
    "link_revoked": 410,
    "share_ended": 410,
    "visit_missing": 403,
    "session_missing": 403,
    "form_forged": 403,
    "state_unknown": 400,
    "flow_expired": 400,
    "browser_unknown": 400,
    "flow_busy": 409,
    "sign_in_refused": 403,
    "id_token_invalid": 403,
    "account_changed": 409,
    "tenant_unexpected": 403,
    "guest_unexpected": 403,
    "bound_to_another": 403,
    "limit_reached": 429,
    "code_wrong": 403,
    "code_ended": 403,
    "not_bound": 409,
    "request_invalid": 400,
    "key_in_query": 401,
    "order_conflict": 409,
    "association_unknown": 404,
    "concurrent_change": 503,
    "storage_unavailable": 503,
    "microsoft_unavailable": 503,
    "microsoft_refused": 502,
    "mail_refused": 503,
}
# What starting again from the progress page mends, and what trying the same again may mend.
RESTART = ("state_unknown", "flow_expired", "browser_unknown", "flow_busy", "session_missing", "form_forged")
# Of these the association's own page would say the same again.
SHUT = ("visit_missing", "link_revoked", "link_expired")

Handler = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]


def pages(handler: Handler) -> Handler:
    """Wrap a handler whose failures are pages."""
    return _bounded(handler, _error_page)


def json_api(handler: Handler) -> Handler:
    """Wrap a handler whose failures are problems in JSON (RFC 9457)."""
    return _bounded(handler, _problem)


def language_of(req: func.HttpRequest) -> str:
    """The first of our languages in the browser's list, which browsers sort by preference; else French."""
    for part in req.headers.get("accept-language", "").split(","):
        tag = part.partition(";")[0].strip().lower()[:2]
        if tag in ("fr", "en"):
            return str(tag)
    return "fr"


def _bounded(
    handler: Handler, answer: Callable[[func.HttpRequest, AssociationError, str], func.HttpResponse]
) -> Handler:
    @functools.wraps(handler)
    async def bounded(req: func.HttpRequest) -> func.HttpResponse:
        concerned.set("")
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                return await handler(req)
        except AssociationError as error:
            failure = error
        except TimeoutError:
            failure = MicrosoftUnavailableError("reason=deadline")
        except Exception as error:  # noqa: BLE001 - the one place where everything ends as an answer
            log.error("unexpected kind=%s at=%s", type(error).__name__, _places(error))  # noqa: TRY400
            failure = AssociationError("unexpected")
        return answer(req, failure, await _told(failure))

    return bounded


async def _told(error: AssociationError) -> str:
    """Give the failure its reference, and note it in the log and, where one is concerned, the history."""
    reference = reference_of(services.random_seed())
    log.warning("failed code=%s reference=%s %s", error.code, reference, error.detail)
    if concerned.get():
        await note_failure(concerned.get(), error.code, reference)
    return reference


def _error_page(req: func.HttpRequest, error: AssociationError, reference: str) -> func.HttpResponse:
    settings = services.settings_or_none()
    html = services.rendering().page(
        "error",
        language_of(req),
        company_name="",
        reference=reference,
        support_phone=settings.support_phone if settings else "",
        support_email=settings.support_email if settings else "",
        code=error.code,
        values=error.values,
        button=_button(req, error),
    )
    return responses.page(html, settings, STATUS.get(error.code, 500))


def _button(req: func.HttpRequest, error: AssociationError) -> dict[str, str] | None:
    concerns = concerned.get()
    if not concerns and STATUS.get(error.code, 500) >= 500 and req.method in ("GET", "HEAD"):
        return {"kind": "link", "href": "", "label": "button.retry"}
    reference = reference_of(concerns) if concerns else _reference_at_hand(req)
    if not reference or error.code in SHUT:
        return None
    label = "button.restart" if error.code in RESTART else "button.continue"
    return {"kind": "link", "href": f"/a/{reference}", "label": label}


def _reference_at_hand(req: func.HttpRequest) -> str:
    """The association that the address names, or the one that this browser has opened, if it is only one."""
    opened = [name.removeprefix(VISIT) for name in cookies(req) if name.startswith(VISIT)]
    return read_reference(req.route_params.get("reference", "") or (opened[0] if len(opened) == 1 else ""))


def _problem(req: func.HttpRequest, error: AssociationError, reference: str) -> func.HttpResponse:
    texts, language = services.rendering(), language_of(req)
    status = STATUS.get(error.code, 500)
    body: dict[str, Any] = {
        "type": f"urn:sage:association:{error.code}",
        "title": texts.text(language, f"error.{error.code}.title", **error.values),
        "status": status,
        "code": error.code,
        "reference": reference,
    }
    if isinstance(error, RequestInvalidError):
        body["errors"] = [
            {"field": name, "code": code, "message": texts.text(language, f"problem.{code}", field=name)}
            for name, code in error.problems.items()
        ]
    if isinstance(error, OrderConflictError):
        body["differences"] = list(error.differences)
    if isinstance(error, SettingsIncompleteError):
        body["settings"] = list(error.names)
    return responses.problem(body, status)


def _places(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
