"""The first leg: who is signed in, and whether their tenant may be this customer's. Nothing is bound here."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from association.acceptance import ask_acceptance
from association.changes import change, changed
from association.errors import (
    AccountChangedError,
    BoundToAnotherError,
    DomainUnknownError,
    GuestUnexpectedError,
    LimitReachedError,
    SignInRefusedError,
    StorageUnavailableError,
)
from association.facts import AcceptedBy, Change, Facts, Record
from association.hints import add_hints
from association.identity import Identity
from association.legs import Departure, begin_sign_in, require_same_link
from association.limits import require_within_limit
from association.microsoft_errors import MicrosoftRefusedError
from association.partition import Event, Person
from association.ports import Ports
from association.prerequisites import GLOBAL_ADMINISTRATOR
from association.public_mail import PUBLIC_MAIL_DOMAINS
from association.rows import ANY_ORGANISATION, Flow, Leg
from association.session import Session, sessions_from
from association.trouble import raise_trouble

# A DNS name (RFC 1035 §2.3.4) of two labels at least; discovery tells whether it is anybody's.
DOMAIN = re.compile(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", re.ASCII)


async def leave_for_sign_in(
    ports: Ports, record: Record, session: Session | None = None, domain: str = ""
) -> Departure:
    """Begin the sign-in and note that somebody left for Microsoft.

    `domain` is what a guest typed: a domain of the organisation that invited them. Whoever leaves from a
    `session` changes accounts, which ends it, and its copies with it (rule S9). Raises DomainUnknownError
    when no organisation has the domain, LimitReachedError, MicrosoftUnavailableError.
    """
    await require_within_limit(ports, "sign_in", record.facts.association_id)
    authority = await _invited_by(ports, domain) if domain else ANY_ORGANISATION
    departure = await begin_sign_in(ports, record, authority)
    await note_departure(ports, record, Leg.SIGN_IN, ends_sessions=session is not None)
    return departure


async def note_departure(
    ports: Ports,
    record: Record,
    leg: Leg,
    *,
    ends_sessions: bool = False,
    after: MicrosoftRefusedError | None = None,
) -> Record:
    """Note when the browser left, so that silence can be seen: a person held by Microsoft never returns.

    `after` is the answer that the departure follows by itself.
    """
    now = ports.now()

    def decide(current: Record) -> Change:
        event = Event(
            what="left_for_microsoft",
            at=now,
            # nobody knows who presses the link's button, except who is signed in already
            actor=0 if leg is Leg.SIGN_IN and not ends_sessions else current.facts.account,
            old=after.answer if after else "",
            new=leg,
            correlation_id=after.correlation_id if after else "",
        )
        facts = current.facts
        live_from = sessions_from(facts, now) if ends_sessions else facts.sessions_from
        return changed(current, event, left_at=now, left_leg=leg, sessions_from=live_from)

    return await change(ports, record.facts.association_id, decide, record)


async def note_return(ports: Ports, association_id: str) -> Record:
    """Note that the browser is back, whatever it brought: nobody is waited for at Microsoft's any more."""

    def decide(current: Record) -> Change | None:
        if current.facts.left_at is None:
            return None
        leg = current.facts.left_leg
        actor = 0 if leg == Leg.SIGN_IN else current.facts.account
        event = Event(what="returned", at=ports.now(), actor=actor, old=leg)
        return changed(current, event, left_at=None, left_leg="")

    return await change(ports, association_id, decide)


async def complete_sign_in(
    ports: Ports, flow: Flow, answer: Mapping[str, str], read: Record | None = None
) -> tuple[Record, Session]:
    """Redeem the code, note who signed in, and open a session.

    `answer` is the callback's query, `read` the record if the caller has it already. Raises
    SignInRefusedError when Microsoft sent an error, IdTokenInvalidError, LinkRevokedError,
    GuestUnexpectedError, BoundToAnotherError, MicrosoftRefusedError or MicrosoftUnavailableError.
    """
    if "error" in answer:
        refusal = ports.entra.refusal(answer)
        await _note_refusal(ports, flow, refusal)
        raise_trouble(refusal)
        raise SignInRefusedError(str(refusal), answer=refusal.answer) from refusal
    identity = await ports.entra.redeem(flow.authority, flow.msal, answer)
    if flow.authority not in (ANY_ORGANISATION, identity.tenant_id):
        raise AccountChangedError(f"association_id={flow.association_id} leg=sign_in")
    record = read or await ports.associations.read(flow.association_id)
    accepted = record is not None and await _is_expected(ports, record, identity)
    began_at = ports.now()
    record = await _note_sign_in(ports, flow, identity, accepted, record)
    # support finds them without, by all the rest; the next sign-in or order writes it again
    with suppress(StorageUnavailableError):
        await add_hints(ports, record, [record.person(record.facts.account)])
    if not accepted and identity.is_guest and not is_accepted(record.facts, identity):
        raise GuestUnexpectedError(f"association_id={flow.association_id} tenant_id={identity.tenant_id}")
    session = open_session(ports, record, identity, began_at)
    if not is_accepted(record.facts, identity):
        # whoever signs in again and again gets a page that offers a code, and no more mails
        with suppress(LimitReachedError):
            record = await ask_acceptance(ports, record, session)
    return record, session


