"""What is right after a storm, held against the rows as they are stored and the mails as they were accepted.

It reads nothing through the product: rows are plain properties under their keys.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from adapters.storage.row_keys import escape
from tests.storm.attempts import Sendings

Row = Mapping[str, Any]
Partition = Mapping[str, Row]
# The event that each kind of trip to Microsoft may leave once.
TRIPS = {
    "sign_in": ("signed_in", "sign_in_refused"),
    "consent": ("consent_returned", "consent_refused"),
    "confirm": ("checked",),
    "application": ("application_returned", "application_refused"),
}
# Word to whoever waited for Microsoft and has gone; who is slow gets one, who is quick doesn't.
ON_THE_WAY = ("ready", "late")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What one customer's order has to come to. Without a tenant only the invitation has to be sent."""

    order_number: str
    customer_number: str
    tenant_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is found: associations by id, claims by key, flows; mails as the mailbox tells them; what the
    workers wrote down, by Message-ID; how many tasks were given up; how many acceptances went unheard.
    """

    associations: Mapping[str, Partition]
    claims: Mapping[str, Row] = field(default_factory=dict)
    flows: Iterable[Row] = ()
    mails: Iterable[Mapping[str, Any]] = ()
    sendings: Mapping[str, Sendings] = field(default_factory=dict)
    poisoned: int = 0
    unheard: int = 0


def judge(wanted: Iterable[Wanted], found: Evidence) -> list[str]:
    """Everything that is wrong, in words; nothing when nothing was lost or doubled."""
    expected = list(wanted)
    wrong = [*_orders(expected, found), *_bindings(expected, found), *_histories(found), *_trips(found)]
    wrong += [*_outboxes(found), *_mails(found)]
    if found.poisoned:
        wrong.append(f"{found.poisoned} tasks were given up")
    return wrong


def _orders(wanted: list[Wanted], found: Evidence) -> Iterator[str]:
    """Each order is one row of one association, which owns the claims of order, customer and reference."""
    owners: dict[str, list[str]] = defaultdict(list)
    for identifier, rows in found.associations.items():
        if "facts" not in rows:
            yield f"association {identifier} has rows and no facts"
        for row in (row for key, row in rows.items() if key.startswith("order.")):
            owners[row["order_number"]].append(identifier)
    for one in wanted:
        holders = owners.pop(one.order_number, [])
        if len(holders) == 1:
            yield from _owned(one, holders[0], found)
        else:
            yield f"order {one.order_number} is in {len(holders)} associations"
    yield from (f"order {number} was handed in by nobody" for number in owners)


def _owned(one: Wanted, identifier: str, found: Evidence) -> Iterator[str]:
    facts = found.associations[identifier].get("facts", {})
    if facts.get("customer_number") != one.customer_number:
        yield f"order {one.order_number} is another customer's"
    for kind, value in (
        ("order", one.order_number),
        ("customer", one.customer_number),
        ("reference", facts.get("reference", "")),
    ):
        claim = found.claims.get(f"{escape(kind)}.{escape(value)}")
        if claim is None or claim["association_id"] != identifier:
            yield f"the {kind} of order {one.order_number} is not claimed by its association"


def _bindings(wanted: list[Wanted], found: Evidence) -> Iterator[str]:
    """Each tenant is bound once, to its own customer, under its claim; and there is no other claim."""
    tenants = {one.customer_number: one.tenant_id for one in wanted}
    claimed = {
        key.removeprefix("tenant."): claim for key, claim in found.claims.items() if key.startswith("tenant.")
    }
    bound: Counter[str] = Counter()
    for identifier, rows in found.associations.items():
        facts = rows.get("facts", {})
        number = facts.get("customer_number", "")
        made = [row for key, row in rows.items() if key.startswith("binding.")]
        expected = 1 if tenants.get(number) else 0
        events = _events(rows).count("bound")
        if (len(made), facts.get("generation"), events) != (expected, expected, expected):
            yield f"customer {number} has {len(made)} bindings, {events} told, {facts.get('generation')}"
        for binding in made:
            bound[binding["tenant_id"]] += 1
            if not binding["tenant_id"] == facts.get("bound_tenant_id") == tenants.get(number):
                yield f"customer {number} is bound to another tenant"
            claim = claimed.pop(escape(binding["tenant_id"]), None)
            if claim is None or (claim["association_id"], claim["generation"]) != (identifier, 1):
                yield f"customer {number}: its binding has no claim of its own"
    yield from (f"tenant {tenant} is bound {times} times" for tenant, times in bound.items() if times > 1)
    yield from (f"tenant {tenant} is claimed without a binding" for tenant in claimed)


def _histories(found: Evidence) -> Iterator[str]:
    """The versions of the events are 1, 2, 3 and so on, up to the facts' own."""
    for identifier, rows in found.associations.items():
        versions = sorted(row["version"] for key, row in rows.items() if key.startswith("event."))
        if versions != list(range(1, rows.get("facts", {}).get("version", 0) + 1)):
            yield f"association {identifier} has a history with gaps: {versions}"


