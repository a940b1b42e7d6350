"""Our frozen dataclasses behave as the standard library's."""

import copy
import dataclasses
import sys
from dataclasses import FrozenInstanceError, field, fields, is_dataclass, replace
from typing import Any

import pytest

import function_app
from association.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A town."""

    town: str
    tables: list[int] = field(default_factory=list)
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """The same fields."""

    town: str
    tables: list[int] = field(default_factory=list)
    secret: str = ""


Standard = dataclasses.make_dataclass(
    "Place", [("town", str), ("tables", Any), ("secret", str, field(default="", repr=False))], frozen=True
)


def test_two_of_the_same_class_with_the_same_values_are_equal() -> None:
    assert Place("Lyon", [1]) == Place("Lyon", [1])
    assert Place("Lyon", [1]) != Place("Lyon", [2])
    other: object = Other(town="Lyon", tables=[1])
    assert Place("Lyon", [1]) != other


def test_an_element_that_is_not_equal_to_itself_is_equal_where_it_is_the_same() -> None:
    nan = float("nan")
    assert Place("Lyon", [], nan) == Place("Lyon", [], nan)  # type: ignore[arg-type]
    assert Standard("Lyon", [], nan) == Standard("Lyon", [], nan)


def test_equal_ones_find_each_other_in_sets_and_what_cannot_be_hashed_says_so() -> None:
    assert len({Place("Lyon", ()), Place("Lyon", ()), Place("Paris", ())}) == 2  # type: ignore[arg-type]
    assert hash(Place("Lyon", ())) == hash(Standard("Lyon", ()))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="unhashable"):
        hash(Place("Lyon", []))


def test_the_text_leaves_out_what_is_secret() -> None:
    assert (
        repr(Place("Lyon", [1], "abc"))
        == repr(Standard("Lyon", [1], "abc"))
        == "Place(town='Lyon', tables=[1])"
    )


def test_nothing_can_be_changed_but_in_a_copy() -> None:
    place = Place("Lyon")
    with pytest.raises(FrozenInstanceError):
        place.town = "Paris"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del place.town
    with pytest.raises(AttributeError):
        place.country = "France"  # type: ignore[attr-defined]
    assert replace(place, town="Paris") == copy.copy(Place("Paris")) == copy.deepcopy(Place("Paris"))
    assert place == Place("Lyon")
    assert is_dataclass(place)
    assert [item.name for item in fields(place)] == ["town", "tables", "secret"]
    assert not hasattr(place, "__dict__")
    with pytest.raises(TypeError):
        Other("Lyon")  # type: ignore[call-arg]


def test_the_verbs_and_the_edge_have_no_others() -> None:
    assert function_app.app
    ours = {
        made
        for name, module in sys.modules.items()
        if name.partition(".")[0] in {"association", "functions"}
        for made in vars(module).values()
        if isinstance(made, type) and is_dataclass(made) and made.__module__ == name
    }
    assert len(ours) > 40
    assert {made.__name__ for made in ours if made.__eq__ is not Place.__eq__} == set()
