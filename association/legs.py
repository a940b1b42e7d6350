"""Trips of the browser to Microsoft: begun once, bound to the browser, finished once (rule S2).

`state` is 43 random base64url characters, stored as a hash; the flow's cookie holds another secret, so
that neither alone opens anything. A callback that comes twice is shown its outcome again.
"""

import re
from dataclasses import replace
from datetime import timedelta
from hmac import compare_digest

from association.dataclass import dataclass
from association.errors import (
    BrowserUnknownError,
    FlowBusyError,
    FlowExpiredError,
    LinkRevokedError,
    SessionMissingError,
    StateUnknownError,
)
from association.facts import Facts, Record
from association.further_applications import FurtherApplication
from association.keys import token_hash
from association.ports import Ports
from association.rows import ANY_ORGANISATION, Flow, FlowStatus, Leg

LIFETIME = timedelta(minutes=15)
STATE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Departure:
    """Where to send the browser, and the secret that its flow cookie must hold until it is back."""

    uri: str
    state: str
    browser_secret: str


async def begin_sign_in(ports: Ports, record: Record, authority: str = ANY_ORGANISATION) -> Departure:
    """Begin the first leg: any work account, chosen by hand, no hint of the recorded address.

    `authority` is the tenant (GUID) whose guest is to sign in, if it is one.
    """
    return await _begin(ports, record, Leg.SIGN_IN, tenant=authority)


async def begin_consent(
    ports: Ports,
    record: Record,
    person: tuple[str, str],
    application: FurtherApplication | None = None,
    *,
    is_retry: bool = False,
) -> Departure:
    """Begin the admin consent of the tenant of `person` (tenant and object id): to ours, or to a further
    `application`. `is_retry` marks the one that follows by itself where Microsoft wasn't ready.
    """
    state = ports.token()
    uri = ports.entra.consent_uri(person[0], state, application.client_id if application else "")
    departure = Departure(uri, state, ports.token())
    leg = Leg.APPLICATION if application else Leg.CONSENT
    flow = replace(
        _flow(ports, record, leg, departure, person),
        application=application.key if application else "",
        is_retry=is_retry,
    )
    await ports.flows.begin(flow)
    return departure


async def begin_confirm(
    ports: Ports, record: Record, tenant_id: str, object_id: str, username: str, *, silent: bool
) -> Departure:
    """Begin the leg that shows the person again, after consent, with a token for their own facts."""
    return await _begin(
        ports,
        record,
        Leg.CONFIRM,
        tenant=tenant_id,
        person=(tenant_id, object_id),
        login_hint=username,
        silent=silent,
    )


def read_state(text: str) -> str:
    """The `state` in `text`; Microsoft has been seen to append page text, so what follows is ignored.

    Raises StateUnknownError.
    """
    found = STATE.match(text)
    if not found:
        raise StateUnknownError
    return found.group()


def flow_cookie_name(state: str) -> str:
    """The name of the cookie that binds the flow of `state` to its browser: one per flow."""
    return f"flow-{token_hash(state)[:16]}"


async def arrive(ports: Ports, state: str, browser_secret: str, legs: tuple[Leg, ...]) -> Flow:
    """The flow of a callback.

    Raises StateUnknownError or BrowserUnknownError.
    """
    flow = await ports.flows.find(token_hash(state))
    if flow is None or flow.leg not in legs:
        raise StateUnknownError
    if not compare_digest(flow.browser, token_hash(browser_secret)):
        raise BrowserUnknownError(f"association_id={flow.association_id}")
    return flow


def require_in_time(ports: Ports, flow: Flow) -> None:
    """Raises FlowExpiredError when the leg took too long."""
    if flow.expires_at <= ports.now():
        raise FlowExpiredError(f"association_id={flow.association_id}")


async def take(ports: Ports, flow: Flow) -> Flow:
    """Consume the flow: one caller of many gets it. Raises FlowBusyError to the others."""
    if flow.status is not FlowStatus.OPEN:
        raise FlowBusyError(f"association_id={flow.association_id}")
    return await ports.flows.consume(flow, ports.now())


def require_same_link(flow: Flow, facts: Facts) -> None:
    """No session comes of a leg that was begun through a link since replaced or revoked (rule S9).

    Raises LinkRevokedError.
    """
    if flow.link_number != facts.link_number or facts.link_revoked_at:
        raise LinkRevokedError(f"association_id={facts.association_id}")


def is_theirs(flow: Flow, facts: Facts) -> bool:
    """Whether the person that the leg was begun for is still the one signed in, in the same tenant."""
    return (flow.tenant_id, flow.object_id) == (facts.tenant_id, facts.object_id)


def require_same_sign_in(flow: Flow, facts: Facts) -> None:
    """No session comes of a leg that was begun in a session since ended by sign-out or change of account.

    Raises SessionMissingError.
    """
    if facts.sessions_from and flow.expires_at - LIFETIME < facts.sessions_from:
        raise SessionMissingError(f"association_id={facts.association_id}")


async def _begin(
    ports: Ports,
    record: Record,
    leg: Leg,
    *,
    tenant: str,
    person: tuple[str, str] = ("", ""),
    login_hint: str = "",
    silent: bool = False,
) -> Departure:
    state = ports.token()
    msal = await ports.entra.begin(tenant, leg, state=state, login_hint=login_hint, silent=silent)
    departure = Departure(str(msal["auth_uri"]), state, ports.token())
    flow = replace(
        _flow(ports, record, leg, departure, person),
        authority=tenant,
        is_silent=silent,
        # the state and the address would be plain in storage; they aren't needed to redeem the code
        msal={name: value for name, value in msal.items() if name not in ("auth_uri", "state")},
    )
    await ports.flows.begin(flow)
    return departure


def _flow(ports: Ports, record: Record, leg: Leg, departure: Departure, person: tuple[str, str]) -> Flow:
    return Flow(
        state_hash=token_hash(departure.state),
        association_id=record.facts.association_id,
        leg=leg,
        browser=token_hash(departure.browser_secret),
        expires_at=ports.now() + LIFETIME,
        link_number=record.facts.link_number,
        tenant_id=person[0],
        object_id=person[1],
    )
