"""Keys from values that may hold anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.storage.row_keys import digest, escape
from adapters.storage.service_rules import check_key
from tests.storage_values import texts

HOSTILE = st.text(st.sampled_from("/\\#?%_.'\x00\x85é😀 a"))


@given(text=texts() | HOSTILE | texts().map(lambda text: text * 30))
def test_whatever_the_text_its_escape_is_a_key(text: str) -> None:
    check_key(f"order.{escape(text)}")


@given(one=texts() | HOSTILE, other=texts() | HOSTILE)
def test_different_texts_have_different_escapes(one: str, other: str) -> None:
    assert (escape(one) == escape(other)) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"), [("/", "_2F"), ("_", "_5F"), ("é" * 300, f"_sha256_{digest('é' * 300)}")]
)
def test_a_text_that_looks_like_an_escape_is_not_taken_for_one(one: str, other: str) -> None:
    assert escape(one) != escape(other)


def test_an_ordinary_number_stays_readable() -> None:
    assert escape("SO-2026-0042a") == "SO-2026-0042a"


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        escape("\ud800")
