"""Our frozen dataclasses behave as the standard library's."""

import copy
import dataclasses
import pickle
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, InitVar, field, fields, is_dataclass, replace
from typing import Any, ClassVar

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
    assert Place("Lyon", [], nan) != Place("Lyon", [], float("nan"))  # type: ignore[arg-type]


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


@dataclass(frozen=True, slots=True)
class Counted:
    """Each field counts otherwise, and one is the class's."""

    MOST: ClassVar[list[int]] = []
    number: int
    seen: int = field(default=0, compare=False)
    note: str = field(default="", hash=False)


@dataclass(frozen=True, slots=True)
class Own:
    """With methods of its own."""

    name: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own) and self.name.lower() == other.name.lower()

    def __hash__(self) -> int:
        return hash(self.name.lower())

    def __repr__(self) -> str:
        return "<Own>"


def test_what_is_not_to_be_compared_is_not() -> None:
    assert Counted(1, seen=1) == Counted(1, seen=2)
    assert Counted(1) != Counted(2)
    assert Counted(1, note="a") != Counted(1, note="b")
    assert hash(Counted(1, 1, "a")) == hash(Counted(1, 2, "b"))


def test_what_is_the_class_s_is_no_field() -> None:
    assert [item.name for item in fields(Counted)] == ["number", "seen", "note"]
    assert repr(Counted(1)) == "Counted(number=1, seen=0, note='')"
    with pytest.raises(FrozenInstanceError):
        Counted(1).MOST = []  # type: ignore[misc]


def test_a_class_keeps_its_own_methods() -> None:
    assert Own("a") == Own("A")
    assert hash(Own("a")) == hash(Own("A"))
    assert repr(Own("a")) == "<Own>"


def test_a_class_that_is_not_to_be_hashed_is_not() -> None:
    @dataclass(frozen=True, slots=True)
    class Never:
        name: str
        __hash__ = None  # type: ignore[assignment]

    with pytest.raises(TypeError, match="unhashable"):
        hash(Never("a"))


def test_a_class_with_its_own_equality_alone_can_be_hashed_as_with_the_standard_library() -> None:
    def define(make: Any) -> Any:
        class Alone:  # noqa: PLW1641 - is what is asked
            name: str

            def __eq__(self, other: object) -> bool:
                return False

        return make(frozen=True, slots=True)(Alone)

    assert hash(define(dataclass)("a")) == hash(define(dataclasses.dataclass)("a"))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_can_be_pickled_and_is_frozen_then(protocol: int) -> None:
    again = pickle.loads(pickle.dumps(Place("Lyon", [1]), protocol))  # noqa: S301 - our own
    assert again == Place("Lyon", [1])
    with pytest.raises(FrozenInstanceError):
        again.town = "Paris"


def test_it_says_of_itself_that_it_is_frozen_and_compares() -> None:
    ours, theirs = (vars(made)["__dataclass_params__"] for made in (Place, Standard))
    assert (ours.frozen, ours.eq, ours.repr) == (theirs.frozen, theirs.eq, theirs.repr)
    with pytest.raises(TypeError, match="non-frozen"):
        dataclasses.make_dataclass("Later", [], bases=(Place,))


def test_one_that_holds_itself_has_an_end_of_its_text() -> None:
    place = Place("Lyon", [])
    place.tables.append(place)  # type: ignore[arg-type]
    assert repr(place) == "Place(town='Lyon', tables=[...])"


def initvar() -> object:
    @dataclass(frozen=True, slots=True)
    class Told:
        given: InitVar[int]

    return Told


def set_later() -> object:
    @dataclass(frozen=True, slots=True)
    class Later:
        made: int = field(init=False)

    return Later


def inherits() -> object:
    @dataclass(frozen=True, slots=True)
    class Second(Place):
        street: str = ""

    return Second


def sets_itself() -> object:
    @dataclass(frozen=True, slots=True)
    class Loose:
        town: str

        def __setattr__(self, name: str, value: object) -> None: ...

    return Loose


def melts() -> object:
    return dataclass(frozen=False, slots=True)


@pytest.mark.parametrize("define", [initvar, set_later, inherits, sets_itself, melts])
def test_what_it_cannot_do_is_refused_where_it_is_defined(define: Callable[[], object]) -> None:
    with pytest.raises(TypeError, match="the standard library's"):
        define()


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
