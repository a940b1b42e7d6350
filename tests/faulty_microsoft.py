"""The product's own adapters at a Microsoft whose calls fail as a plan says.

A test module says `pytest_plugins = ["tests.faulty_microsoft"]`. Times are short, and what would be waited
between two attempts is recorded instead.
"""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from adapters.microsoft.entra import Entra
from adapters.microsoft.graph import Graph
from adapters.microsoft.retries import Retries
from adapters.microsoft.session import MicrosoftSession
from association.settings import Settings
from sandbox import tls
from sandbox.faults.plan import Plan
from sandbox.microsoft import Directory, sage_business_center
from sandbox.microsoft.running import serving
from tests.memory import SETTINGS
from tests.microsoft_application import BASE, CLIENT_ID, HAPPY, HAPPY_ADMINISTRATOR, SECRET, Application
from tests.microsoft_faults import JITTER, PATIENT, Disturbed, Waits


@pytest.fixture(scope="module")
def faulty_microsoft(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Application, Plan]]:
    """The product's registration, consented to in one tenant."""
    certificates, plan = tls.create(tmp_path_factory.mktemp("tls")), Plan()
    product = sage_business_center(CLIENT_ID, BASE, secret=SECRET)
    with (
        pytest.MonkeyPatch.context() as patched,
        serving(Directory.load(), [product], certificates, plan) as microsoft,
    ):
        patched.setenv("REQUESTS_CA_BUNDLE", str(certificates.ca_file))
        patched.setenv("SSL_CERT_FILE", str(certificates.ca_file))
        application = Application(microsoft, certificates.ca_file)
        application.consent(HAPPY_ADMINISTRATOR, application.directory.tenants[HAPPY].id)
        yield application, plan


@pytest.fixture
async def disturbed(faulty_microsoft: tuple[Application, Plan]) -> AsyncIterator[Disturbed]:
    """A worker's adapters, fresh: nothing is remembered of discovery and keys."""
    application, plan = faulty_microsoft
    values = {
        **SETTINGS,
        "MICROSOFT_AUTHORITY": application.back_channel,
        "MICROSOFT_LOGIN_ORIGIN": application.browser,
        "MICROSOFT_GRAPH_URL": f"{application.back_channel}/v1.0",
        "MICROSOFT_CLIENT_ID": CLIENT_ID,
        "MICROSOFT_CLIENT_SECRET": SECRET,
    }
    settings, waits = Settings.from_mapping(values), Waits()
    retries = Retries(sleep=waits, jitter=lambda: JITTER)
    session = MicrosoftSession(connect=PATIENT, read=PATIENT)
    entra = Entra(settings, session, lambda: datetime.now(UTC), retries)
    graph = Graph(settings, entra.app_token, PATIENT, retries)
    yield Disturbed(application, plan, entra, graph, waits)
    plan.clear()
    await graph.close()
    session.close()
