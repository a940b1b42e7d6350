"""The page of the further applications: how they are called, what is promised to whoever waits at it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from association.partition import Grant
from functions.services import rendering
from functions.web.pages import show_applications
from functions.web.support_view import support_view
from functions.web.visitor import Visitor
from tests.memory import NOW, ROLES, TENANT, Memory, bound, expects, person_facts, tenant_facts
from tests.unit.test_applications import LISTED, checked


def scripted(listed: list[dict[str, Any]]) -> Memory:
    made = expects(Memory(FURTHER_APPLICATIONS=json.dumps(listed)))
    made.entra.roles, made.graph.tenant, made.graph.person = ROLES, tenant_facts(), person_facts()
    return made


@pytest.fixture
def memory() -> Memory:
    return scripted(LISTED[:1])


@pytest.mark.parametrize("language", ["fr", "en"])
async def test_an_application_is_called_by_its_name_in_the_readers_language(language: str) -> None:
    names = {"fr": "Sage pour Power Apps", "en": "Sage for Power Apps"}
    memory = scripted([{**LISTED[0], "name": names}])
    record, session = await checked(memory)
    shown = show_applications(Visitor(memory.ports, record, session, None, language, ""))
    found = [name for name in names if names[name] in shown.get_body().decode()]
    assert found == [language]
    support = support_view(record, memory.ports, language)["applications"]
    assert [each["name"] for each in support] == [names[language]]


@pytest.mark.parametrize("is_bound", [False, True])
async def test_a_mail_is_promised_to_nobody_who_gets_none(memory: Memory, is_bound: bool) -> None:
    """Once associated, a late application is told of by its page alone."""
    record, session = await (bound(memory) if is_bound else checked(memory))
    awaited = Grant(key="contact", tenant_id=TENANT, at=NOW, consented_at=NOW)
    record = replace(record, grants={("contact", TENANT): awaited})
    shown = show_applications(Visitor(memory.ports, record, session, None, "fr", "")).get_body().decode()
    assert rendering().text("fr", "applications.awaited") in shown
    assert (rendering().text("fr", "applications.awaited.close") in shown) is not is_bound


async def test_a_mail_is_promised_to_nobody_where_nobody_is_recorded(memory: Memory) -> None:
    record, session = await checked(memory)
    awaited = Grant(key="contact", tenant_id=TENANT, at=NOW, consented_at=NOW)
    facts = replace(record.facts, administrator=0)
    record = replace(record, facts=facts, grants={("contact", TENANT): awaited})
    shown = show_applications(Visitor(memory.ports, record, session, None, "fr", "")).get_body().decode()
    assert rendering().text("fr", "applications.awaited.close") not in shown
    assert rendering().text("fr", "verifying.close.no_address") in shown
