"""Orders from OCTAVE: received once, refused with every reason at once, completed, joined."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest
import requests

from tests.walks.browser import CATALOGUES, tells
from tests.walks.world import World, until

# What is wrong with each of these fields of an order, all in one request.
BAD_ORDER: dict[str, Any] = {
    "order_number": "",
    "customer_number": "C-1;2",
    "company_name": "Voir www.ailleurs.example",
    "administrator_email": "personne",
    "mpn_id": "12",
    "partner": {"number": "P-1", "name": "P" * 121, "email": 5, "phone": "01"},
    "model": "DUX",
    "office365_users": 4,
    "azure_ad_users": 5,
    "subscription": "nowhere",
    "language": "de",
    "colour": "green",
}
PROBLEMS = {
    "order_number": "missing",
    "customer_number": "not_a_number",
    "company_name": "address_in_name",
    "administrator_email": "not_an_address",
    "mpn_id": "not_an_mpn_id",
    "partner.name": "too_long",
    "partner.email": "not_text",
    "partner.phone": "unknown_field",
    "model": "model_unknown",
    "azure_ad_users": "users_differ",
    "subscription": "subscription_unknown",
    "language": "language_unknown",
    "colour": "unknown_field",
}


def problem(answer: requests.Response, status: int, code: str) -> dict[str, Any]:
    """The body of an answer in the shape of RFC 9457."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["type"] == f"urn:sage:association:{code}"
    assert (body["status"], body["code"]) == (status, code)
    assert re.fullmatch(r"[0-9A-Z]{4}-[0-9A-Z]{4}", body["reference"])
    return body


def refused(world: World, body: Any, language: str = "fr-FR") -> dict[str, str]:
    """The fields that `POST /orders` refuses, each with its problem's code."""
    answer = world.post("/orders", body, **{"Accept-Language": language})
    found = problem(answer, 400, "request_invalid")
    return {error["field"]: error["code"] for error in found["errors"]}


def barrier(world: World) -> None:
    """Another customer's mail has come: whatever was due before it has been sent, too."""
    world.invites(world.customer("vignobles-chastel"))


