"""Our own certificate is replaced while both are valid: which one signs, and that nobody notices."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from adapters.microsoft.credential import Credential
from adapters.microsoft.entra import Entra
from association.answer import Answer
from association.microsoft_errors import MicrosoftRefusedError
from sandbox.credentials import new_credential
from sandbox.microsoft.registrations import Registration, read_certificates
from tests.microsoft_application import CLIENT_ID
from tests.microsoft_faults import Disturbed

pytest_plugins = ["tests.faulty_microsoft"]

OLD, NEW = (new_credential("certificate").certificate or "" for _ in range(2))


def blocks(pem: str) -> tuple[str, str]:
    """Key and certificate of a pair."""
    key, certificate = re.findall("-----BEGIN .*?-----END [A-Z ]*-----\n", pem, re.DOTALL)
    return key, certificate


@pytest.fixture
def registrations(disturbed: Disturbed) -> Iterator[dict[str, Registration]]:
    """The registrations as they are, put back afterwards."""
    known = disturbed.application.microsoft.authority.registrations
    usual = known[CLIENT_ID]
    yield known
    known[CLIENT_ID] = usual


def with_certificate(disturbed: Disturbed, pem: str) -> Entra:
    settings = replace(disturbed.entra._settings, certificate=pem, client_secret="")
    return Entra(settings, disturbed.entra._session, lambda: datetime.now(UTC))


async def is_known(disturbed: Disturbed, pem: str) -> bool:
    """Whether Microsoft gives a token for this certificate."""
    try:
        return bool(await with_certificate(disturbed, pem).app_token(disturbed.tenant_id))
    except MicrosoftRefusedError as error:
        assert error.answer is Answer.OUR_CREDENTIAL
        return False


async def test_the_settings_change_while_both_certificates_are_valid(
    disturbed: Disturbed, registrations: dict[str, Registration]
) -> None:
    seen = []
    for valid in ([OLD], [OLD, NEW], [NEW]):
        certificates = read_certificates("".join(valid))
        registrations[CLIENT_ID] = replace(registrations[CLIENT_ID], certificates=certificates)
        seen.append((await is_known(disturbed, OLD), await is_known(disturbed, NEW)))
    assert seen == [(True, False), (True, True), (False, True)]


async def test_of_several_pairs_in_the_settings_the_first_one_signs_whatever_their_order(
    disturbed: Disturbed, registrations: dict[str, Registration]
) -> None:
    (old_key, old), (new_key, new) = blocks(OLD), blocks(NEW)
    registrations[CLIENT_ID] = replace(registrations[CLIENT_ID], certificates=read_certificates(OLD))
    for first in (
        old_key + old + new_key + new,
        old + old_key + new + new_key,
        old + new + old_key + new_key,
    ):
        assert await is_known(disturbed, first)
        settings = replace(disturbed.entra._settings, certificate=first)
        assert Credential(settings).ends_at() == read_certificates(OLD)[0].not_valid_after_utc
    for first in (new_key + new + old_key + old, new + new_key + old + old_key):
        assert not await is_known(disturbed, first)
