"""The addresses: who may call each, in which order the host tries them, and that HEAD goes with GET."""

from typing import Any

import pytest

import function_app

ANONYMOUS, FUNCTION = "anonymous", "function"
FUNCTIONS = {str(made.get_function_name()): made for made in function_app.app.get_functions()}
JSON_FOR_ANYBODY = {"health"}


def trigger(made: Any) -> dict[str, Any]:
    found: dict[str, Any] = made.get_trigger().get_dict_repr()
    return found


HTTP = {name: trigger(made) for name, made in FUNCTIONS.items() if made.is_http_function()}


def methods(name: str) -> set[str]:
    return {str(getattr(method, "value", method)).upper() for method in HTTP[name]["methods"]}


def level(name: str) -> str:
    given = HTTP[name]["authLevel"]
    return str(getattr(given, "value", given)).lower()


def answers_in_json(name: str) -> bool:
    return name.startswith(("orders_", "support_", "health"))


def test_the_app_has_addresses_and_background_work() -> None:
    assert len(HTTP) > 15
    assert set(FUNCTIONS) - set(HTTP) == {"background_task", "background_purge"}


def test_the_host_tries_our_own_404_last() -> None:
    assert max(HTTP) == "zz_not_found"
    assert HTTP["zz_not_found"]["route"] == "{*path}"


def test_every_address_is_told_apart_by_route_and_method() -> None:
    taken = [(made["route"], method) for name, made in HTTP.items() for method in methods(name)]
    assert len(taken) == len(set(taken))


@pytest.mark.parametrize("name", sorted(HTTP))
def test_head_goes_with_get_and_with_nothing_else(name: str) -> None:
    assert ("HEAD" in methods(name)) == ("GET" in methods(name))


@pytest.mark.parametrize("name", sorted(HTTP))
def test_what_changes_something_is_never_a_get(name: str) -> None:
    if name != "zz_not_found":
        assert methods(name) in ({"GET", "HEAD"}, {"POST"})


@pytest.mark.parametrize("name", sorted(HTTP))
def test_pages_are_for_everybody_and_json_needs_the_key(name: str) -> None:
    needs_key = answers_in_json(name) and name not in JSON_FOR_ANYBODY
    assert level(name) == (FUNCTION if needs_key else ANONYMOUS)


@pytest.mark.parametrize("name", sorted(HTTP))
def test_no_address_begins_where_the_host_has_its_own(name: str) -> None:
    assert HTTP[name]["route"].split("/")[0] not in ("admin", "runtime", "api")
