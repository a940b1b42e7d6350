"""The control application over HTTP: the page, the JSON, and the changes it refuses."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

import sandbox
from sandbox.control import control_app
from sandbox.microsoft import Directory, sage_business_center

CUSTOMERS = json.loads((Path(sandbox.__file__).parent / "customers.json").read_text(encoding="utf-8"))
GIRARD = "/tenants/transports-girard"
MARC = "marc.girard@transports-girard.example"
LEA = "lea.fontaine@transports-girard.example"
CLIENT_ID = "6a4d1c7e-2b93-4f58-8e07-d5c1b9a3f246"

Client = TestClient[Any, Any]


@pytest.fixture
def directory() -> Directory:
    return Directory.load(now=lambda: 1_750_000_000.0)


@pytest.fixture
async def client(directory: Directory) -> AsyncIterator[Client]:
    async with TestClient(TestServer(control_app(directory, CUSTOMERS))) as client:
        yield client


async def change(client: Client, path: str, body: Any) -> tuple[int, Any]:
    async with client.post(path, json=body) as response:
        return response.status, await response.json()


async def test_the_page_tells_of_every_customer_what_to_expect(client: Client) -> None:
    async with client.get("/") as response:
        text = await response.text()
    assert response.status == 200
    for customer in CUSTOMERS:
        assert customer["order"]["order_number"] in text
        assert customer["account"] in text
    assert "Roussel Participations SAS" in text


async def test_each_button_of_the_page_is_a_change_that_is_known(client: Client) -> None:
    async with client.get("/") as response:
        text = await response.text()
    verbs = set(re.findall(r'<button name="(\w+)"', text))
    assert verbs == {"buy", "assign", "give_role", "take_role", "reset", "advance_seconds"}


async def test_tenants_are_listed_and_told_one_by_one(client: Client) -> None:
    async with client.get("/tenants") as response:
        listed = await response.json()
    async with client.get(GIRARD) as response:
        one = await response.json()
    assert one in listed
    assert one["subscriptions"] == [{"product": "O365_BUSINESS_PREMIUM", "units": 25, "status": "Enabled"}]
    assert [user["active_roles"] for user in one["users"]] == [["Global Administrator"], []]


async def test_buying_and_assigning_p1(client: Client) -> None:
    status, tenant = await change(client, GIRARD, {"buy": "AAD_PREMIUM", "units": 5})
    assert (status, tenant["subscriptions"][1]["units"]) == (200, 5)
    status, tenant = await change(client, GIRARD, {"assign": "AAD_PREMIUM", "to": MARC})
    assert (status, tenant["users"][0]["licences"]) == (200, ["O365_BUSINESS_PREMIUM", "AAD_PREMIUM"])
    status, tenant = await change(client, GIRARD, {"unassign": "AAD_PREMIUM", "from": MARC})
    assert (status, tenant["users"][0]["licences"]) == (200, ["O365_BUSINESS_PREMIUM"])


async def test_a_product_can_be_named_by_its_sku_id(client: Client) -> None:
    status, tenant = await change(client, GIRARD, {"buy": "078d2b04-f1bd-4111-bbd4-b4b1b354cef4"})
    assert (status, tenant["subscriptions"][1]["product"]) == (200, "AAD_PREMIUM")


async def test_a_role_is_given_and_taken(client: Client) -> None:
    role = "62e90394-69f5-4237-9190-012177145e10"
    _, tenant = await change(client, GIRARD, {"give_role": role, "to": LEA})
    assert tenant["users"][1]["active_roles"] == ["Global Administrator"]
    _, tenant = await change(client, GIRARD, {"take_role": "Global Administrator", "from": LEA})
    assert tenant["users"][1]["active_roles"] == []


async def test_a_consent_is_shown_withdrawn_and_offered_as_a_button(
    client: Client, directory: Directory
) -> None:
    app = sage_business_center(CLIENT_ID, "http://localhost:7071")
    tenant = directory.tenants["transports-girard"]
    directory.grant_admin_consent(tenant, app, app.application_permissions, app.delegated_permissions)
    async with client.get("/") as response:
        assert f'name="withdraw_consent" value="{CLIENT_ID}"' in await response.text()
    async with client.get(GIRARD) as response:
        (consent,) = (await response.json())["consents"]
    assert consent["application_permissions"] == ["Organization.Read.All", "Application.Read.All"]
    status, told = await change(client, GIRARD, {"withdraw_consent": CLIENT_ID})
    assert (status, told["consents"]) == (200, [])


async def test_reset_puts_everything_back(client: Client) -> None:
    async with client.get(GIRARD) as response:
        before = await response.json()
    await change(client, GIRARD, {"buy": "SPB"})
    await change(client, GIRARD, {"give_role": "Global Reader", "to": LEA})
    assert await change(client, GIRARD, {"reset": True}) == (200, before)


@pytest.mark.parametrize(
    ("body", "status", "fields"),
    [
        pytest.param(
            {"buy": "SPB", "unit": 3, "colour": "red"}, 400, ["colour", "unit"], id="unknown fields"
        ),
        pytest.param({"sell": "SPB"}, 400, ["sell"], id="unknown change"),
        pytest.param({}, 400, [], id="nothing"),
        pytest.param([], 400, [], id="no object"),
        pytest.param({"buy": "SPB", "reset": True}, 400, ["buy", "reset"], id="two changes"),
        pytest.param({"buy": "OFFICE_97"}, 400, ["buy"], id="unknown product"),
        pytest.param({"buy": ["SPB"]}, 400, ["buy"], id="product of a wrong type"),
        pytest.param({"buy": "SPB", "units": 0}, 400, ["units"], id="no units"),
        pytest.param({"buy": "SPB", "units": "5"}, 400, ["units"], id="units as text"),
        pytest.param({"buy": "SPB", "units": True}, 400, ["units"], id="units as a yes"),
        pytest.param({"assign": "O365_BUSINESS_PREMIUM"}, 400, ["to"], id="nobody"),
        pytest.param({"assign": "SPB", "to": "x@y.example"}, 400, ["to"], id="unknown person"),
        pytest.param({"assign": "SPB", "to": MARC}, 409, ["assign"], id="nothing free"),
        pytest.param({"assign": "O365_BUSINESS_PREMIUM", "to": MARC}, 409, ["to"], id="already assigned"),
        pytest.param({"unassign": "SPB", "from": MARC}, 409, ["from"], id="not assigned"),
        pytest.param({"give_role": "King", "to": MARC}, 400, ["give_role"], id="unknown role"),
        pytest.param({"give_role": {}, "to": MARC}, 400, ["give_role"], id="role of a wrong type"),
        pytest.param({"take_role": "Global Administrator", "from": LEA}, 409, ["from"], id="role not held"),
        pytest.param({"withdraw_consent": CLIENT_ID}, 409, ["withdraw_consent"], id="no consent"),
        pytest.param({"withdraw_consent": {}}, 400, ["withdraw_consent"], id="client id of a wrong type"),
        pytest.param({"reset": "yes"}, 400, ["reset"], id="reset without true"),
    ],
)
async def test_a_change_that_is_refused_names_its_fields_and_changes_nothing(
    client: Client, body: Any, status: int, fields: list[str]
) -> None:
    async with client.get(GIRARD) as response:
        before = await response.json()
    refused_status, refused = await change(client, GIRARD, body)
    assert (refused_status, refused["fields"]) == (status, fields)
    async with client.get(GIRARD) as response:
        assert await response.json() == before


async def test_a_body_that_is_not_json_is_refused(client: Client) -> None:
    headers = {"Content-Type": "application/json"}
    async with client.post(GIRARD, data="{", headers=headers) as response:
        assert response.status == 400


async def test_an_unknown_tenant_is_404(client: Client) -> None:
    assert (await change(client, "/tenants/nobody", {"reset": True}))[0] == 404


async def test_the_pages_forms_do_the_same_and_lead_back(client: Client) -> None:
    form = {"buy": "AAD_PREMIUM", "units": "5"}
    async with client.post(GIRARD, data=form, allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (303, "/#transports-girard")
    async with client.post(GIRARD, data={"assign": "AAD_PREMIUM", "to": MARC}) as response:
        assert response.status == 200
    async with client.get(GIRARD) as response:
        assert "AAD_PREMIUM" in (await response.json())["users"][0]["licences"]
    async with client.post(GIRARD, data={"reset": "true"}) as response:
        assert response.status == 200


async def test_a_form_that_is_refused_says_so_on_the_page(client: Client) -> None:
    async with client.post(GIRARD, data={"assign": "AAD_PREMIUM", "to": MARC}) as response:
        text = await response.text()
    assert response.status == 409
    assert "Ce changement n'est pas possible" in text
    assert "Clients de démonstration" in text


async def test_the_clock_moves_forward_only(client: Client, directory: Directory) -> None:
    status, clock = await change(client, "/clock", {"advance_seconds": 20})
    assert (status, clock) == (200, {"now": "2025-06-15T15:07:00+00:00", "advanced_seconds": 20})
    assert directory.clock() == 1_750_000_020.0
    async with client.get("/clock") as response:
        assert await response.json() == clock
    for body in ({"advance_seconds": -1}, {"advance_seconds": "20"}, {}, {"advance_seconds": 1, "by": 2}):
        assert (await change(client, "/clock", body))[0] == 400
    assert directory.clock() == 1_750_000_020.0
