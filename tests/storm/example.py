"""What a storm leaves of one journey that went well, after one repeat of a mail whose worker was killed: for
the judge's tests, which break it in every way.
"""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.storage.row_keys import digest
from association.keys import Keys, token_hash
from association.partition import Prerequisite
from association.settings import SigningKey
from tests.storm.attempts import Sendings
from tests.storm.found import Evidence, Wanted
from tests.storm.judge import judge

KEYS = Keys((SigningKey("k1", b"k" * 32),))
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
ADMINISTRATOR, PARTNER = "admin@client.example", "p@partner.example"
WANTED = Wanted(
    order_number="O-1",
    customer_number="C-1",
    administrator=ADMINISTRATOR,
    partner=PARTNER,
    tenant_id="t1",
    applications=("contact",),
)
INVITATION, CONFIRMATION = "<a1.invitation-1@x>", "<a1.associated-1@x>"
HISTORY = (
    {"what": "order_received", "new": "O-1"},
    {"what": "mail_sent", "old": "invitation-1"},
    {"what": "left_for_microsoft", "new": "sign_in"},
    {"what": "signed_in", "new": "t1"},
    {"what": "consent_returned", "new": "access_awaited"},
    {"what": "access_proven", "new": "t1"},
    {"what": "checked"},
    {"what": "application_returned", "old": "contact", "new": "awaited"},
    {"what": "application_proven", "new": "contact"},
    {"what": "checked"},
    {"what": "bound", "new": "t1"},
    {"what": "mail_sent", "old": "associated-1"},
)
TRIPS = ("sign_in", "consent", "confirm", "application", "confirm")
Found = dict[str, Any]
Break = Callable[[Found], Any]


def verdict(broken: Break = lambda _: None) -> list[str]:
    """What the judge says of the example, broken like that."""
    place = found()
    broken(place)
    return judge([WANTED], Evidence(**place))


def found() -> Found:
    """The fields of the Evidence."""
    return {
        "keys": KEYS,
        "associations": {"a1": _rows()},
        "claims": _claims(),
        "flows": [trip(leg, at) for leg, at in zip(TRIPS, (4, 5, 7, 8, 10), strict=True)],
        "links": _links("association") + _links("share"),
        "hints": {ADMINISTRATOR: ("a1",), PARTNER: ("a1",)},
        "hint_rows": 2,
        "limits": Counter({digest("post.a1"): 3, digest("sign_in.a1"): 1}),
        "mails": [{"message_id": text} for text in (INVITATION, INVITATION, CONFIRMATION)],
        "sendings": {INVITATION: Sendings(clean=1, cut_off=1), CONFIRMATION: Sendings(clean=1)},
        "mail_faults": Counter(),
    }


def rows(place: Found) -> dict[str, Any]:
    """The rows of the one association."""
    return place["associations"]["a1"]  # type: ignore[no-any-return]


def tell(place: Found, **event: Any) -> None:
    """Add an event to the history, and count it in the facts."""
    version = rows(place)["facts"]["version"] + 1
    rows(place)["facts"]["version"] = version
    rows(place)[f"event.{version:010}"] = _event(version, event)


def trip(leg: str, version: int, *, status: str = "done", is_open: bool | None = None) -> dict[str, Any]:
    """A trip that was taken a moment before the event of that version; some trips open a session."""
    session = {"session": {"started_at": _at(version).timestamp() - 0.5}}
    opens = leg in ("sign_in", "confirm") if is_open is None else is_open
    return {
        **{"association_id": "a1", "leg": leg, "status": status, "application": "contact"},
        "consuming_since": _at(version) - timedelta(seconds=0.5),
        "outcome": json.dumps(session if opens else {}),
    }


def _at(version: int) -> datetime:
    return NOW + timedelta(seconds=10 * version)


def _event(version: int, event: dict[str, Any]) -> dict[str, Any]:
    return {"old": "", "new": "", "by": "", "at": _at(version), "version": version, **event}


def _rows() -> dict[str, Any]:
    own = {"tenant_id": "t1", "object_id": "o1"}
    mail = {"person": 1, "status": "sent"}
    return {
        **{f"event.{number:010}": _event(number, event) for number, event in enumerate(HISTORY, 1)},
        **{f"check.{key}": {"key": str(key), "result": "ok", **own} for key in Prerequisite},
        "facts": {
            **{"customer_number": "C-1", "reference": "R1", "version": len(HISTORY)},
            **{"administrator": 1, "partner_contact": 2, "account": 3},
            **{"generation": 1, "bound_tenant_id": "t1", "link_number": 1, "share_number": 1},
        },
        "app.contact.t1": {"key": "contact", "tenant_id": "t1", "proven_at": NOW, "missing": ""},
        "order.O-1": {"order_number": "O-1"},
        "binding.1": own,
        "outbox.invitation-1": {"key": "invitation-1", "kind": "invitation", **mail},
        "outbox.associated-1": {"key": "associated-1", "kind": "associated", **mail},
        "person.1": {"number": 1, "email": ADMINISTRATOR, "username": ""},
        "person.2": {"number": 2, "email": PARTNER, "username": ""},
        "person.3": {"number": 3, "email": "", "username": ADMINISTRATOR},
    }


def _claims() -> dict[str, Any]:
    owner = {"association_id": "a1", "generation": 0}
    claims = {key: dict(owner) for key in ("order.O-1", "customer.C-1", "reference.R1", "reference.F9")}
    return {**claims, "tenant.t1": {**owner, "generation": 1}}


def _links(purpose: str) -> list[dict[str, Any]]:
    name = f"a1.{purpose}.1"
    hashed = token_hash(KEYS.link_token("k1", name))
    link = {"PartitionKey": hashed, "RowKey": "link", "link_id": name, "association_id": "a1"}
    return [{**link, "expires_at": NOW}, {"PartitionKey": "ends-20261120", "RowKey": hashed}]
