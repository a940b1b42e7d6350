"""The product's own reads of Graph against the sandbox's: what an application holds, what a person is."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from adapters.microsoft.graph import Graph
from association.identity import Role
from association.microsoft_errors import MicrosoftRefusedError
from association.prerequisites import GLOBAL_ADMINISTRATOR
from tests.contract.test_microsoft_graph import app_token, user_token
from tests.memory import Memory
from tests.microsoft_application import CLIENT_ID, HAPPY, HAPPY_ADMINISTRATOR, OTHER_CLIENT_ID, Application

pytest_plugins = ["tests.microsoft"]

BY_GROUP = "par.groupe@cas-particuliers.example"
ELIGIBLE = "eligible@cas-particuliers.example"


@pytest.fixture
async def graph(application: Application, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Graph]:
    """The adapter at the sandbox, with tokens as the token endpoint signs them."""
    monkeypatch.setenv("SSL_CERT_FILE", str(application.ca_file))

    async def token(tenant_id: str) -> str:
        (name,) = [one.name for one in application.directory.tenants.values() if one.id == tenant_id]
        return app_token(application, "Application.Read.All", tenant=name)

    made = Graph(
        replace(Memory().ports.settings, graph_url=f"{application.back_channel}/v1.0"), token, timeout=30
    )
    yield made
    await made.close()


async def test_what_applications_hold_is_read(application: Application, graph: Graph) -> None:
    tenant = application.directory.tenants[HAPPY]
    tenant.page_size = 1
    assert await graph.application_roles(tenant.id, [CLIENT_ID, OTHER_CLIENT_ID]) == {}
    application.consent(HAPPY_ADMINISTRATOR, "organizations")
    assert await graph.application_roles(tenant.id, [CLIENT_ID, OTHER_CLIENT_ID]) == {
        CLIENT_ID: {"Organization.Read.All", "Application.Read.All"}
    }


async def test_what_may_not_be_read_is_refused(
    application: Application, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def poor(tenant_id: str) -> str:
        return app_token(application, "Organization.Read.All")

    monkeypatch.setattr(graph, "_app_token", poor)
    with pytest.raises(MicrosoftRefusedError):
        await graph.application_roles(application.directory.tenants[HAPPY].id, [CLIENT_ID])


async def test_the_group_that_gives_a_role_is_named(application: Application, graph: Graph) -> None:
    token = user_token(application, BY_GROUP, "User.Read", "RoleManagement.Read.Directory")
    facts = await graph.person_facts(token)
    assert facts.roles == (
        Role(template_id=GLOBAL_ADMINISTRATOR, name="Global Administrator", group="Administrateurs"),
    )
    assert (facts.has_user_object, facts.is_guest, facts.eligible_roles) == (True, False, frozenset())


async def test_a_role_to_activate_is_read(application: Application, graph: Graph) -> None:
    token = user_token(application, ELIGIBLE, "User.Read", "RoleManagement.Read.Directory")
    facts = await graph.person_facts(token)
    assert (facts.roles, facts.eligible_roles) == ((), frozenset({GLOBAL_ADMINISTRATOR}))
    unreadable = await graph.person_facts(user_token(application, ELIGIBLE, "User.Read"))
    assert unreadable.eligible_roles is None


async def test_a_role_of_ones_own_has_no_group(application: Application, graph: Graph) -> None:
    token = user_token(application, HAPPY_ADMINISTRATOR, "User.Read", "RoleManagement.Read.Directory")
    facts = await graph.person_facts(token)
    assert facts.roles is not None
    assert [(role.template_id, role.group) for role in facts.roles] == [(GLOBAL_ADMINISTRATOR, None)]
    assert facts.eligible_roles is None, "without P2 in the tenant Microsoft does not tell"
