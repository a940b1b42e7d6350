"""Values as rows and back, without a service."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.storage.entities import Row, to_properties, to_value
from association.partition import Event, Person
from association.rows import Flow
from tests.storage_values import NOW, STORED_TYPES, flow, values


def row(properties: dict[str, Any]) -> Row:
    return Row(partition_key="p", row_key="r", properties=properties)


@pytest.mark.parametrize("cls", STORED_TYPES)
@given(data=st.data())
def test_every_stored_value_comes_back_equal(cls: type[Any], data: st.DataObject) -> None:
    value = data.draw(values(cls))
    assert to_value(cls, row(to_properties(value))) == value


def test_none_is_stored_as_an_absent_property() -> None:
    assert "consuming_since" not in to_properties(flow("s"))
    assert to_properties(Event(what="created", at=NOW)).keys() >= {"what", "at", "actor"}


def test_times_are_stored_in_utc() -> None:
    paris = datetime.fromisoformat("2026-07-01T12:00:00+02:00")
    stored = to_properties(Event(what="created", at=paris))["at"]
    assert (stored.tzinfo, stored.hour) == (UTC, 10)


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        to_properties(Event(what="created", at=NOW.replace(tzinfo=None)))


def test_an_int_beyond_32_bits_is_marked_as_int64() -> None:
    assert to_properties(Person(number=2**31 - 1))["number"] == 2**31 - 1
    assert to_properties(Person(number=2**31))["number"] == (2**31, "Edm.Int64")


def test_a_property_of_a_newer_version_is_ignored() -> None:
    assert to_value(Person, row({"number": 1, "invented_later": "x"})) == Person(number=1)


def test_a_property_of_an_older_version_takes_its_default() -> None:
    assert to_value(Person, row({"number": 1})).email == ""


def test_an_absent_property_without_default_is_an_error() -> None:
    with pytest.raises(TypeError, match="number"):
        to_value(Person, row({"name": "x"}))


def test_fields_that_stand_elsewhere_are_left_out_and_handed_in() -> None:
    properties = to_properties(flow("s"), without=("etag",))
    assert "etag" not in properties
    assert to_value(Flow, row({**properties, "etag": "stored once"}), etag="W/1").etag == "W/1"


def test_a_type_without_a_form_in_storage_is_an_error() -> None:
    @dataclass
    class Odd:
        value: object

    with pytest.raises(TypeError, match="frozenset"):
        to_properties(Odd(value=frozenset()))
