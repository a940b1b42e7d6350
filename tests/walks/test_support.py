"""What Sage support asks: found by anything a caller can read out, explained, and a new link sent."""

from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.walks.browser import tells
from tests.walks.people import Person
from tests.walks.test_link import failure, sent
from tests.walks.test_orders import problem
from tests.walks.world import Customer, World, until

SEARCH = "/support/associations/search"


@dataclass
class Known:
    """A bound association: its order with the answer, and its tenant."""

    customer: Customer
    order: dict[str, Any]
    tenant_id: str
    link: str

    def key(self, name: str) -> str:
        if name == "tenant_id":
            return self.tenant_id
        return str(self.order[name])


@pytest.fixture(scope="module")
def known(world: World) -> Known:
    """One for all tests that only read."""
    customer = world.customer("menuiserie-lambert")
    partner = {**customer.order["partner"], "email": f"partenaire@{customer.tenant}.example"}
    order = world.orders(customer, partner=partner)
    link = world.link(order)
    Person(world, customer.account).walks_to_the_end(link)
    return Known(customer, order, str(world.tenant(customer.tenant)["tenant_id"]), link)


def found(answer: requests.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    associations: list[dict[str, Any]] = answer.json()["associations"]
    return associations


KEYS = ("association_id", "tenant_id", "order_number", "customer_number", "reference")


@pytest.mark.parametrize("name", KEYS)
def test_an_association_is_found_by_each_key_in_the_query_and_in_the_body(
    world: World, known: Known, name: str
) -> None:
    (by_query,) = found(world.get("/support/associations", **{name: known.key(name)}))
    (by_body,) = found(world.post(SEARCH, {name: known.key(name)}))
    assert by_query["association_id"] == by_body["association_id"] == known.order["association_id"]


def test_an_association_is_found_by_the_administrators_and_the_partners_address(
    world: World, known: Known
) -> None:
    administrator, partner = known.order["administrator_email"], known.order["partner"]["email"]
    for email in (administrator, administrator.upper(), partner):
        (one,) = found(world.post(SEARCH, {"email": email}))
        assert one["association_id"] == known.order["association_id"]


def test_a_reference_is_found_as_somebody_reads_it_out(world: World, known: Known) -> None:
    spoken = known.order["reference"].lower().replace("-", " ").replace("0", "o").replace("1", "l")
    (one,) = found(world.get("/support/associations", reference=spoken))
    assert one["association_id"] == known.order["association_id"]


def test_the_reference_of_a_failures_page_finds_its_association(world: World, known: Known) -> None:
    elsewhere = world.customer("vignobles-chastel")
    other = Person(world, elsewhere.account)
    stopped = failure(other.signs_in(other.opens(known.link)), 403, "bound_to_another")
    (one,) = found(world.get("/support/associations", reference=stopped.failure_reference))
    assert one["association_id"] == known.order["association_id"]
    (event,) = [event for event in one["events"] if event["reference"] == stopped.failure_reference]
    assert (event["what"], event["new"]) == ("failed", "bound_to_another")


def test_a_visitor_without_a_session_who_is_stopped_leaves_a_trace_that_support_finds(
    world: World, known: Known
) -> None:
    visitor = Person(world, "")
    page = visitor.opens(known.link)
    stopped = failure(visitor.browser.open(f"{page.url}/sage-contact.xml"), 403, "session_missing")
    (one,) = found(world.get("/support/associations", reference=stopped.failure_reference))
    assert one["association_id"] == known.order["association_id"]


def test_a_stranger_who_is_stopped_writes_into_nobodys_history(world: World, known: Known) -> None:
    before = until(lambda: sent(world, known.order), "the mails noted as sent")["events"]
    stopped = failure(
        Person(world, "").opens(f"{world.host}/a/{known.order['reference']}"), 403, "visit_missing"
    )
    assert found(world.get("/support/associations", reference=stopped.failure_reference)) == []
    assert world.support(association_id=known.order["association_id"])["events"] == before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("association_id", "0" * 32),
        ("association_id", "un identifiant"),
        ("association_id", "a/b"),
        ("association_id", "é" * 32),
        ("tenant_id", "00000000-0000-4000-8000-000000000000"),
        ("order_number", "CMD-never"),
        ("customer_number", "C-never"),
        ("reference", "0000-0000"),
        ("reference", "not a reference"),
    ],
)
def test_what_nobody_knows_is_an_empty_list(world: World, name: str, value: str) -> None:
    assert found(world.get("/support/associations", **{name: value})) == []
    assert found(world.post(SEARCH, {name: value})) == []


def test_an_address_that_nobody_has_is_an_empty_list(world: World) -> None:
    assert found(world.post(SEARCH, {"email": "personne@nulle-part.example"})) == []


@pytest.mark.parametrize("name", [*KEYS, "email"])
def test_half_a_character_is_an_empty_list(world: World, name: str) -> None:
    assert found(world.post(SEARCH, {name: "\ud800"})) == []


