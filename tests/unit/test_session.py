"""The signed-in session: when it has ended, and whom it is about."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from association.session import IDLE, LONGEST, Session, is_about, is_live
from tests.memory import NOW, OTHER_PERSON, OTHER_TENANT, PERSON, TENANT
from tests.storage_values import facts as new_facts

FACTS = replace(new_facts("a" * 32), tenant_id=TENANT, object_id=PERSON, link_number=2, generation=1)
SESSION = Session(
    session_id="s",
    association_id="a" * 32,
    tenant_id=TENANT,
    object_id=PERSON,
    account=3,
    generation=1,
    link_number=2,
    started_at=NOW - timedelta(hours=1),
    seen_at=NOW,
)


def test_a_session_lives() -> None:
    assert is_live(SESSION, FACTS, NOW)


@pytest.mark.parametrize(
    ("session", "facts"),
    [
        pytest.param({"association_id": "b" * 32}, {}, id="another association's"),
        pytest.param({"seen_at": NOW - IDLE - timedelta(seconds=1)}, {}, id="idle"),
        pytest.param({"started_at": NOW - LONGEST - timedelta(seconds=1)}, {}, id="too long"),
        pytest.param({"generation": 0}, {}, id="a new binding"),
        pytest.param({"link_number": 1}, {}, id="another link"),
        pytest.param({}, {"link_revoked_at": NOW}, id="link revoked"),
        pytest.param({}, {"sessions_from": NOW}, id="signed out since"),
    ],
)
def test_a_session_ends(session: dict[str, Any], facts: dict[str, Any]) -> None:
    assert not is_live(replace(SESSION, **session), replace(FACTS, **facts), NOW)


@pytest.mark.parametrize(
    ("session", "facts"),
    [
        pytest.param({"seen_at": NOW - IDLE}, {}, id="idle for 30 minutes"),
        pytest.param({"started_at": NOW - LONGEST}, {}, id="8 hours"),
        pytest.param({}, {"sessions_from": SESSION.started_at}, id="begun at the very moment"),
        pytest.param({}, {"link_expires_at": NOW - timedelta(days=1)}, id="the link ended by time"),
    ],
)
def test_up_to_its_limits_a_session_lives(session: dict[str, Any], facts: dict[str, Any]) -> None:
    assert is_live(replace(SESSION, **session), replace(FACTS, **facts), NOW)


@pytest.mark.parametrize("facts", [{"tenant_id": OTHER_TENANT}, {"object_id": OTHER_PERSON}])
def test_a_session_is_about_one_person_in_one_tenant(facts: dict[str, str]) -> None:
    assert is_about(SESSION, FACTS)
    assert not is_about(SESSION, replace(FACTS, **facts))  # type: ignore[arg-type] # both fields are texts
