"""What is derived from the signing keys, and how references are read."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from association.keys import CROCKFORD, Keys, read_reference, reference_of, token_hash
from association.settings import SigningKey

NEW, OLD = SigningKey("k2", b"n" * 32), SigningKey("k1", b"o" * 32)
IDENTIFIER = f"{'a' * 32}.association.1"


def test_a_links_token_is_repeated_identically_from_its_id() -> None:
    token = Keys((NEW,)).link_token("k2", IDENTIFIER)
    assert token == Keys((NEW, OLD)).link_token("k2", IDENTIFIER)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token)
    assert token != Keys((NEW,)).link_token("k2", IDENTIFIER + "0")


def test_an_old_key_still_derives_what_it_signed() -> None:
    assert Keys((NEW, OLD)).link_token("k1", IDENTIFIER) == Keys((OLD,)).link_token("k1", IDENTIFIER)
    assert Keys((NEW, OLD)).kid == "k2"


def test_a_retired_key_derives_nothing() -> None:
    with pytest.raises(KeyError):
        Keys((NEW,)).link_token("k1", IDENTIFIER)


def test_each_use_has_a_secret_of_its_own() -> None:
    keys = Keys((NEW, OLD))
    secrets = [secret for use in ("session", "visit", "form") for secret in keys.secrets_for(use)]
    assert len(set(secrets)) == 6
    assert keys.secrets_for("session")[-1] == Keys((NEW,)).secrets_for("session")[0]


def test_an_address_is_found_whatever_its_case_under_every_key() -> None:
    keys = Keys((NEW, OLD))
    assert keys.address_hints(" Marie@Client.Example ") == keys.address_hints("marie@client.example")
    assert keys.address_hints("a@b.example")[1] == Keys((OLD,)).address_hints("a@b.example")[0]
    assert keys.address_hints("a@b.example") != keys.address_hints("a@c.example")


def test_a_token_is_stored_as_its_hash() -> None:
    assert token_hash("t") == "e3b98a4da31a127d4bde6e43033f66ba274cab0eb7eb1c70ec41402bf6273dd8"


@given(st.text())
def test_a_reference_is_read_back_however_it_is_read_out(seed: str) -> None:
    reference = reference_of(seed)
    assert re.fullmatch(f"[{CROCKFORD}]{{4}}-[{CROCKFORD}]{{4}}", reference)
    spoken = reference.replace("-", " ").lower().replace("0", "o").replace("1", "l")
    assert read_reference(f" {spoken} ") == read_reference(reference) == reference


@pytest.mark.parametrize(
    "text", ["", "K7QF-2MP", "K7QF-2MPDD", "K7QF-2MPU", "K7QF_2MPD", "é" * 8, "../../.."]
)
def test_what_is_no_reference_is_read_as_nothing(text: str) -> None:
    assert read_reference(text) == ""
