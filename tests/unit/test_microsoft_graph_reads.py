"""Graph as the product reads it: values out of JSON, pages followed, failures told apart."""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from adapters.microsoft.graph import MOST_PAGES, Graph
from association.errors import Answer, MicrosoftRefusedError, MicrosoftUnavailableError
from association.identity import PersonFacts, TenantFacts
from tests.memory import TENANT, Memory

P1_PLAN = "41781fb2-bc02-4b7c-bd55-b576c07bb09d"
ORGANIZATION = {
    "id": TENANT.upper(),
    "displayName": "Contoso",
    "verifiedDomains": [{"name": "Contoso.example"}, {"name": "contoso.onmicrosoft.example"}],
}
SKU = {
    "skuId": "CBDC14AB-d96c-4c30-b9f4-6ada7cdc1d46",
    "skuPartNumber": "SPB",
    "capabilityStatus": "Enabled",
    "servicePlans": [{"servicePlanId": P1_PLAN.upper(), "provisioningStatus": "Success"}],
}
ROLE = {"roleTemplateId": "62e90394-69f5-4237-9190-012177145e10", "displayName": "Global Administrator"}


def token(*roles: str) -> str:
    parts = ({"alg": "RS256", "typ": "JWT"}, {"roles": roles})
    head, claims = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts
    )
    return f"{head}.{claims}.c2ln"


