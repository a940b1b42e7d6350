"""What MSAL signs with: read once, for to look whether a key is sound takes a page's time."""

from dataclasses import replace

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from adapters.microsoft.credential import Credential
from association.microsoft_errors import MicrosoftUnavailableError
from association.settings import Settings
from sandbox.credentials import new_credential
from tests.memory import SETTINGS

PEM = new_credential("certificate").certificate or ""


def credential(certificate: str = "", secret: str = "") -> Credential:
    read = Settings.from_mapping(SETTINGS)
    return Credential(replace(read, certificate=certificate, client_secret=secret))


def test_a_secret_is_handed_on_as_it_is() -> None:
    assert credential(secret="s").for_msal == "s"


def test_the_certificate_goes_before_the_secret_and_its_key_is_read_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = serialization.load_pem_private_key
    reads: list[bytes] = []

    def counted(data: bytes, password: None) -> object:
        reads.append(data)
        return read(data, password)

    monkeypatch.setattr(serialization, "load_pem_private_key", counted)
    both = credential(PEM, "s")
    assert isinstance(both.for_msal, dict)
    assert PEM.endswith(both.for_msal["public_certificate"])
    for _ in range(3):
        assert jwt.encode({}, both.for_msal["private_key"], "PS256")
    assert len(reads) == 1


@pytest.mark.parametrize("key", ["bm90IGEga2V5", ""])
def test_a_key_that_cannot_be_read_is_told_without_its_text(key: str) -> None:
    text = f"-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n"
    with pytest.raises(MicrosoftUnavailableError) as caught:
        _ = credential(text).for_msal
    assert caught.value.detail == "reason=key_unreadable"
    assert caught.value.__suppress_context__
