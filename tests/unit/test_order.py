"""Orders as OCTAVE hands them in: every rule, every bad field at once, and junk of any shape."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.rendering import Rendering
from association.errors import RequestInvalidError
from association.order import parse_order
from functions.services import ROOT
from tests.memory import ORDER

OPTIONAL = {"administrator_email", "mpn_id", "office365_users", "azure_ad_users", "language"}


def problems(body: Any) -> dict[str, str]:
    with pytest.raises(RequestInvalidError) as caught:
        parse_order(body)
    return caught.value.problems


def test_a_complete_order_is_read() -> None:
    order = parse_order(ORDER)
    assert (order.order_number, order.partner_email, order.office365_users) == (
        "CMD-1",
        "contact@partenaire.example",
        5,
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"company_name": 7}, {"company_name": "not_text"}, id="not text"),
        pytest.param({"company_name": ["a"]}, {"company_name": "not_text"}, id="a list"),
        pytest.param({"company_name": "a\x00b"}, {"company_name": "control_characters"}, id="control"),
        pytest.param(
            {"company_name": "a\u202eb"}, {"company_name": "control_characters"}, id="right to left"
        ),
        pytest.param({"company_name": "a\u2028b"}, {"company_name": "control_characters"}, id="line"),
        pytest.param({"company_name": "a\ud800"}, {"company_name": "control_characters"}, id="surrogate"),
        pytest.param({"company_name": "x" * 121}, {"company_name": "too_long"}, id="121 characters"),
        pytest.param({"company_name": "a@b.example"}, {"company_name": "address_in_name"}, id="e-mail"),
        pytest.param({"company_name": "WWW.a.example"}, {"company_name": "address_in_name"}, id="www"),
        pytest.param({"company_name": "http://a"}, {"company_name": "address_in_name"}, id="web address"),
        pytest.param({"company_name": "   "}, {"company_name": "missing"}, id="blank"),
        pytest.param({"company_name": None}, {"company_name": "missing"}, id="null"),
        pytest.param({"order_number": "-1"}, {"order_number": "not_a_number"}, id="number begins badly"),
        pytest.param({"order_number": "é"}, {"order_number": "not_a_number"}, id="number with an accent"),
        pytest.param({"order_number": "1" * 41}, {"order_number": "too_long"}, id="41 digits"),
        pytest.param({"customer_number": ""}, {"customer_number": "missing"}, id="empty"),
        pytest.param({"administrator_email": "a"}, {"administrator_email": "not_an_address"}, id="address"),
        pytest.param(
            {"administrator_email": "a@b@c.example"}, {"administrator_email": "not_an_address"}, id="two @"
        ),
        pytest.param(
            {"administrator_email": "hélène@b.example"},
            {"administrator_email": "not_an_address"},
            id="address beyond ASCII",
        ),
        pytest.param({"mpn_id": "123"}, {"mpn_id": "not_an_mpn_id"}, id="short MPN id"),
        pytest.param({"mpn_id": "١٢٣٤٥"}, {"mpn_id": "not_an_mpn_id"}, id="MPN id in other digits"),
        pytest.param({"model": "Classique (Export)"}, {"model": "model_export"}, id="export model"),
        pytest.param({"model": "classique"}, {"model": "model_export"}, id="export model in short"),
        pytest.param({"model": "dua"}, {"model": "model_unknown"}, id="model"),
        pytest.param({"subscription": "own"}, {"subscription": "subscription_unknown"}, id="subscription"),
        pytest.param({"language": "de"}, {"language": "language_unknown"}, id="language"),
        pytest.param({"azure_ad_users": 4}, {"azure_ad_users": "users_differ"}, id="users differ"),
        pytest.param({"azure_ad_users": None}, {"azure_ad_users": "users_differ"}, id="one number of users"),
        pytest.param({"azure_ad_users": True}, {"azure_ad_users": "not_a_count"}, id="true users"),
        pytest.param({"azure_ad_users": 5.0}, {"azure_ad_users": "not_a_count"}, id="5.0 users"),
        pytest.param({"azure_ad_users": "5"}, {"azure_ad_users": "not_a_count"}, id="users as text"),
        pytest.param({"azure_ad_users": 0}, {"azure_ad_users": "not_a_count"}, id="no users"),
        pytest.param({"azure_ad_users": 100_001}, {"azure_ad_users": "not_a_count"}, id="too many users"),
        pytest.param({"colour": "red"}, {"colour": "unknown_field"}, id="unknown field"),
        pytest.param(
            {"partner": {"number": "P", "name": "N", "email": "x", "fax": 1}},
            {"partner.email": "not_an_address", "partner.fax": "unknown_field"},
            id="partner",
        ),
        pytest.param(
            {"partner": "P-1"},
            {"partner.number": "missing", "partner.name": "missing", "partner.email": "missing"},
            id="partner is text",
        ),
    ],
)
def test_each_bad_field_is_named_with_its_problem(changes: dict[str, Any], expected: dict[str, str]) -> None:
    assert problems({**ORDER, **changes}) == expected


def test_all_bad_fields_are_named_at_once() -> None:
    bad = {"model": "X", "language": "xx", "mpn_id": "no", "more": 1, "partner": {"number": "?"}}
    assert problems(bad) == {
        "order_number": "missing",
        "customer_number": "missing",
        "company_name": "missing",
        "partner.number": "not_a_number",
        "partner.name": "missing",
        "partner.email": "missing",
        "model": "model_unknown",
        "subscription": "missing",
        "language": "language_unknown",
        "mpn_id": "not_an_mpn_id",
        "more": "unknown_field",
    }


@pytest.mark.parametrize("body", [None, 1, "order", [], [ORDER], True])
def test_what_is_no_object_lacks_every_required_field(body: Any) -> None:
    assert set(problems(body).values()) == {"missing"}


def test_what_may_still_be_missing_may_be_left_out() -> None:
    order = parse_order({name: value for name, value in ORDER.items() if name not in OPTIONAL})
    assert (order.administrator_email, order.mpn_id, order.office365_users) == ("", "", 0)
    assert order.language == ""


def test_texts_are_trimmed_and_composed() -> None:
    order = parse_order({**ORDER, "company_name": "  Cafe\u0301  ", "administrator_email": " A@B.EXAMPLE "})
    assert (order.company_name, order.administrator_email) == ("Caf\u00e9", "A@b.example")


def json_values() -> st.SearchStrategy[Any]:
    simple = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
    simple |= st.text(st.characters(categories=["Cs"]), min_size=1, max_size=2)
    return st.recursive(simple, lambda some: st.lists(some, max_size=3) | objects(some), max_leaves=8)


def objects(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    names = st.sampled_from([*ORDER, "number", "name", "email"]) | st.text(max_size=50)
    return st.dictionaries(names, values, max_size=6)


@given(json_values() | objects(json_values()).map(lambda odd: {**ORDER, **odd}))
def test_junk_of_any_shape_is_refused_in_words_that_can_be_sent(body: Any) -> None:
    try:
        order = parse_order(body)
    except RequestInvalidError as error:
        assert error.problems
        json.dumps(error.problems, ensure_ascii=False).encode()
        texts = Rendering(ROOT)
        assert all(texts.text("fr", f"problem.{code}", field="x") for code in error.problems.values())
    else:
        assert order.office365_users == order.azure_ad_users
        assert order.model in ("DUL", "DUA", "DSU")


@pytest.mark.parametrize("name", ["marie@client.example", "a\nfailed code=ok", "\ud800", "é" * 3, "a b", ""])
def test_a_field_name_from_outside_reaches_neither_log_nor_answer_as_it_is(name: str) -> None:
    with pytest.raises(RequestInvalidError) as caught:
        parse_order({**ORDER, name: 1})
    assert caught.value.problems == {"?": "unknown_field"}
    assert str(caught.value) == caught.value.detail == "?=unknown_field"


def test_an_accented_domain_is_kept_in_the_form_that_mail_servers_and_discovery_take() -> None:
    for address in ("marie@société.fr", "marie@xn--socit-esab.fr"):
        assert parse_order({**ORDER, "administrator_email": address}).administrator_email == (
            "marie@xn--socit-esab.fr"
        )
