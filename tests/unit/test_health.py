"""Health: what ends when, and what the service as a whole makes of it."""

from datetime import UTC, date, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from adapters.microsoft.credential import Credential
from association.errors import StorageUnavailableError
from association.health import Condition, Health, condition, examine
from association.settings import Settings
from tests.memory import NOW, SETTINGS, Memory


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (None, Condition.UNKNOWN),
        (timedelta(days=31), Condition.OK),
        (timedelta(days=30), Condition.WARNING),
        (timedelta(seconds=1), Condition.WARNING),
        (timedelta(0), Condition.EXPIRED),
        (timedelta(days=-400), Condition.EXPIRED),
    ],
)
def test_a_month_before_its_end_is_time_to_replace_it(span: timedelta | None, expected: Condition) -> None:
    assert condition(None if span is None else NOW + span, NOW) is expected


async def test_all_is_well(memory: Memory) -> None:
    memory.credential.ends = NOW + timedelta(days=200)
    assert await examine(memory.ports) == Health(
        storage=Condition.OK,
        poisoned=0,
        credential_kind="secret",
        credential=Condition.OK,
        ends_on=(NOW + timedelta(days=200)).date(),
        days_left=200,
        portal_key=Condition.OK,
    )
    assert (await examine(memory.ports)).status is Condition.OK


async def test_an_end_that_nobody_knows_is_no_warning(memory: Memory) -> None:
    found = await examine(memory.ports)
    assert (found.credential, found.ends_on, found.days_left) == (Condition.UNKNOWN, None, None)
    assert found.status is Condition.OK


async def test_what_only_needs_a_look_is_a_warning(memory: Memory) -> None:
    memory.credential.ends = NOW + timedelta(days=10)
    assert (await examine(memory.ports)).status is Condition.WARNING
    memory.credential.ends = None
    memory.tasks.failed = 1
    assert ((await examine(memory.ports)).status, (await examine(memory.ports)).poisoned) == ("warning", 1)
    memory.tasks.failed = 0
    memory.portal.usable = False
    found = await examine(memory.ports)
    assert (found.portal_key, found.status) == (Condition.UNAVAILABLE, Condition.WARNING)


async def test_what_keeps_it_from_working_is_said_first(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.credential.ends = NOW - timedelta(days=2)
    found = await examine(memory.ports)
    assert (found.status, found.days_left) == (Condition.EXPIRED, -2)
    memory.credential.ends = ValueError("not a certificate")
    found = await examine(memory.ports)
    assert (found.status, found.credential, found.ends_on) == ("unavailable", "unavailable", None)
    memory.credential.ends = NOW - timedelta(days=2)

    async def silent(kind: str, value: str) -> None:
        raise StorageUnavailableError

    monkeypatch.setattr(memory.claims, "owner", silent)
    found = await examine(memory.ports)
    assert (found.status, found.storage, found.poisoned) == ("unavailable", "unavailable", None)


# The credential


def pem(ends: datetime, *, key_first: bool = True) -> str:
    """A private key and its certificate in one text."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(ends - timedelta(days=365))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return ((private + signed) if key_first else (signed + private)).decode()


def ends_at(**values: str) -> datetime | None:
    return Credential(Settings.from_mapping({**SETTINGS, **values})).ends_at()


@pytest.mark.parametrize("key_first", [True, False])
def test_a_certificate_carries_its_end(key_first: bool) -> None:
    end = datetime(2027, 3, 4, 5, 6, 7, tzinfo=UTC)
    text = pem(end, key_first=key_first)
    assert ends_at(MICROSOFT_CERTIFICATE=text) == end
    assert ends_at(MICROSOFT_CERTIFICATE=text.replace("\n", "\\n")) == end
    # it wins, as it does at sign-in
    assert ends_at(MICROSOFT_CERTIFICATE=text, MICROSOFT_SECRET_ENDS="2030-01-01") == end


def test_a_secret_ends_on_the_day_that_the_setting_names() -> None:
    assert ends_at() is None
    assert ends_at(MICROSOFT_SECRET_ENDS="2027-05-31") == datetime(2027, 5, 31, tzinfo=UTC)
    assert ends_at(MICROSOFT_SECRET_ENDS="2027-05-31") == datetime.combine(
        date(2027, 5, 31), datetime.min.time(), UTC
    )


def test_a_certificate_that_is_none_is_a_value_error() -> None:
    text = "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"
    text += "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    with pytest.raises(ValueError):
        ends_at(MICROSOFT_CERTIFICATE=text)
