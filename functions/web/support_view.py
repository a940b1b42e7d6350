"""An association as support sees it, in JSON: everything that is known, and what is missing.

Names and addresses stand here, and nowhere else in JSON. docs/openapi.yaml describes every field.
"""

from typing import Any

from association.facts import Facts, Record
from association.further_applications import FurtherApplication
from association.grants import grant_of, standing
from association.links import is_link_live
from association.missing import missing
from association.partition import Binding, Check, Event, Mail, Order, Person
from association.ports import Ports
from association.progress import current_checks
from association.share import share_state
from functions.web.answers import in_words, reason_in_words
from functions.web.views import association_view, time_text, where_stands

NEWEST_EVENTS = 20
NEWEST_FAILURES = 5
# The events that tell what an answer of Microsoft's came to, by the field that does; a look, where it was one
# that kept it from being made.
ANSWER_IN_NEW = ("sign_in_refused", "consent_refused", "application_refused", "looked")
ANSWER_IN_OLD = ("failed", "left_for_microsoft", "consent_returned", "access_missing")


def support_view(record: Record, ports: Ports, language: str = "fr") -> dict[str, Any]:
    """What support gets on top of what OCTAVE gets; what is in words, in `language`."""
    facts = record.facts
    return {
        **association_view(record, ports),
        "missing": list(missing(ports, record)),
        "closed_at": time_text(facts.closed_at),
        "conflict_at": time_text(facts.conflict_at),
        "partner": {
            "number": facts.partner_number,
            "name": facts.partner_name,
            "email": record.person(facts.partner_contact).email,
        },
        "administrator_email": record.person(facts.administrator).email,
        "account": record.person(facts.account).username,
        "people": [_person(person) for person in record.people.values()],
        "tenant_id": facts.present_tenant_id,
        "bound_at": time_text(facts.bound_at),
        "generation": facts.generation,
        "bindings": [_binding(binding) for binding in record.bindings.values()],
        "link": _link(facts, ports),
        "share": _share(facts, ports),
        "sign_in": _sign_in(facts),
        "accepted_by": facts.accepted_by,
        "accepted_at": time_text(facts.accepted_at),
        "consent": _consent(facts, language),
        "steps": [
            {"step": item.step, "state": item.state, "at": time_text(item.at)}
            for item in where_stands(record, ports).steps
        ],
        "checks": [_check(check) for check in current_checks(record)],
        "applications": [_application(record, each, ports, language) for each in ports.settings.applications],
        "orders": [_order(order) for order in record.orders.values()],
        "mails": [_mail(mail, language) for mail in record.outbox.values()],
        "events": [_event(event, language) for event in newest(record.events)],
    }


def newest(events: tuple[Event, ...]) -> list[Event]:
    """The newest events, newest first. Failures, of which a stranger may cause many, hide no others; of the
    background's looks, which are counted, only the newest stands here.
    """
    failures = [event for event in events if event.what == "failed"][-NEWEST_FAILURES:]
    looks = [event for event in events if event.what == "looked"][-1:]
    others = [event for event in events if event.what not in ("failed", "looked")]
    kept = (*others[len(looks) - NEWEST_EVENTS :], *looks, *failures)
    return sorted(kept, key=lambda event: event.version, reverse=True)


def _person(person: Person) -> dict[str, Any]:
    return {
        "number": person.number,
        "name": person.name,
        "email": person.email,
        "username": person.username,
    }


def _binding(binding: Binding) -> dict[str, Any]:
    return {
        "generation": binding.generation,
        "tenant_id": binding.tenant_id,
        "organisation": binding.organisation,
        "person": binding.person,
        "at": time_text(binding.at),
    }


def _link(facts: Facts, ports: Ports) -> dict[str, Any]:
    if is_link_live(ports, facts):
        state = "open"
    elif not facts.link_number:
        state = "none"
    else:
        state = "revoked" if facts.link_revoked_at else "ended"
    return {
        "number": facts.link_number,
        "state": state,
        "issued_at": time_text(facts.link_issued_at),
        "expires_at": time_text(facts.link_expires_at),
        "revoked_at": time_text(facts.link_revoked_at),
    }


def _share(facts: Facts, ports: Ports) -> dict[str, Any]:
    return {
        "number": facts.share_number,
        "state": share_state(facts, ports.keys, ports.now()) if facts.share_number else "none",
        "expires_at": time_text(facts.share_expires_at),
        "revoked_at": time_text(facts.share_revoked_at),
    }


def _sign_in(facts: Facts) -> dict[str, Any]:
    return {
        "at": time_text(facts.signed_in_at),
        "person": facts.account,
        "is_guest": facts.is_guest,
        "is_administrator_hint": facts.is_administrator_hint,
        "left_at": time_text(facts.left_at),
        "left_leg": facts.left_leg,
    }


def _consent(facts: Facts, language: str) -> dict[str, Any]:
    return {
        "consented_at": time_text(facts.consented_at),
        "refused_at": time_text(facts.consent_refused_at),
        "refusal": facts.consent_refusal,
        "refusal_in_words": in_words(facts.consent_refusal, language),
        "access_proven_at": time_text(facts.access_proven_at),
        "access_lost_at": time_text(facts.access_lost_at),
        "access_refused_at": time_text(facts.access_refused_at),
        "access_refusal": facts.access_refusal,
        "access_refusal_in_words": in_words(facts.access_refusal, language),
        "looks": facts.looks,
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "check": check.key,
        "result": check.result,
        "cause": check.cause,
        "evidence": check.evidence,
        "at": time_text(check.at),
        "until": time_text(check.until),
    }


def _application(
    record: Record, application: FurtherApplication, ports: Ports, language: str
) -> dict[str, Any]:
    grant = grant_of(record, application)
    return {
        "key": application.key,
        "name": application.name[language],
        "standing": standing(record, application, ports.now()),
        "missing_roles": grant.missing.split() if grant else sorted(application.roles),
        "consented_at": time_text(grant.consented_at) if grant else None,
        "refused_at": time_text(grant.refused_at) if grant else None,
        "refusal": grant.refusal if grant else "",
        "refusal_in_words": in_words(grant.refusal, language) if grant else "",
        "looks": grant.looks if grant else 0,
        "proven_at": time_text(grant.proven_at) if grant else None,
        "waived_at": time_text(grant.waived_at) if grant else None,
        "at": time_text(grant.at) if grant else None,
    }


def _order(order: Order) -> dict[str, Any]:
    return {"order_number": order.order_number, "model": order.model, "missing": list(order.missing)}


def _mail(mail: Mail, language: str) -> dict[str, Any]:
    return {
        "key": mail.key,
        "status": mail.status,
        "attempts": mail.attempts,
        "sent_at": time_text(mail.sent_at),
        "reason": mail.reason,
        "reason_in_words": reason_in_words(mail.reason, language),
    }


def _event(event: Event, language: str) -> dict[str, Any]:
    return {
        "at": time_text(event.at),
        "what": event.what,
        "actor": event.actor,
        "by": event.by,
        "old": event.old,
        "new": event.new,
        "correlation_id": event.correlation_id,
        "reference": event.reference,
        "answer_in_words": in_words(_answer(event), language),
    }


def _answer(event: Event) -> str:
    """What Microsoft's answer came to that the event tells of; "" where it tells of none."""
    if event.what in ANSWER_IN_NEW and event.by == "microsoft":
        return event.new
    return event.old if event.what in ANSWER_IN_OLD else ""
