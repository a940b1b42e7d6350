"""Values for the storage tests: fixed ones with little in them, and hypothesis strategies for any."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from association.facts import Facts
from association.partition import Binding, Check, Event, Mail, Order, Person
from association.rows import Claim, Flow, Leg, Link

NOW = datetime(2026, 11, 20, 10, 42, 0, 123456, tzinfo=UTC)
STORED_TYPES = (Facts, Person, Order, Check, Binding, Mail, Event, Claim, Link, Flow)


def facts(association_id: str) -> Facts:
    """The facts of an association that has just been created."""
    return Facts(
        association_id=association_id,
        reference="K7QF-2MPD",
        created_at=NOW,
        language="fr",
        customer_number="C-1",
        company_name="Boulangerie Dupont",
        partner_number="P-1",
        partner_name="Partenaire",
    )


def flow(state_hash: str) -> Flow:
    """An open sign-in flow that expires in ten minutes."""
    return Flow(
        state_hash=state_hash,
        association_id="a" * 32,
        leg=Leg.SIGN_IN,
        browser="b" * 64,
        expires_at=NOW + timedelta(minutes=10),
        link_number=1,
        msal={"code_verifier": "v", "scope": ["openid"]},
    )


def texts() -> st.SearchStrategy[str]:
    """Any text that UTF-8 can carry."""
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def values(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Any `cls`, every field filled by its type hint; an ETag, which is not stored, stays empty."""
    hints = get_type_hints(cls)
    names = [item.name for item in fields(cls) if item.name != "etag"]
    return st.builds(cls, **{name: _of(hints[name]) for name in names})


def _of(hint: Any) -> st.SearchStrategy[Any]:
    if isinstance(hint, UnionType):
        return st.one_of(*(_of(part) for part in get_args(hint)))
    if get_origin(hint) is dict:
        return st.dictionaries(texts(), st.none() | st.integers() | texts() | st.lists(texts()), max_size=3)
    if issubclass(hint, StrEnum):
        return st.sampled_from(list(hint))
    simple = {
        str: texts(),
        int: st.integers(-(2**63), 2**63 - 1),
        bool: st.booleans(),
        datetime: st.datetimes(datetime(1602, 1, 1), datetime(9998, 1, 1), timezones=_zones()),  # noqa: DTZ001 - hypothesis wants naive bounds
        type(None): st.none(),
    }
    return simple[hint]


def _zones() -> st.SearchStrategy[timezone]:
    return st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))
