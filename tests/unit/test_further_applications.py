"""The setting that lists the further applications."""

import json
from typing import Any

import pytest

from association.further_applications import parse_applications

ONE: dict[str, Any] = {
    "key": "contact",
    "name": " Sage Contact ",
    "why": {"fr": "Pour lire.", "en": "To read."},
    "client_id": "2B8E5C14-90D7-4F3A-A6C1-7D3E0B94F251",
    "roles": ["User.ReadBasic.All", "Mail.Read"],
}


def test_an_application_is_read_with_its_client_id_in_one_form() -> None:
    (application,) = parse_applications(json.dumps([ONE]))
    assert application.key == "contact"
    assert application.name == {"fr": "Sage Contact", "en": "Sage Contact"}
    assert application.client_id == "2b8e5c14-90d7-4f3a-a6c1-7d3e0b94f251"
    assert application.roles == {"User.ReadBasic.All", "Mail.Read"}
    assert application.why["en"] == "To read."


def test_a_name_may_differ_by_language() -> None:
    names = {"fr": "Sage pour Power Apps", "en": " Sage for Power Apps"}
    (application,) = parse_applications(json.dumps([{**ONE, "name": names}]))
    assert application.name == {"fr": "Sage pour Power Apps", "en": "Sage for Power Apps"}


def test_none_is_a_list_too() -> None:
    assert parse_applications("[]") == ()


@pytest.mark.parametrize(
    "listed",
    [
        {},
        "contact",
        ["contact"],
        [{**ONE, "more": 1}],
        [{name: value for name, value in ONE.items() if name != "why"}],
        [{**ONE, "key": "Contact"}],
        [{**ONE, "key": "a/b"}],
        [{**ONE, "key": 1}],
        [{**ONE, "name": ""}],
        [{**ONE, "name": None}],
        [{**ONE, "name": {"fr": "Contact"}}],
        [{**ONE, "name": {"fr": "Contact", "en": ""}}],
        [{**ONE, "name": "x" * 121}],
        [{**ONE, "name": "a\nb"}],
        [{**ONE, "why": "Pour lire."}],
        [{**ONE, "why": {"fr": "Pour lire."}}],
        [{**ONE, "why": {"fr": "Pour lire.", "en": " "}}],
        [{**ONE, "client_id": "2b8e5c14"}],
        [{**ONE, "roles": "Mail.Read"}],
        [{**ONE, "roles": ["Mail Read"]}],
        [{**ONE, "roles": [1]}],
        [ONE, {**ONE, "key": "other"}],
        [ONE, {**ONE, "client_id": "c07f3d62-1a5b-4e89-8d24-5f6b9e31a870"}],
    ],
)
def test_anything_else_is_refused(listed: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_applications(json.dumps(listed))


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_applications("[")