class Microsoft:
    """Answers each path with what the test put there: a body, or a status and a body."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "organization": {"value": [ORGANIZATION]},
            "subscribedSkus": {"value": [SKU]},
            "licenseDetails": {"value": [SKU]},
            "directoryRole": {"value": [ROLE]},
        }
        self.asked: list[web.Request] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        found = self.answers[request.path.rpartition("/")[2].rpartition(".")[2]]
        status, body = found if isinstance(found, tuple) else (200, found)
        if isinstance(body, list):
            body = body.pop(0) if len(body) > 1 else body[0]
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, content_type="application/json")


@pytest.fixture
async def microsoft() -> AsyncIterator[Microsoft]:
    made, app = Microsoft(), web.Application()
    app.router.add_get("/{path:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1.0"
    yield made
    await runner.cleanup()


@pytest.fixture
async def graph(microsoft: Microsoft) -> AsyncIterator[Graph]:
    settings = replace(Memory().ports.settings, graph_url=microsoft.url)

    async def app_token(tenant_id: str) -> str:
        return token("Organization.Read.All")

    made = Graph(settings, app_token, timeout=2)
    yield made
    await made.close()


def error(status: int, code: str = "Authorization_RequestDenied") -> tuple[int, Any]:
    return status, {"error": {"code": code, "message": "names marie@client.example"}}


async def test_a_tenant_is_read(graph: Graph) -> None:
    facts = await graph.tenant_facts(TENANT)
    assert (facts.tenant_id, facts.organisation) == (TENANT, "Contoso")
    assert facts.roles == {"Organization.Read.All"}
    assert facts.domains == {"contoso.example", "contoso.onmicrosoft.example"}
    assert facts.subscriptions is not None
    (subscription,) = facts.subscriptions
    assert (subscription.sku_id, subscription.status) == (SKU["skuId"].lower(), "Enabled")  # type: ignore[attr-defined] # a text
    assert subscription.plan_ids == {P1_PLAN}


async def test_a_person_is_read(graph: Graph, microsoft: Microsoft) -> None:
    facts = await graph.person_facts("delegated")
    assert facts.licences is not None and facts.roles is not None
    assert facts.licences[0].plans == {P1_PLAN: "Success"}
    assert facts.roles[0].name == "Global Administrator"
    assert {request.headers["Authorization"] for request in microsoft.asked} == {"Bearer delegated"}
    assert all(request.path.startswith("/v1.0/me/") for request in microsoft.asked)
    (roles,) = [request for request in microsoft.asked if "directoryRole" in request.path]
    assert (roles.headers["ConsistencyLevel"], roles.query["$count"]) == ("eventual", "true")


async def test_pages_are_followed_on_the_same_host(graph: Graph, microsoft: Microsoft) -> None:
    following = f"{microsoft.url}/subscribedSkus?$skiptoken=2"
    microsoft.answers["subscribedSkus"] = (
        200,
        [{"value": [SKU], "@odata.nextLink": following}, {"value": [SKU, SKU]}],
    )
    facts = await graph.tenant_facts(TENANT)
    assert len(facts.subscriptions or ()) == 3
    assert microsoft.asked[-1].query["$skiptoken"] == "2"
    assert microsoft.asked[-1].headers["Authorization"] == microsoft.asked[0].headers["Authorization"]


@pytest.mark.parametrize("link", ["https://evil.example/v1.0/x", "http://127.0.0.1:1/v1.0/subscribedSkus"])
async def test_the_token_goes_to_no_other_host(graph: Graph, microsoft: Microsoft, link: str) -> None:
    microsoft.answers["subscribedSkus"] = {"value": [SKU], "@odata.nextLink": link}
    with pytest.raises(MicrosoftUnavailableError) as caught:
        await graph.tenant_facts(TENANT)
    assert caught.value.detail == "call=graph reason=next_link_elsewhere"


async def test_pages_without_end_are_given_up(graph: Graph, microsoft: Microsoft) -> None:
    endless = {"value": [], "@odata.nextLink": f"{microsoft.url}/licenseDetails"}
    microsoft.answers["licenseDetails"] = endless
    with pytest.raises(MicrosoftUnavailableError):
        await graph.person_facts("delegated")
    assert len(microsoft.asked) <= MOST_PAGES + 1


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_what_is_refused_could_not_be_read(graph: Graph, microsoft: Microsoft, status: int) -> None:
    microsoft.answers["licenseDetails"] = error(status)
    facts = await graph.person_facts("delegated")
    assert facts.licences is None
    assert facts.roles is not None
    microsoft.answers["subscribedSkus"] = microsoft.answers["organization"] = error(status)
    tenant = await graph.tenant_facts(TENANT)
    assert (tenant.tenant_id, tenant.subscriptions, tenant.domains) == ("", None, frozenset())


@pytest.mark.parametrize(
    "answer",
    [
        error(429),
        error(500),
        error(503),
        error(504),
        (200, "<html>"),
        (502, "<html>"),
        (403, "<html>"),
    ],
    ids=str,
)
async def test_what_says_nothing_is_microsoft_unavailable(
    graph: Graph, microsoft: Microsoft, answer: tuple[int, Any]
) -> None:
    microsoft.answers["licenseDetails"] = answer
    with pytest.raises(MicrosoftUnavailableError) as caught:
        await graph.person_facts("delegated")
    assert "@" not in str(caught.value)
    assert len(microsoft.asked) == 2, "asked once each, never again"


async def test_graph_that_is_not_there_is_unavailable() -> None:
    async def app_token(tenant_id: str) -> str:
        return token()

    gone = Graph(replace(Memory().ports.settings, graph_url="http://127.0.0.1:1/v1.0"), app_token, 1)
    with pytest.raises(MicrosoftUnavailableError) as caught:
        await gone.tenant_facts(TENANT)
    assert caught.value.detail == "call=graph kind=ConnectError"
    await gone.close()


async def test_a_tenant_that_gives_no_token_could_not_be_asked(microsoft: Microsoft) -> None:
    async def refused(tenant_id: str) -> str:
        raise MicrosoftRefusedError(Answer.NOT_IN_TENANT)

    made = Graph(replace(Memory().ports.settings, graph_url=microsoft.url), refused)
    assert await made.tenant_facts(TENANT) == TenantFacts()
    assert microsoft.asked == []


@pytest.mark.parametrize("body", [{}, {"value": []}, {"value": None}], ids=str)
async def test_an_empty_answer_is_an_empty_list(graph: Graph, microsoft: Microsoft, body: Any) -> None:
    for name in microsoft.answers:
        microsoft.answers[name] = body
    assert await graph.person_facts("delegated") == PersonFacts(roles=(), licences=())
    tenant = await graph.tenant_facts(TENANT)
    assert (tenant.tenant_id, tenant.subscriptions) == ("", ())


async def test_a_role_whose_template_is_hidden_has_none(graph: Graph, microsoft: Microsoft) -> None:
    microsoft.answers["directoryRole"] = {"value": [{"id": "x", "roleTemplateId": None, "displayName": None}]}
    facts = await graph.person_facts("delegated")
    assert facts.roles is not None
    assert (facts.roles[0].template_id, facts.roles[0].name) == ("", "")
