"""An association in JSON, for those who ask with a key: facts, derived step, cause, newest events."""

from datetime import datetime
from typing import Any

from association.facts import Record
from association.partition import Check, Event, Mail, Order
from association.ports import Ports
from association.progress import current_checks, progress
from association.steps import Progress

NEWEST_EVENTS = 20


def where_stands(record: Record, ports: Ports) -> Progress:
    """The record's progress now, with the further applications of the settings."""
    return progress(record, ports.now(), ports.settings.applications)


def association_view(record: Record, ports: Ports) -> dict[str, Any]:
    """What OCTAVE and support both get: who it is and where it stands."""
    facts, where = record.facts, where_stands(record, ports)
    return {
        "association_id": facts.association_id,
        "reference": facts.reference,
        "customer_number": facts.customer_number,
        "company_name": facts.company_name,
        "step": where.step,
        "state": where.state,
        "cause": where.cause,
        "who": where.who,
        "since": _time(where.since),
    }


def support_view(record: Record, ports: Ports) -> dict[str, Any]:
    """What support gets on top of it. Addresses stand here, and nowhere else in JSON."""
    facts = record.facts
    return {
        **association_view(record, ports),
        "partner": {
            "number": facts.partner_number,
            "name": facts.partner_name,
            "email": record.person(facts.partner_contact).email,
        },
        "administrator_email": record.person(facts.administrator).email,
        "account": record.person(facts.account).username,
        "tenant_id": facts.bound_tenant_id or facts.tenant_id,
        "bound_at": _time(facts.bound_at),
        "generation": facts.generation,
        "accepted_by": facts.accepted_by,
        "link": {
            "number": facts.link_number,
            "issued_at": _time(facts.link_issued_at),
            "expires_at": _time(facts.link_expires_at),
        },
        "share": {"number": facts.share_number, "expires_at": _time(facts.share_expires_at)},
        "steps": [
            {"step": item.step, "state": item.state, "at": _time(item.at)}
            for item in where_stands(record, ports).steps
        ],
        "checks": [_check(check) for check in current_checks(record)],
        "orders": [_order(order) for order in record.orders.values()],
        "mails": [_mail(mail) for mail in record.outbox.values()],
        "events": [_event(event) for event in reversed(record.events[-NEWEST_EVENTS:])],
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "check": check.key,
        "result": check.result,
        "cause": check.cause,
        "evidence": check.evidence,
        "at": _time(check.at),
    }


def _order(order: Order) -> dict[str, Any]:
    return {"order_number": order.order_number, "model": order.model, "missing": list(order.missing)}


def _mail(mail: Mail) -> dict[str, Any]:
    return {
        "key": mail.key,
        "status": mail.status,
        "attempts": mail.attempts,
        "sent_at": _time(mail.sent_at),
        "reason": mail.reason,
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "at": _time(event.at),
        "what": event.what,
        "actor": event.actor,
        "by": event.by,
        "old": event.old,
        "new": event.new,
        "correlation_id": event.correlation_id,
        "reference": event.reference,
    }


def _time(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z") if at else None
