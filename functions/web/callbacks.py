"""Microsoft's redirects back to us: the guard that consumes the flow, and the way on (rules S1 to S3).

The order is fixed: state, browser, expiry, one consumer; only then is anything of the answer looked at.
A callback that comes twice goes where the first one went.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import azure.functions as func

from association.applications import complete_application
from association.consent import complete_consent
from association.errors import AssociationError, FlowBusyError
from association.facts import Record
from association.grants import missing_applications
from association.keys import reference_of
from association.legs import (
    Departure,
    arrive,
    flow_cookie_name,
    is_theirs,
    read_state,
    require_in_time,
    require_same_sign_in,
    take,
)
from association.ports import Ports
from association.retry import ask_again
from association.rows import Flow, FlowStatus, Leg
from association.session import Session, from_plain, is_live, to_plain
from association.sign_in import complete_sign_in, note_return, open_session
from association.verify import complete_confirm, confirm
from functions.web import responses
from functions.web.browser import (
    FLOW_COOKIE_SECONDS,
    VISIT_LASTS,
    cookies,
    query,
    read_session,
    read_visits,
    set_session,
)
from functions.web.failures import concerned
from functions.web.language import of_order

# What a completed leg came to: where to go, with which session, on which further leg.
Way = tuple[Session | None, Departure | None]


def depart(ports: Ports, departure: Departure) -> func.HttpResponse:
    """Send the browser to Microsoft, with the cookie that binds the flow to it."""
    response = responses.redirect(departure.uri, ports.settings)
    name = flow_cookie_name(departure.state)
    return responses.set_cookie(response, name, departure.browser_secret, FLOW_COOKIE_SECONDS, ports.settings)


async def signed_in(req: func.HttpRequest, ports: Ports) -> func.HttpResponse:
    """The sign-in callback: the first leg, or the confirming one."""
    return await _work(req, ports, (Leg.SIGN_IN, Leg.CONFIRM), _signed_in)


async def consented(req: func.HttpRequest, ports: Ports) -> func.HttpResponse:
    """The admin consent's callback."""
    return await _work(req, ports, (Leg.CONSENT, Leg.APPLICATION), _consented)


async def _signed_in(ports: Ports, flow: Flow, answer: dict[str, str], read: Record | None) -> Way:
    if flow.leg is Leg.SIGN_IN:
        record, session = await complete_sign_in(ports, flow, answer, read)
        return session, None
    began_at = ports.now()
    came_to = await complete_confirm(ports, flow, answer, read)
    if isinstance(came_to, Departure):
        return None, came_to
    record, identity = came_to
    return open_session(ports, record, identity, began_at), None


async def _consented(ports: Ports, flow: Flow, answer: dict[str, str], record: Record | None) -> Way:
    once_more = await ask_again(ports, flow, answer, record)
    if once_more:
        return None, once_more
    if flow.leg is Leg.APPLICATION:
        return None, await _finishing(ports, flow, await complete_application(ports, flow, answer, record))
    noted = await complete_consent(ports, flow, answer, record)
    if noted.facts.access_proven_at is None or not is_theirs(flow, noted.facts):
        return None, None
    require_same_sign_in(flow, noted.facts)
    return None, await confirm(ports, noted, flow.tenant_id, flow.object_id)


async def _finishing(ports: Ports, flow: Flow, record: Record) -> Departure | None:
    """The person is shown again once the last application is there: that leg binds."""
    facts = record.facts
    if facts.is_bound or not is_theirs(flow, facts):
        return None
    if missing_applications(record, ports.settings.applications):
        return None
    require_same_sign_in(flow, facts)
    return await confirm(ports, record, flow.tenant_id, flow.object_id)


async def _work(
    req: func.HttpRequest,
    ports: Ports,
    legs: tuple[Leg, ...],
    complete: Callable[[Ports, Flow, dict[str, str], Record | None], Awaitable[Way]],
) -> func.HttpResponse:
    answer = query(req)
    state = read_state(answer.get("state", ""))
    flow = await arrive(ports, state, cookies(req).get(flow_cookie_name(state), ""), legs)
    concerned.set(flow.association_id)
    try:
        require_in_time(ports, flow)
        flow, record = await _take(ports, flow)
    except FlowBusyError:
        return await _again(req, ports, flow)
    except AssociationError:
        if flow.status is FlowStatus.OPEN:
            await _give_up(ports, flow)
        raise
    of_order.set(record.facts.language if record else "")
    try:
        session, onward = await complete(ports, flow, {**answer, "state": state}, record)
        await ports.flows.finish(flow, _outcome(session))
    except AssociationError:
        await _give_up(ports, flow)
        raise
    return _onward(ports, flow, session, onward)


async def _take(ports: Ports, flow: Flow) -> tuple[Flow, Record | None]:
    """Consume the flow while the record is read (rule P3); a flow whose record can't be read is finished."""
    taken, record = await asyncio.gather(
        take(ports, flow), ports.associations.read(flow.association_id), return_exceptions=True
    )
    if isinstance(taken, BaseException):
        raise taken
    if isinstance(record, BaseException):
        await _finish(ports, taken)
        raise record
    return taken, record


async def _give_up(ports: Ports, flow: Flow) -> None:
    """Whatever went wrong, the browser is back. Only of a flow that no other callback has in hand or had."""
    await _finish(ports, flow)
    with contextlib.suppress(AssociationError):
        await note_return(ports, flow.association_id)


async def _finish(ports: Ports, flow: Flow) -> None:
    if flow.status is FlowStatus.CONSUMING:
        with contextlib.suppress(AssociationError):
            await ports.flows.finish(flow, {})


def _onward(
    ports: Ports, flow: Flow, session: Session | None, departure: Departure | None
) -> func.HttpResponse:
    reference = reference_of(flow.association_id)
    page = f"/a/{reference}/applications" if flow.leg is Leg.APPLICATION else f"/a/{reference}"
    response = depart(ports, departure) if departure else responses.redirect(page, ports.settings)
    return set_session(response, ports, reference, session) if session else response


async def _again(req: func.HttpRequest, ports: Ports, flow: Flow) -> func.HttpResponse:
    """The same callback once more, from the same browser: its page, with the session that it had opened,
    unless that one has ended since, the browser holds a later one, or a mailed link has been opened in it
    since: by the next person, at a shared computer.
    """
    kept = flow.outcome.get("session")
    opened = from_plain(kept) if kept else None
    record = await ports.associations.read(flow.association_id) if opened else None
    if opened is None or record is None or not is_live(opened, record.facts, ports.now()):
        return _onward(ports, flow, None, None)
    later = _is_later_here(req, ports, record.facts.reference, opened)
    return _onward(ports, flow, None if later else opened, None)


def _is_later_here(req: func.HttpRequest, ports: Ports, reference: str, opened: Session) -> bool:
    """Whether this browser has begun anew, here or elsewhere, since the session `opened` began."""
    session = read_session(req, ports, reference)
    if session and session.started_at > opened.started_at:
        return True
    until = opened.started_at.timestamp() + VISIT_LASTS.total_seconds()
    return any(visit.until > until for visit in read_visits(req, ports))


def _outcome(session: Session | None) -> dict[str, Any]:
    return {"session": to_plain(session)} if session else {}
