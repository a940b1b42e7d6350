"""Errors into answers: the one page (or RFC 9457 problem) policy, the deadline, and the failure's reference.

Which HTTP status goes with which code is decided here and nowhere else. An exception's own text reaches
nobody: not the page, and of unforeseen ones not even the log, since it may hold an address with its query.
"""

import asyncio
import functools
import logging
import time
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import azure.functions as func

from association.errors import (
    AssociationError,
    OrderConflictError,
    RequestInvalidError,
    SettingsIncompleteError,
)
from association.keys import reference_of
from association.microsoft_errors import MicrosoftUnavailableError
from functions import services
from functions.web import responses
from functions.web.again import refreshes_after, seconds_to_wait, texts_of, values_of
from functions.web.browser import end_sessions
from functions.web.failures import concerned, note_failure
from functions.web.language import language_for, of_order, switch, switched
from functions.web.next_step import AS_NOBODY, NEW_LINK, next_step

log = logging.getLogger(__name__)

DEADLINE_SECONDS = 20
# Calls outside end before the request does, so that the answer can say which of them took the time.
TO_ANSWER_SECONDS = 1
STATUS = {
    "settings_incomplete": 503,
    "page_unknown": 404,
    "link_unknown": 404,
    "link_expired": 410,
    "link_revoked": 410,
    "order_closed": 410,
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
    "domain_unknown": 400,
    "guest_unexpected": 403,
    "bound_to_another": 403,
    "limit_reached": 429,
    "code_wrong": 403,
    "code_ended": 403,
    "administrator_needed": 403,
    "checks_missing": 409,
    "not_bound": 409,
    "portal_unavailable": 503,
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
Handler = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]


def pages(handler: Handler) -> Handler:
    """Wrap a handler whose failures are pages, and whose addresses take the language switch."""

    @functools.wraps(handler)
    async def page(req: func.HttpRequest) -> func.HttpResponse:
        return switched(req) or await handler(req)

    return _bounded(page, _error_page)


def link_pages(handler: Handler) -> Handler:
    """As `pages`, for the address of a mailed link: whoever comes there begins as nobody. So where it opens
    nothing, no session stays in the browser: it may be of the person before, and whose link it was meant to
    be isn't known.
    """
    wrapped = pages(handler)

    @functools.wraps(handler)
    async def page(req: func.HttpRequest) -> func.HttpResponse:
        response, settings = await wrapped(req), services.settings_or_none()
        return end_sessions(req, response, settings) if response.status_code >= 400 and settings else response

    return page


def json_api(handler: Handler) -> Handler:
    """Wrap a handler whose failures are problems in JSON (RFC 9457)."""
    return _bounded(handler, _problem)


def language_of(req: func.HttpRequest) -> str:
    """The language to answer in where no association is known (rule U1)."""
    return language_for(req)


def _bounded(
    handler: Handler, answer: Callable[[func.HttpRequest, AssociationError, str], func.HttpResponse]
) -> Handler:
    @functools.wraps(handler)
    async def bounded(req: func.HttpRequest) -> func.HttpResponse:
        concerned.set("")
        of_order.set("")
        ends = time.monotonic() + DEADLINE_SECONDS
        try:
            with services.within(DEADLINE_SECONDS - TO_ANSWER_SECONDS):
                async with asyncio.timeout(DEADLINE_SECONDS):
                    return await handler(req)
        except AssociationError as error:
            failure = error
        except TimeoutError:
            failure = MicrosoftUnavailableError("reason=deadline")
        except Exception as error:  # noqa: BLE001 - the one place where everything ends as an answer
            log.error("unexpected kind=%s at=%s", type(error).__name__, _places(error))  # noqa: TRY400
            failure = AssociationError("unexpected")
        reference = await _told(failure, ends - time.monotonic())
        return _again_later(answer(req, failure, reference), failure)

    return bounded


def _again_later(response: func.HttpResponse, error: AssociationError) -> func.HttpResponse:
    """With Retry-After (RFC 9110 §10.2.3), where a time is known after which trying again may help."""
    if seconds := seconds_to_wait(error):
        response.headers["Retry-After"] = str(seconds)
    return response


async def _told(error: AssociationError, seconds: float) -> str:
    """Give the failure its reference, and note it in the log and, where one is concerned, the history."""
    reference = reference_of(services.random_seed())
    log.warning("failed code=%s reference=%s %s", error.code, reference, error.detail)
    if concerned.get():
        await note_failure(concerned.get(), error, reference, seconds)
    return reference


def _error_page(req: func.HttpRequest, error: AssociationError, reference: str) -> func.HttpResponse:
    settings, status = services.settings_or_none(), STATUS.get(error.code, 500)
    button, language = next_step(req, error, status, reference), language_for(req)
    # the switch leads past the button, so not to a page that the button opens as nobody only
    own = button["href"] if button and button["href"].startswith("/") else NEW_LINK
    own = NEW_LINK if AS_NOBODY in own else own
    html = services.rendering().page(
        "error",
        language,
        company_name="",
        reference=reference,
        support_phone=settings.support_phone if settings else "",
        support_email=settings.support_email if settings else "",
        switch=switch(req, language, own.partition("?")[0]),
        code=error.code,
        values=values_of(error),
        button=button,
        refresh_seconds=refreshes_after(req, error, status),
    )
    return responses.page(html, settings, status)


def _problem(req: func.HttpRequest, error: AssociationError, reference: str) -> func.HttpResponse:
    texts, language = services.rendering(), language_of(req)
    status, values = STATUS.get(error.code, 500), values_of(error)
    body: dict[str, Any] = {
        "type": f"urn:sage:association:{error.code}",
        "title": texts.text(language, f"error.{error.code}.title", **error.values),
        "status": status,
        "detail": " ".join(texts.text(language, key, **values) for key in texts_of(error, values)),
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
