"""Which page an association's visitor sees, and what fills it. One table; nothing is decided twice."""

from collections.abc import Callable
from typing import Any

import azure.functions as func

from association.acceptance import CODE_LIFETIME, is_code_live, tries_left
from association.answer import answer_named
from association.dataclass import dataclass
from association.organisation import organisation
from association.progress import current_checks, progress
from association.steps import Cause, Progress, Step
from functions import services
from functions.web import responses
from functions.web.answers import left
from functions.web.applications_page import fill_applications
from functions.web.browser import set_session
from functions.web.done_page import fill_done
from functions.web.passing_on import passing_on
from functions.web.visitor import Visitor

REFRESH_SECONDS = 5

Fill = Callable[[Visitor, Progress], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Guest:
    """The domain that a guest typed, kept on the page, and whether no organisation has it."""

    domain: str = ""
    is_unknown: bool = False


def show(
    visitor: Visitor,
    *,
    notice: str = "",
    code_problem: str = "",
    status: int = 200,
    page: tuple[str, Fill] | None = None,
    where: Progress | None = None,
    guest: Guest | None = None,
) -> func.HttpResponse:
    """The page of the association's present state, as far as this visitor may see it.

    `notice` (what was just done) is told by the link's page, `code_problem` by the page of the code; another
    page says what it is about itself; `guest` is what a guest typed. `page` is shown instead of the
    state's own; `where` is where the association stands, if the caller knows it already.
    """
    ports, facts = visitor.ports, visitor.facts
    where = where or progress(visitor.record, ports.now(), ports.settings.applications)
    name, fill = page or _page(visitor, where)
    values = {**_common(visitor, where), **fill(visitor, where)}
    values["guest"] = guest or Guest()
    if notice and name == "progress":
        values["notice"] = notice
    if name == "unexpected_tenant":
        values["code_problem"] = code_problem
    html = services.rendering().page(name, visitor.language, **values)
    response = responses.page(html, ports.settings, status)
    if visitor.session:
        set_session(response, ports, facts.reference, visitor.session)
    return response


def show_applications(visitor: Visitor) -> func.HttpResponse:
    """The page of the further applications, where they are next or, once associated, at any time."""
    ports = visitor.ports
    where = progress(visitor.record, ports.now(), ports.settings.applications)
    listed = visitor.facts.is_bound and ports.settings.applications
    if visitor.is_current and (listed or where.step is Step.APPLICATIONS):
        return show(visitor, page=("applications", fill_applications), where=where)
    return responses.redirect(visitor.path, ports.settings)


def _page(visitor: Visitor, where: Progress) -> tuple[str, Fill]:
    if not visitor.is_current:
        return "progress", _progress
    if where.cause is Cause.LEFT_FOR_MICROSOFT:
        return _LEFT[where.step]
    return _PAGES.get(where.cause, ("progress", _progress))


def _common(visitor: Visitor, where: Progress) -> dict[str, Any]:
    facts, settings, session = visitor.facts, visitor.ports.settings, visitor.session
    shown = session if visitor.is_current else None
    return {
        "company_name": facts.company_name,
        "reference": facts.reference,
        "support_phone": settings.support_phone,
        "support_email": settings.support_email,
        "steps": where.steps,
        "people": _people(visitor, where) if shown else {},
        "step": where.step,
        "cause": where.cause,
        "left": left(facts),
        "action": visitor.path,
        "form_token": visitor.form_token,
        "account": visitor.record.person(shown.account).username if shown else "",
        "organisation": organisation(visitor.record) if shown else "",
        "switch": visitor.switch,
        "passing_on": passing_on(visitor),
        "has_address": facts.has_address,
    }


def _people(visitor: Visitor, where: Progress) -> dict[int, str]:
    """The names of those who did a step, for whoever is signed in."""
    people = {item.by: visitor.record.person(item.by) for item in where.steps if item.by}
    return {number: person.name or person.username for number, person in people.items()}


def _progress(visitor: Visitor, where: Progress) -> dict[str, Any]:
    facts = visitor.facts
    notice = "account_changed" if visitor.session and not visitor.is_current else ""
    return {
        "partner_name": facts.partner_name,
        "link_ends": facts.link_expires_at,
        "since": where.since,
        "is_bound": facts.is_bound,
        "notice": notice,
    }


def _nothing(_: Visitor, __: Progress) -> dict[str, Any]:
    return {}


def _tenant(visitor: Visitor, where: Progress) -> dict[str, Any]:
    notices = {Cause.CONSENT_REFUSED: "refused", Cause.ACCESS_MISSING: "access_missing"}
    facts, is_missing = visitor.facts, where.cause is Cause.ACCESS_MISSING
    return {
        "tenant_id": facts.tenant_id,
        "notice": notices.get(where.cause, ""),
        "refusal": answer_named(facts.access_refusal if is_missing else facts.consent_refusal),
        "since": (facts.consented_at if is_missing else None) or where.since,
    }


def _unexpected(visitor: Visitor, _: Progress) -> dict[str, Any]:
    facts, session = visitor.facts, visitor.session
    return {
        "tenant_id": facts.tenant_id,
        "is_authorised": facts.consented_at is not None,
        "code_sent": session is not None and is_code_live(visitor.ports, facts, session),
        "code_minutes": int(CODE_LIFETIME.total_seconds() // 60),
        "tries_left": tries_left(facts),
    }


def _verifying(visitor: Visitor, where: Progress) -> dict[str, Any]:
    return {
        "since": where.since,
        "refresh_seconds": REFRESH_SECONDS,
        "unread_at": visitor.facts.access_unread_at,
        "refusal": answer_named(visitor.facts.access_refusal),
    }


def _checks(visitor: Visitor, _: Progress) -> dict[str, Any]:
    return {"checks": current_checks(visitor.record)}


_PAGES: dict[Cause, tuple[str, Fill]] = {
    Cause.TENANT_UNEXPECTED: ("unexpected_tenant", _unexpected),
    Cause.NOT_SEEN_AS_ADMINISTRATOR: ("not_administrator", _nothing),
    Cause.CONSENT_TO_GIVE: ("consent", _tenant),
    Cause.CONSENT_REFUSED: ("consent", _tenant),
    Cause.ACCESS_MISSING: ("consent", _tenant),
    Cause.ACCESS_AWAITED: ("verifying", _verifying),
    Cause.ACCESS_REFUSED: ("verifying", _verifying),
    Cause.CHECKS_TO_RUN: ("prerequisites", _checks),
    Cause.CHECKS_FAILED: ("prerequisites", _checks),
    Cause.CHECKS_UNKNOWN: ("prerequisites", _checks),
    Cause.APPLICATIONS_TO_CONSENT: ("applications", fill_applications),
    Cause.APPLICATIONS_REFUSED: ("applications", fill_applications),
    Cause.APPLICATIONS_AWAITED: ("applications", fill_applications),
    Cause.READY_TO_BIND: ("applications", fill_applications),
    Cause.TENANT_BOUND_ELSEWHERE: ("conflict", _nothing),
    Cause.NONE: ("done", fill_done),
}
# Back from Microsoft by the back button, still signed in: the step that was left is offered again.
_LEFT: dict[Step, tuple[str, Fill]] = {
    Step.IDENTIFICATION: ("progress", _progress),
    Step.AUTHORISATION: ("consent", _tenant),
    Step.PREREQUISITES: ("prerequisites", _checks),
    Step.APPLICATIONS: ("applications", fill_applications),
}