def test_an_id_is_found_in_upper_case(world: World, known: Known) -> None:
    (one,) = found(world.get("/support/associations", association_id=known.order["association_id"].upper()))
    assert one["association_id"] == known.order["association_id"]


def test_everybody_of_a_second_order_is_found(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    first = world.orders(customer)
    partner = {"number": "P-2", "name": "Autre", "email": f"autre@{customer.tenant}.example"}
    second = world.orders(customer, order_number=f"{first['order_number']}-B", partner=partner)
    assert second["association_id"] == first["association_id"]
    (one,) = found(world.post(SEARCH, {"email": partner["email"]}))
    assert one["association_id"] == first["association_id"]


def test_exactly_one_key_is_asked_for(world: World, known: Known) -> None:
    none = problem(world.get("/support/associations"), 400, "request_invalid")
    assert {error["code"] for error in none["errors"]} == {"exactly_one"}
    assert {error["field"] for error in none["errors"]} == set(KEYS)
    two = {name: known.key(name) for name in ("order_number", "reference")}
    for answer in (world.get("/support/associations", **two), world.post(SEARCH, two)):
        assert problem(answer, 400, "request_invalid")["errors"][0]["code"] == "exactly_one"


def test_an_address_in_the_query_is_refused_without_an_answer(world: World, known: Known) -> None:
    answer = world.get("/support/associations", email=known.order["administrator_email"])
    body = problem(answer, 400, "request_invalid")
    assert [(error["field"], error["code"]) for error in body["errors"]] == [("email", "unknown_field")]
    assert "@" not in answer.text


def test_support_sees_the_facts_the_step_and_what_happened(world: World, known: Known) -> None:
    one = world.support(order_number=known.order["order_number"])
    assert (one["step"], one["state"], one["cause"], one["who"]) == ("done", "done", "", "nobody")
    assert one["since"] == one["bound_at"]
    assert one["tenant_id"] == known.tenant_id
    assert one["partner"] == known.order["partner"]
    assert one["administrator_email"] == known.order["administrator_email"]
    assert one["account"] == known.customer.account
    assert {step["step"]: step["state"] for step in one["steps"]} == dict.fromkeys(
        ("identification", "authorisation", "prerequisites", "applications", "done"), "done"
    )
    assert {check["check"]: check["result"] for check in one["checks"]} == dict.fromkeys(
        ("administrator", "premium", "subscription"), "ok"
    )
    assert one["link"]["number"] == 1


def test_the_events_tell_the_journey_newest_first_and_hold_no_address(world: World, known: Known) -> None:
    events = world.support(order_number=known.order["order_number"])["events"]
    told = [event["what"] for event in reversed(events)]
    journey = ["order_received", "signed_in", "consent_returned", "checked", "bound"]
    assert [what for what in told if what in journey] == journey
    assert [event["at"] for event in events] == sorted((event["at"] for event in events), reverse=True)
    assert "@" not in str(events)


def test_a_new_link_is_sent_with_a_reason_and_stands_in_the_history(world: World) -> None:
    order = world.orders(world.customer("menuiserie-lambert"))
    old = world.link(order)
    answer = world.post(
        f"/support/associations/{order['association_id']}/renew-link", {"reason": " lien égaré "}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["link"]["number"] == 2
    new = world.link_after(order, old)
    assert Person(world, "").opens(new).status == 200
    events = world.support(order_number=order["order_number"])["events"]
    (renewed,) = [event for event in events if event["what"] == "link_renewed"]
    assert (renewed["by"], renewed["new"]) == ("support", "lien égaré")


@pytest.mark.parametrize(
    ("reason", "code"), [({}, "missing"), ({"reason": "  "}, "missing"), ({"reason": "x" * 501}, "too_long")]
)
def test_a_new_link_needs_a_reason(world: World, known: Known, reason: dict[str, str], code: str) -> None:
    answer = world.post(f"/support/associations/{known.order['association_id']}/renew-link", reason)
    body = problem(answer, 400, "request_invalid")
    assert [(error["field"], error["code"]) for error in body["errors"]] == [("reason", code)]
    assert world.support(order_number=known.order["order_number"])["link"]["number"] == 1


def test_no_link_is_renewed_for_an_incomplete_order(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    order = world.orders(customer, administrator_email="")
    path = f"/support/associations/{order['association_id']}/renew-link"
    body = problem(world.post(path, {"reason": "demandé"}), 400, "request_invalid")
    assert body["errors"][0]["field"] == "administrator_email"


def test_a_new_link_of_an_unknown_association_is_not_found(world: World) -> None:
    answer = world.post(f"/support/associations/{'0' * 32}/renew-link", {"reason": "essai"})
    problem(answer, 404, "association_unknown")


@pytest.mark.parametrize(
    "name", ["un%20identifiant", "%C3%A9t%C3%A9", "a%2Fb", "0" * 31, "personne@exemple.fr"]
)
@pytest.mark.parametrize("call", ["renew-link", "release-tenant", "close", "erase-person"])
def test_what_can_be_no_association_is_not_found(world: World, name: str, call: str) -> None:
    own: dict[str, dict[str, Any]] = {"release-tenant": {"tenant_id": "x"}, "erase-person": {"person": 1}}
    body = {"reason": "essai", **own.get(call, {})}
    answer = world.post(f"/support/associations/{name}/{call}", body)
    assert answer.status_code == 404, answer.text
    if "%2F" not in name:  # for the host a path of more parts, so a page
        problem(answer, 404, "association_unknown")
    assert "personne@" not in world.logged()


def test_a_share_link_is_not_renewed_before_the_association_is_done(world: World) -> None:
    order = world.orders(world.customer("menuiserie-lambert"))
    path = f"/support/associations/{order['association_id']}/renew-link"
    problem(world.post(path, {"reason": "essai", "link": "share"}), 409, "not_bound")


@pytest.mark.parametrize("kind", ["", "Share", "partage", None, 1, ["share"]])
def test_only_the_two_kinds_of_link_can_be_renewed(world: World, known: Known, kind: Any) -> None:
    path = f"/support/associations/{known.order['association_id']}/renew-link"
    body = problem(world.post(path, {"reason": "essai", "link": kind}), 400, "request_invalid")
    assert [(error["field"], error["code"]) for error in body["errors"]] == [("link", "link_unknown_kind")]
    assert "association" in body["errors"][0]["message"]
    assert world.support(order_number=known.order["order_number"])["link"]["number"] == 1


def test_the_association_link_can_be_asked_for_by_name(world: World) -> None:
    order = world.orders(world.customer("menuiserie-lambert"))
    path = f"/support/associations/{order['association_id']}/renew-link"
    answer = world.post(path, {"reason": "perdu", "link": "association"})
    assert (answer.status_code, answer.json()["link"]["number"]) == (200, 2)


def calls(known: Known) -> list[tuple[str, str]]:
    return [
        ("GET", f"/support/associations?reference={known.order['reference']}"),
        ("POST", SEARCH),
        ("POST", f"/support/associations/{known.order['association_id']}/renew-link"),
        ("POST", "/orders"),
        ("GET", "/health/details"),
    ]


def test_without_the_key_nothing_is_answered(world: World, known: Known) -> None:
    for method, path in calls(known):
        for headers in ({}, {"x-functions-key": "wrong"}):
            answer = requests.request(method, world.host + path, json={}, headers=headers, timeout=10)
            assert answer.status_code == 401, path
            assert known.order["association_id"] not in answer.text


def test_a_key_in_the_query_is_refused(world: World, known: Known) -> None:
    key = world.settings["Host"]["FunctionKey"]
    for method, path in calls(known):
        address = f"{world.host}{path}{'&' if '?' in path else '?'}code={key}"
        for headers in ({}, world.key):
            answer = requests.request(method, address, json={}, headers=headers, timeout=10)
            assert answer.status_code == 401, path
            assert key not in answer.text


# One tenant, two customers


def told_of_conflict(world: World, first: dict[str, Any], second: dict[str, Any]) -> bool:
    texts = [mail["text"] for mail in world.mails("assistance@sage.example", second["company_name"])]
    return any(
        tells(text, "mail.conflict.other") and first["reference"] in text and second["reference"] in text
        for text in texts
    )


def test_a_tenant_of_another_customer_is_a_conflict_and_nothing_moves(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    first = world.orders(customer)
    Person(world, customer.account).walks_to_the_end(world.link(first))
    before = until(lambda: sent(world, first), "the mails noted as sent")

    second = world.orders(
        customer, order_number=f"{first['order_number']}-B", customer_number=f"{first['customer_number']}-B"
    )
    assert second["association_id"] != first["association_id"]
    person = Person(world, customer.account)
    page = person.walks_to_the_end(world.link(second))
    assert page.is_headed("conflict.title")
    assert until(lambda: told_of_conflict(world, first, second), "support is told with both references")
    for part in ("found", "nothing_done", "why", "who"):
        assert page.says(f"conflict.{part}")
    assert second["reference"] in page.words
    assert first["reference"] not in page.words
    assert page.offers("button.write_support")
    assert person.browser.open(f"{page.url}/sage-contact.xml").status == 409

    now = world.support(order_number=second["order_number"])
    assert (now["cause"], now["state"], now["who"]) == ("tenant_bound_elsewhere", "blocked", "support")
    assert (now["bound_at"], now["generation"]) == (None, 0)
    after = world.support(tenant_id=before["tenant_id"])
    assert (after["association_id"], after["bound_at"], after["events"]) == (
        first["association_id"],
        before["bound_at"],
        before["events"],
    )
    assert sorted(mail["key"].partition("-")[0] for mail in now["mails"]) == ["conflict", "invitation"]