def is_accepted(facts: Facts, identity: Identity) -> bool:
    """Whether this identity's tenant may be the customer's: by domain, by support, by code for members."""
    refused = (AcceptedBy.NOBODY, AcceptedBy.CODE) if identity.is_guest else (AcceptedBy.NOBODY,)
    return facts.tenant_id == identity.tenant_id and facts.accepted_by not in refused


def open_session(ports: Ports, record: Record, identity: Identity, began_at: datetime) -> Session:
    """A session of its own for each sign-in. `began_at` is before anything was noted of it: what ends
    sessions meanwhile ends this one too.
    """
    return Session(
        session_id=ports.new_id(),
        association_id=record.facts.association_id,
        tenant_id=identity.tenant_id,
        object_id=identity.object_id,
        account=record.facts.account,
        generation=record.facts.generation,
        link_number=record.facts.link_number,
        started_at=began_at,
        seen_at=began_at,
    )


def known_person(record: Record, identity: Identity) -> Person:
    """The person row of this identity: the one it had, or the next."""
    for person in record.people.values():
        if person.username == identity.username and person.username:
            return person
    return Person(number=record.next_person(), name=identity.name, username=identity.username)


async def _invited_by(ports: Ports, domain: str) -> str:
    """The tenant that a guest means. Nothing of the order's own organisation is told: they type it."""
    wanted = domain.strip().rpartition("@")[2].rstrip(".").lower()
    tenant_id = await ports.entra.tenant_of_domain(wanted) if DOMAIN.fullmatch(wanted) else ""
    if not tenant_id:
        raise DomainUnknownError
    return tenant_id


async def _is_expected(ports: Ports, record: Record, identity: Identity) -> bool:
    """Whether the recorded address's domain is one of the signed-in tenant, by OpenID discovery."""
    domain = record.person(record.facts.administrator).email.rpartition("@")[2].lower()
    if not domain or domain in PUBLIC_MAIL_DOMAINS:
        return False
    return await ports.entra.tenant_of_domain(domain) == identity.tenant_id


async def _note_refusal(ports: Ports, flow: Flow, refusal: MicrosoftRefusedError) -> None:
    now = ports.now()

    def decide(record: Record) -> Change:
        event = Event(
            what="sign_in_refused",
            at=now,
            by="microsoft",
            new=refusal.answer,
            correlation_id=refusal.correlation_id,
        )
        return changed(record, event, left_at=None, left_leg="")

    await change(ports, flow.association_id, decide)


async def _note_sign_in(
    ports: Ports, flow: Flow, identity: Identity, expected: bool, read: Record | None
) -> Record:
    def decide(record: Record) -> Change:
        facts = record.facts
        require_same_link(flow, facts)
        if facts.is_bound and facts.bound_tenant_id != identity.tenant_id:
            # A bound association is not disturbed by whoever else holds its link.
            raise BoundToAnotherError(f"association_id={facts.association_id}")
        person = known_person(record, identity)
        event = Event(what="signed_in", at=ports.now(), actor=person.number, new=identity.tenant_id)
        noted = changed(record, event, **_signed_in(facts, identity, person, expected, ports))
        return replace(noted, people=(person,))

    return await change(ports, flow.association_id, decide, read)


def _signed_in(
    facts: Facts, identity: Identity, person: Person, expected: bool, ports: Ports
) -> dict[str, object]:
    now = ports.now()
    noted: dict[str, object] = {
        "left_at": None,
        "left_leg": "",
        "signed_in_at": now,
        "tenant_id": identity.tenant_id,
        "object_id": identity.object_id,
        "account": person.number,
        "is_guest": identity.is_guest,
        "is_administrator_hint": GLOBAL_ADMINISTRATOR in identity.role_template_ids,
    }
    if facts.tenant_id != identity.tenant_id:
        # What another tenant consented to or was accepted for says nothing about this one.
        noted |= {
            "accepted_by": AcceptedBy.NOBODY,
            "accepted_at": None,
            "consented_at": None,
            "consent_refused_at": None,
            "consent_refusal": "",
            "access_proven_at": None,
            "access_lost_at": None,
            "access_unread_at": None,
            "access_refused_at": None,
            "access_refusal": "",
            "conflict_at": None,
        }
    if expected and not (is_accepted(facts, identity) and facts.accepted_by is not AcceptedBy.DOMAIN):
        # what support or a code has accepted needs no domain, which the next check might not find
        noted |= {"accepted_by": AcceptedBy.DOMAIN, "accepted_at": now}
    return noted