def test_an_order_is_answered_with_the_association_that_it_made(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    made = world.post("/orders", customer.order)
    assert (made.status_code, made.headers["Content-Type"]) == (201, "application/json")
    body = made.json()
    assert re.fullmatch(r"[0-9a-f]{32}", body["association_id"])
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", body["reference"])
    for name in ("order_number", "customer_number", "company_name"):
        assert body[name] == customer.order[name]
    assert (body["step"], body["cause"], body["who"]) == ("identification", "not_started", "administrator")
    assert body["missing"] == []


def test_a_repeated_order_meets_itself_and_is_mailed_once(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    first, again = world.orders(customer), world.orders(customer)
    assert again == first
    world.link(first)
    assert world.orders(customer) == first
    barrier(world)
    assert len(world.mails(first["administrator_email"])) == 1
    found = world.support(order_number=first["order_number"])
    assert [(mail["key"], mail["status"], mail["attempts"]) for mail in found["mails"]] == [
        ("invitation-1", "sent", 1)
    ]


def test_fifty_concurrent_identical_orders_make_one_association_and_one_mail(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    with ThreadPoolExecutor(50) as callers:
        answers = list(callers.map(lambda _: world.post("/orders", customer.order), range(50)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["association_id"] for answer in answers}) == 1
    order = {**customer.order, **answers[0].json()}
    world.link(order)
    barrier(world)
    assert len(world.mails(order["administrator_email"])) == 1
    found = world.support(order_number=order["order_number"])
    assert len(found["mails"]) == len(found["orders"]) == 1
    assert [event["what"] for event in found["events"]].count("order_received") == 1


def test_a_conflicting_repeat_is_refused_with_the_differences_named(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    order = world.orders(customer)
    changed = {"company_name": "Menuiserie Lambert SA", "office365_users": 13, "azure_ad_users": 13}
    answer = world.post("/orders", {**customer.order, **changed})
    body = problem(answer, 409, "order_conflict")
    assert sorted(body["differences"]) == sorted(changed)
    assert tells(body["title"], "error.order_conflict.title")
    assert "Lambert" not in answer.text
    found = world.support(order_number=order["order_number"])
    assert found["company_name"] == order["company_name"]


def test_a_repeat_with_another_administrator_is_refused_without_telling_the_address(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    world.orders(customer)
    elsewhere = {**customer.order, "administrator_email": "autre@ailleurs.example"}
    answer = world.post("/orders", elsewhere)
    assert problem(answer, 409, "order_conflict")["differences"] == ["administrator_email"]
    assert "@" not in answer.text


def test_an_order_number_of_another_customer_is_refused(world: World) -> None:
    first, second = world.customer("menuiserie-lambert"), world.customer("vignobles-chastel")
    order = world.orders(first)
    answer = world.post("/orders", {**second.order, "order_number": order["order_number"]})
    assert problem(answer, 409, "order_conflict")["differences"] == ["customer_number"]
    assert world.support(order_number=order["order_number"])["association_id"] == order["association_id"]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_bad_field_is_named_at_once(world: World, language: str) -> None:
    answer = world.post("/orders", BAD_ORDER, **{"Accept-Language": language})
    body = problem(answer, 400, "request_invalid")
    assert body["title"] == CATALOGUES[language]["error.request_invalid.title"]
    assert {error["field"]: error["code"] for error in body["errors"]} == PROBLEMS
    for error in body["errors"]:
        wanted = CATALOGUES[language][f"problem.{error['code']}"].format(field=error["field"])
        assert error["message"] == wanted


def test_an_empty_order_is_told_every_field_that_it_needs(world: World) -> None:
    needed = ("order_number", "customer_number", "company_name", "model", "subscription")
    partner = ("partner.number", "partner.name", "partner.email")
    assert refused(world, {}) == dict.fromkeys((*needed, *partner), "missing")


def test_a_body_that_is_not_json_is_refused(world: World) -> None:
    answer = requests.post(f"{world.host}/orders", data="{", headers=world.key, timeout=30)
    assert problem(answer, 400, "request_invalid")["errors"][0]["code"] == "not_json"


def test_a_classique_export_contract_is_refused_with_the_reason(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    assert refused(world, {**customer.order, "model": "Classique (Export)"}) == {"model": "model_export"}
    found = world.post("/support/associations/search", {"order_number": customer.order["order_number"]})
    assert found.json() == {"associations": [], "next": None}


def test_as_many_azure_ad_users_as_office_365_users_are_required(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    fewer = {**customer.order, "office365_users": 12, "azure_ad_users": 11}
    assert refused(world, fewer) == {"azure_ad_users": "users_differ"}


def test_a_count_that_is_no_count_is_the_only_thing_said_of_the_counts(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    assert refused(world, {**customer.order, "office365_users": "douze"}) == {
        "office365_users": "not_a_count"
    }


def test_an_incomplete_order_is_completed_through_the_partner(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    partner = {
        **customer.order["partner"],
        "email": f"commandes@{customer.order['order_number'].lower()}.example",
    }
    missing = ("administrator_email", "mpn_id", "office365_users", "azure_ad_users")
    incomplete = {name: value for name, value in customer.order.items() if name not in missing}
    answer = world.post("/orders", {**incomplete, "partner": partner})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["cause"], made["who"]) == ("order_incomplete", "partner")
    assert sorted(made["missing"]) == sorted(missing)

    asked = world.mail(partner["email"])
    assert tells(asked["subject"], "mail.order_incomplete.subject")
    assert customer.order["order_number"] in asked["subject"]
    for name in missing:
        assert tells(asked["text"], f"field.{name}")
        assert tells(asked["html"], f"field.{name}")
    assert not any("/a?k=" in link for link in asked["links"])

    completed = world.orders(customer, partner=partner)
    assert completed["association_id"] == made["association_id"]
    assert (completed["missing"], completed["cause"]) == ([], "not_started")
    world.link(completed)
    what = [event["what"] for event in world.support(order_number=made["order_number"])["events"]]
    assert "order_completed" in what
    assert len(world.mails(partner["email"])) == 1


def test_the_partner_is_asked_only_for_what_is_missing(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    partner = {
        **customer.order["partner"],
        "email": f"commandes@{customer.order['order_number'].lower()}.example",
    }
    answer = world.post("/orders", {**customer.order, "partner": partner, "mpn_id": ""})
    assert answer.json()["missing"] == ["mpn_id"]
    text = world.mail(partner["email"])["text"]
    assert tells(text, "field.mpn_id")
    assert not tells(text, "field.administrator_email")


def test_a_second_order_of_a_customer_joins_the_association_without_a_second_invitation(
    world: World,
) -> None:
    customer = world.customer("menuiserie-lambert")
    first = world.orders(customer)
    world.link(first)
    second = world.orders(
        customer, order_number=f"{first['order_number']}-2", office365_users=3, azure_ad_users=3
    )
    assert second["association_id"] == first["association_id"]
    barrier(world)
    assert len(world.mails(first["administrator_email"])) == 1
    found = until(lambda: world.support(order_number=second["order_number"]), "the second order")
    assert {order["order_number"] for order in found["orders"]} == {
        first["order_number"],
        second["order_number"],
    }


def test_an_order_is_read_back_as_it_was_answered(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    order = world.orders(customer, order_number=f"{customer.order['order_number']} bis")
    for typed in ("{}", " {} "):
        answer = world.get(f"/orders/{quote(typed.format(order['order_number']))}")
        assert answer.status_code == 200, answer.text
        assert {**order, **answer.json()} == order
        assert "@" not in answer.text


def test_an_order_that_nobody_handed_in_is_not_found(world: World) -> None:
    problem(world.get("/orders/CMD-never"), 404, "association_unknown")


def test_an_order_is_not_read_without_the_key(world: World) -> None:
    order = world.orders(world.customer("menuiserie-lambert"))
    assert requests.get(f"{world.host}/orders/{order['order_number']}", timeout=10).status_code == 401
