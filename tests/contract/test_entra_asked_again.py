"""One worker asks for the same tenant again and again, within seconds: each answer is Microsoft's own."""

import pytest

from association.answer import Answer
from association.identity import GUID
from association.microsoft_errors import MicrosoftRefusedError
from sandbox.microsoft.conditions import set_on_tenant
from tests.memory import ROLES
from tests.microsoft_application import HAPPY, HAPPY_ADMINISTRATOR
from tests.microsoft_faults import Disturbed

pytest_plugins = ["tests.faulty_microsoft"]

STAGE_SECONDS = 10


@pytest.fixture
def tenant_id(disturbed: Disturbed) -> str:
    """A tenant that has just consented, and where that spreads in stages."""
    tenant = disturbed.application.directory.tenants[HAPPY]
    tenant.service_principals.clear()
    set_on_tenant(tenant, "slow_consent", {"stages": [STAGE_SECONDS] * 3})
    disturbed.application.consent(HAPPY_ADMINISTRATOR, tenant.id)
    assert GUID.fullmatch(tenant.id)
    return tenant.id


async def seen(disturbed: Disturbed, tenant_id: str) -> tuple[object, bool]:
    """The roles of a token, or why there is none; and whether Graph takes it."""
    try:
        roles = await disturbed.entra.app_roles(tenant_id)
    except MicrosoftRefusedError as error:
        return error.answer, False
    return roles, await disturbed.graph.lets_in(tenant_id)


async def test_neither_a_refusal_nor_a_token_without_roles_is_remembered(
    disturbed: Disturbed, tenant_id: str
) -> None:
    found = [await seen(disturbed, tenant_id)]
    for _ in range(3):
        disturbed.application.directory.advance(STAGE_SECONDS)
        found.append(await seen(disturbed, tenant_id))
    none: frozenset[str] = frozenset()
    assert found == [(Answer.NOT_IN_TENANT, False), (none, False), (ROLES, False), (ROLES, True)]