def _trips(found: Evidence) -> Iterator[str]:
    """A trip to Microsoft is consumed once: no more of its events than trips that were consumed."""
    consumed: Counter[tuple[str, str]] = Counter(
        (flow["association_id"], flow["leg"]) for flow in found.flows if flow["status"] != "open"
    )
    for identifier, rows in found.associations.items():
        events = _events(rows)
        for leg, names in TRIPS.items():
            returned = sum(events.count(name) for name in names)
            if returned > consumed[identifier, leg]:
                yield f"association {identifier}: {returned} of {consumed[identifier, leg]} {leg} trips back"


def _outboxes(found: Evidence) -> Iterator[str]:
    """Every mail is sent, and noted so once; or it is given up with a reason, noted once as well."""
    for identifier, rows in found.associations.items():
        noted = Counter(
            (row["what"], row.get("old", ""))
            for key, row in rows.items()
            if key.startswith("event.") and row["what"] in ("mail_sent", "mail_failed")
        )
        mails = {row["key"]: row for key, row in rows.items() if key.startswith("outbox.")}
        expected = {"invitation-1", *(["associated-1"] if rows.get("facts", {}).get("generation") else [])}
        if {key for key, mail in mails.items() if mail["kind"] not in ON_THE_WAY} != expected:
            yield f"association {identifier} has the mails {sorted(mails)}"
        for key, mail in mails.items():
            times = noted[f"mail_{mail['status']}", key]
            if mail["status"] not in ("sent", "failed") or times != 1:
                yield f"mail {key} of {identifier} is {mail['status']}, noted {times} times"
            if mail["status"] == "failed" and not mail.get("reason"):
                yield f"mail {key} of {identifier} failed and nobody knows why"


def _mails(found: Evidence) -> Iterator[str]:
    """A sent mail was accepted, and again only where nobody could note it."""
    accepted = Counter(mail["message_id"] for mail in found.mails)
    known = {}
    for identifier, rows in found.associations.items():
        for key, row in rows.items():
            if key.startswith("outbox."):
                known[f"{identifier}.{quote(row['key'], safe='')}"] = row
    spoken_for = {message_id: message_id.strip("<>").rpartition("@")[0] for message_id in accepted}
    yield from (f"nobody's mail: {mail}" for mail, name in spoken_for.items() if name not in known)
    lost = {name for name, row in known.items() if row["status"] == "sent"} - set(spoken_for.values())
    yield from (f"mail {name} is noted as sent and was never accepted" for name in lost)
    unheard = 0
    for message_id, times in accepted.items():
        sent = found.sendings.get(message_id, Sendings())
        unheard += max(times - sent.clean - sent.cut_off, 0)
        if sent.clean > 1 or times > sent.clean + sent.cut_off + sent.unheard:
            yield f"mail {message_id} was accepted {times} times: {sent}"
    if unheard > found.unheard:
        yield f"{unheard} mails were accepted without their worker's knowledge, {found.unheard} faults say so"


def _events(rows: Partition) -> list[str]:
    return [str(row["what"]) for key, row in rows.items() if key.startswith("event.")]
