"""What a storm has to come to, and what is found when it is over: the rows as they are stored, the mails as
they were accepted, the workers' own notes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from association.keys import Keys
from tests.storm.attempts import Sendings

Row = Mapping[str, Any]
Partition = Mapping[str, Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What one customer's order has to come to. Without a tenant only the invitation has to be sent.

    `applications` are the keys of the further applications that the tenant has to have granted.
    """

    order_number: str
    customer_number: str
    administrator: str
    partner: str
    tenant_id: str = ""
    applications: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is found: associations by id, claims by key, flows, every row about links; the hints as
    the product's reader finds them by address, and how many there are altogether; counts by the digest of
    what is counted; mails as the mailbox tells them; what the workers wrote down, by Message-ID; faults of
    the mail server by recipient; how many tasks were given up; how many acceptances went unheard. `keys` are
    the product's own.
    """

    keys: Keys
    associations: Mapping[str, Partition]
    claims: Mapping[str, Row] = field(default_factory=dict)
    flows: Iterable[Row] = ()
    links: Iterable[Row] = ()
    hints: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hint_rows: int = 0
    limits: Mapping[str, int] = field(default_factory=Counter)
    mails: Iterable[Mapping[str, Any]] = ()
    sendings: Mapping[str, Sendings] = field(default_factory=dict)
    mail_faults: Mapping[str, int] = field(default_factory=Counter)
    poisoned: int = 0
    unheard: int = 0


def rows_of(rows: Partition, kind: str) -> list[Row]:
    """The rows of a kind (`event`, `outbox`) in the order of their keys."""
    return [rows[key] for key in sorted(rows) if key.startswith(f"{kind}.")]


def events(rows: Partition) -> list[Row]:
    """The history, in the order of its versions."""
    return sorted(rows_of(rows, "event"), key=lambda event: int(event["version"]))


def held(found: Evidence) -> Iterator[tuple[str, Row, Partition]]:
    """Every association: its id, its facts, all of its rows."""
    for identifier, rows in found.associations.items():
        yield identifier, rows.get("facts", {}), rows
