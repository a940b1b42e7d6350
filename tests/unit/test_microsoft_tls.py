"""The sandbox's certificates: trusted through its own authority only, made once, repaired."""

import ssl
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from sandbox import tls


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tls.Certificates:
    return tls.create(tmp_path_factory.mktemp("with blank") / "deeper")


def shake_hands(certificates: tls.Certificates, host: str, trust: Path | None) -> None:
    """A whole TLS handshake in memory, as strict as Python 3.13's default."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cafile=trust) if trust else ssl.create_default_context()
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    client = context.wrap_bio(to_client, to_server, server_hostname=host)
    server = certificates.server_context().wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_who_trusts_the_authority_trusts_the_server(certificates: tls.Certificates, host: str) -> None:
    shake_hands(certificates, host, certificates.ca_file)


def test_nobody_else_trusts_the_server(certificates: tls.Certificates) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(certificates, "localhost", None)


def test_the_server_cannot_pretend_to_be_another_host(certificates: tls.Certificates) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(certificates, "login.microsoftonline.com", certificates.ca_file)


def test_a_second_start_makes_nothing_new(certificates: tls.Certificates) -> None:
    before = certificates.certificate_file.read_bytes()
    assert tls.create(certificates.certificate_file.parent) == certificates
    assert certificates.certificate_file.read_bytes() == before


def test_an_interrupted_start_is_repaired(tmp_path: Path) -> None:
    first = tls.create(tmp_path)
    first.certificate_file.unlink()
    again = tls.create(tmp_path)
    shake_hands(again, "localhost", again.ca_file)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no POSIX permissions")
def test_the_servers_key_is_not_readable_by_others(certificates: tls.Certificates) -> None:
    assert certificates.key_file.stat().st_mode & 0o077 == 0


def test_certificates_end_within_a_year(certificates: tls.Certificates) -> None:
    certificate = x509.load_pem_x509_certificate(certificates.certificate_file.read_bytes())
    assert 360 < (certificate.not_valid_after_utc - datetime.now(UTC)).days <= 365
