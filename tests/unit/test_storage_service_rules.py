"""What the service refuses and Azurite does not, checked before any call."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.storage.entities import Row
from adapters.storage.service_rules import check_key, check_row, check_transaction


def row(properties: Mapping[str, Any] | None = None, *, partition_key: str = "p", row_key: str = "r") -> Row:
    return Row(partition_key=partition_key, row_key=row_key, properties=properties or {})


def of(value: Any) -> Row:
    return row({"value": value})


def rows(count: int) -> Iterable[Row]:
    return (row(row_key=str(number)) for number in range(count))


@pytest.mark.parametrize("character", [*"/\\#?%\t\n\x00\x1f\x7f\x9f", *"!$&'()*,:;=@", "é", " "])
def test_a_key_with_a_character_to_be_escaped_is_refused(character: str) -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        check_key(f"a{character}b")


@pytest.mark.parametrize("key", ["a", "order.SO-1_2F", "x" * 512])
def test_other_keys_are_accepted(key: str) -> None:
    check_key(key)


@pytest.mark.parametrize("key", ["", "x" * 513])
def test_an_empty_or_too_long_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="1 to 512"):
        check_key(key)


def test_a_row_is_refused_for_either_key() -> None:
    for bad in (row(row_key="a/b"), row(partition_key="a/b")):
        with pytest.raises(ValueError, match="a key has"):
            check_row(bad)


def test_a_row_has_252_properties_of_its_own_at_most() -> None:
    properties = {f"p{number}": 1 for number in range(253)}
    with pytest.raises(ValueError, match="252"):
        check_row(row(properties))
    properties.popitem()
    check_row(row(properties))


@pytest.mark.parametrize(
    "name", ["", "1a", "a-b", "a b", "é", "x" * 256, "PartitionKey", "RowKey", "Timestamp"]
)
def test_a_property_name_must_be_an_identifier(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        check_row(row({name: 1}))


def test_property_names_may_have_255_characters() -> None:
    check_row(row({"x" * 255: 1, "_a1": 1}))


def test_a_text_has_32768_characters_at_most() -> None:
    check_row(of("x" * 32768))
    for text in ("x" * 32769, "😀" * 16385):
        with pytest.raises(ValueError, match="32768"):
            check_row(of(text))


def test_a_date_before_1601_is_refused() -> None:
    check_row(of(datetime(1601, 1, 1, tzinfo=UTC)))
    with pytest.raises(ValueError, match="1601"):
        check_row(of(datetime(1600, 12, 31, tzinfo=UTC)))


def test_a_number_beyond_64_bits_is_refused() -> None:
    check_row(of((2**63 - 1, "Edm.Int64")))
    with pytest.raises(ValueError, match="64 bits"):
        check_row(of((2**63, "Edm.Int64")))


def test_a_row_of_more_than_1_mib_is_refused() -> None:
    texts = {f"p{number}": "x" * 32768 for number in range(16)}
    with pytest.raises(ValueError, match="1 MiB"):
        check_row(row(texts))
    texts.popitem()
    check_row(row(texts))


def test_a_transaction_has_1_to_100_operations() -> None:
    check_transaction(list(rows(100)))
    for count in (0, 101):
        with pytest.raises(ValueError, match="1 to 100"):
            check_transaction(list(rows(count)))


def test_a_transaction_is_of_one_partition() -> None:
    with pytest.raises(ValueError, match="partitions"):
        check_transaction([row(row_key="a"), row(row_key="b", partition_key="q")])


def test_a_transaction_touches_each_row_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        check_transaction([row(row_key="a"), row(row_key="a")])


def test_a_transaction_of_more_than_4_mib_is_refused() -> None:
    texts = {f"p{number}": "x" * 32768 for number in range(15)}
    check_transaction([row(texts, row_key=str(number)) for number in range(8)])
    with pytest.raises(ValueError, match="4 MiB"):
        check_transaction([row(texts, row_key=str(number)) for number in range(9)])


def test_every_row_of_a_transaction_is_checked() -> None:
    with pytest.raises(ValueError, match="name"):
        check_transaction([row(row_key="a"), row({"1a": 1}, row_key="b")])


def test_a_refusal_does_not_quote_the_value() -> None:
    with pytest.raises(ValueError, match="a key has") as refusal:
        check_key("someone@example.org/")
    assert "someone" not in str(refusal.value)
