"""The sandbox's Microsoft for tests.

A test module says `pytest_plugins = ["tests.microsoft"]`. One server per test process; every test starts
with the tenants as their file describes them and with a browser of its own.
"""

from collections.abc import Iterator

import pytest

from sandbox import tls
from sandbox.microsoft import Directory, Microsoft, Registration, sage_business_center
from sandbox.microsoft.registrations import Secret
from sandbox.microsoft.running import serving
from sandbox.microsoft.tenants import read_tenants
from tests.microsoft_application import (
    BASE,
    CLIENT_ID,
    EXPIRED_SECRET,
    HAPPY_ADMINISTRATOR,
    OTHER_CLIENT_ID,
    SECRET,
    SIGN_IN_CALLBACK,
    Application,
)

# Situations that no demonstration customer has; the state is data, so a test adds it as data.
FURTHER_TENANTS = [
    {
        "name": "special-cases",
        "tenant_id": "90b1f6d4-3c58-4a7e-b2c9-5e8d1f7a4b10",
        "display_name": "Cas Particuliers SAS",
        "domains": ["cas-particuliers.example", "casparticuliers.onmicrosoft.example"],
        "page_size": 1,
        "subscriptions": [
            {"product": "SPB", "units": 3},
            {"product": "AAD_PREMIUM", "units": 5, "status": "Suspended"},
            {"product": "AAD_PREMIUM_P2", "units": 2, "status": "Warning"},
        ],
        "users": [
            {
                "upn": "par.groupe@cas-particuliers.example",
                "name": "Par Groupe",
                "licences": [{"product": "SPB", "disabled": ["AAD_PREMIUM"]}],
            },
            {
                "upn": "eligible@cas-particuliers.example",
                "name": "Seulement Éligible",
                "roles": [{"role": "Global Administrator", "eligible": True}],
                "licences": [{"product": "SPB", "pending": ["AAD_PREMIUM"]}],
            },
            {
                "upn": "applications@cas-particuliers.example",
                "name": "Admin Applications",
                "roles": [
                    "Cloud Application Administrator",
                    {"role": "Global Administrator", "scope": "/administrativeUnits/1"},
                ],
            },
            {"upn": "bloque@cas-particuliers.example", "name": "Compte Bloqué", "enabled": False},
            {
                "upn": "sophie.lambert_menuiserie#EXT#@casparticuliers.onmicrosoft.example",
                "name": "Sophie Lambert",
                "user_type": "Guest",
                "home_account": HAPPY_ADMINISTRATOR,
                "roles": ["Global Administrator"],
            },
        ],
        "groups": [
            {
                "name": "Équipe",
                "members": ["par.groupe@cas-particuliers.example"],
                "licences": ["AAD_PREMIUM_P2"],
            },
            {"name": "Administrateurs", "members": ["Équipe"], "roles": ["Global Administrator"]},
        ],
    }
]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tls.Certificates:
    """TLS for localhost."""
    return tls.create(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def microsoft_server(certificates: tls.Certificates) -> Iterator[Microsoft]:
    """Microsoft on free ports, with the demonstration tenants and the further ones."""
    directory = Directory([*read_tenants(), *FURTHER_TENANTS])
    product = sage_business_center(CLIENT_ID, BASE, secret=SECRET)
    other = Registration(
        OTHER_CLIENT_ID,
        "Another application",
        (SIGN_IN_CALLBACK,),
        secrets=(Secret(EXPIRED_SECRET, expires_at=1.0), Secret(SECRET)),
        application_permissions=("Directory.Read.All",),
    )
    with serving(directory, [product, other], certificates) as microsoft:
        yield microsoft


@pytest.fixture
def application(
    microsoft_server: Microsoft, certificates: tls.Certificates, monkeypatch: pytest.MonkeyPatch
) -> Application:
    """The product's registration against tenants that nobody has touched yet."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.ca_file))
    for name in microsoft_server.directory.tenants:
        microsoft_server.directory.reset(name)
    return Application(microsoft_server, certificates.ca_file)
