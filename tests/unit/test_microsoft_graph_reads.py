"""Graph as the product reads it: values out of JSON, pages followed, failures told apart."""

import asyncio
import base64
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from adapters.microsoft.graph import Graph
from adapters.microsoft.graph_client import MOST_PAGES
from adapters.microsoft.retries import REPEATS, Retries
from association.answer import Answer
from association.identity import PersonFacts, TenantFacts
from association.microsoft_errors import MicrosoftRefusedError, MicrosoftUnavailableError
from tests.memory import PERSON, TENANT, Memory

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
GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
ROLE = {"id": "role-1", "roleTemplateId": GLOBAL_ADMINISTRATOR, "displayName": "Global Administrator"}
ELIGIBLE = "roleManagement/directory/roleEligibilityScheduleInstances/filterByCurrentUser(on='principal')"
DIRECT, GROUPS = "me/memberOf/graph.directoryRole", "me/transitiveMemberOf/graph.group"
ASSIGNMENTS = "roleManagement/directory/roleAssignments"


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
            "me": {"id": PERSON, "userType": "Member"},
            "subscriptions": {"value": []},
            ELIGIBLE: {"value": []},
        }
        self.asked: list[web.Request] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        path = request.path.removeprefix("/v1.0/")
        found = self.answers[path if path in self.answers else path.rpartition("/")[2].rpartition(".")[2]]
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

    async def at_once(seconds: float) -> None:
        """Nothing to wait for."""

    made = Graph(settings, app_token, timeout=2, retries=Retries(sleep=at_once))
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
    assert all(request.path.startswith(("/v1.0/me", f"/v1.0/{ELIGIBLE}")) for request in microsoft.asked)
    (roles,) = [request for request in microsoft.asked if "transitiveMemberOf" in request.path]
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
    assert len(microsoft.asked) <= MOST_PAGES + 4


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
    paths = Counter(request.path for request in microsoft.asked)
    assert paths.pop("/v1.0/me/licenseDetails") == 1 + (REPEATS.get(answer[0], 0))
    assert set(paths.values()) == {1}
    assert len(paths) == 4


async def test_graph_that_is_not_there_is_unavailable() -> None:
    async def app_token(tenant_id: str) -> str:
        return token()

    gone = Graph(replace(Memory().ports.settings, graph_url="http://127.0.0.1:1/v1.0"), app_token, 1)
    with pytest.raises(MicrosoftUnavailableError) as caught:
        await gone.tenant_facts(TENANT)
    assert caught.value.detail == "call=graph kind=ConnectError"
    await gone.close()


async def test_a_handshake_that_is_given_up_leaves_no_connection_open() -> None:
    served: list[asyncio.Task[None] | None] = []

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())
        while await reader.read(4096):
            """The client's hello, which nobody answers."""
        writer.close()
        await writer.wait_closed()

    async def app_token(tenant_id: str) -> str:
        return token()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as serving:
        url = f"https://127.0.0.1:{serving.sockets[0].getsockname()[1]}/v1.0"
        mute = Graph(replace(Memory().ports.settings, graph_url=url), app_token, timeout=0.3)
        with pytest.raises(MicrosoftUnavailableError) as caught:
            await mute.tenant_facts(TENANT)
        assert caught.value.detail == "call=graph kind=Timeout"
        _, waiting = await asyncio.wait([task for task in served if task], timeout=5)
        assert served and not waiting
        await mute.close()


async def test_a_tenant_that_gives_no_token_could_not_be_asked(microsoft: Microsoft) -> None:
    async def refused(tenant_id: str) -> str:
        raise MicrosoftRefusedError(Answer.NOT_IN_TENANT)

    made = Graph(replace(Memory().ports.settings, graph_url=microsoft.url), refused)
    assert await made.tenant_facts(TENANT) == TenantFacts()
    assert microsoft.asked == []


async def test_an_empty_collection_is_an_empty_list(graph: Graph, microsoft: Microsoft) -> None:
    for name in microsoft.answers.keys() - {"me"}:
        microsoft.answers[name] = {"value": []}
    facts = await graph.person_facts("delegated")
    assert facts == PersonFacts(roles=(), licences=(), has_user_object=True, eligible_roles=frozenset())
    tenant = await graph.tenant_facts(TENANT)
    assert (tenant.tenant_id, tenant.subscriptions) == ("", ())


@pytest.mark.parametrize(
    "body",
    [
        [],
        "text",
        {},
        {"value": None},
        {"value": {"id": "x"}},
        {"value": [None]},
        {"value": ["text"]},
        {"value": [{"servicePlans": 7}]},
        {"value": [{"servicePlans": ["text"]}]},
        {"value": [{"servicePlans": {"servicePlanId": P1_PLAN}}]},
    ],
    ids=str,
)
async def test_what_is_no_collection_is_no_empty_one(graph: Graph, microsoft: Microsoft, body: Any) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    microsoft.answers["licenseDetails"] = text
    with pytest.raises(MicrosoftUnavailableError):
        await graph.person_facts("delegated")
    microsoft.answers["subscribedSkus"] = text
    with pytest.raises(MicrosoftUnavailableError):
        await graph.tenant_facts(TENANT)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("organization", {"value": [{"id": TENANT, "verifiedDomains": ["contoso.example"]}]}),
        ("organization", {"value": [{"id": TENANT, "verifiedDomains": 1}]}),
    ],
    ids=str,
)
async def test_a_tenant_of_another_shape_is_unavailable(
    graph: Graph, microsoft: Microsoft, name: str, body: Any
) -> None:
    microsoft.answers[name] = body
    with pytest.raises(MicrosoftUnavailableError, match="reason=shape"):
        await graph.tenant_facts(TENANT)


async def test_a_role_whose_template_is_hidden_has_none(graph: Graph, microsoft: Microsoft) -> None:
    microsoft.answers["directoryRole"] = {"value": [{"id": "x", "roleTemplateId": None, "displayName": None}]}
    facts = await graph.person_facts("delegated")
    assert facts.roles is not None
    assert (facts.roles[0].template_id, facts.roles[0].name) == ("", "")


# What only explains a result


@pytest.mark.parametrize("answer", [error(400), error(403), error(429), error(500), (200, "<html>")], ids=str)
async def test_what_only_explains_a_result_may_be_missing(
    graph: Graph, microsoft: Microsoft, answer: tuple[int, Any]
) -> None:
    for name in ("me", DIRECT, ELIGIBLE, "subscriptions"):
        microsoft.answers[name] = answer
    person = await graph.person_facts("delegated")
    assert (person.has_user_object, person.is_guest, person.eligible_roles) == (None, False, None)
    assert person.roles is not None and person.roles[0].group is None
    assert person.licences is not None
    tenant = await graph.tenant_facts(TENANT)
    assert tenant.subscriptions is not None
    assert (tenant.subscriptions[0].is_trial, tenant.subscriptions[0].next_change) == (False, None)


async def test_somebody_who_is_no_user_of_the_tenant_is_told_from_one_who_is_not_told(
    graph: Graph, microsoft: Microsoft
) -> None:
    microsoft.answers["me"] = error(404, "Request_ResourceNotFound")
    assert (await graph.person_facts("delegated")).has_user_object is False


async def test_a_guest_is_told_by_the_user_type(graph: Graph, microsoft: Microsoft) -> None:
    assert (await graph.person_facts("delegated")).is_guest is False
    microsoft.answers["me"] = {"id": PERSON, "userType": "Guest"}
    assert (await graph.person_facts("delegated")).is_guest is True
    (asked,) = {request.query["$select"] for request in microsoft.asked if request.path == "/v1.0/me"}
    assert asked == "id,userType"


async def test_a_role_that_is_eligible_everywhere_is_told(graph: Graph, microsoft: Microsoft) -> None:
    other = "fe930be7-5e62-47db-91af-98c3a49a38b1"
    microsoft.answers[ELIGIBLE] = {
        "value": [
            {"roleDefinitionId": GLOBAL_ADMINISTRATOR, "directoryScopeId": "/"},
            {"roleDefinitionId": other, "directoryScopeId": "/administrativeUnits/1"},
        ]
    }
    assert (await graph.person_facts("delegated")).eligible_roles == frozenset({GLOBAL_ADMINISTRATOR})


def held_by(principal: str, name: str | None, scope: str = "/") -> dict[str, Any]:
    return {"principalId": principal, "directoryScopeId": scope, "principal": {"displayName": name}}


@pytest.mark.parametrize(
    ("assignments", "expected"),
    [
        pytest.param([held_by("g2", "Administrateurs")], "Administrateurs", id="the group is named"),
        pytest.param([held_by("g2", None)], "", id="a group without a name"),
        pytest.param([{"principalId": "g2", "directoryScopeId": "/"}], "", id="nothing of the group"),
        pytest.param([held_by("g2", "A", "/administrativeUnits/1")], None, id="not for the whole tenant"),
        pytest.param([held_by("g9", "Autres"), held_by("u1", "Marie")], None, id="somebody else's group"),
        pytest.param([held_by("g9", "Autres"), held_by("g1", "Direction")], "Direction", id="among others"),
    ],
)
async def test_the_group_that_gives_a_role_is_found(
    graph: Graph, microsoft: Microsoft, assignments: list[dict[str, Any]], expected: str | None
) -> None:
    microsoft.answers |= {
        DIRECT: {"value": []},
        GROUPS: {"value": [{"id": "g1"}, {"id": "g2"}]},
        ASSIGNMENTS: {"value": assignments},
    }
    facts = await graph.person_facts("delegated")
    assert facts.roles is not None
    assert [(role.template_id, role.group) for role in facts.roles] == [(GLOBAL_ADMINISTRATOR, expected)]
    (asked,) = [request for request in microsoft.asked if request.path.endswith("roleAssignments")]
    assert asked.query["$filter"] == f"roleDefinitionId eq '{GLOBAL_ADMINISTRATOR}'"


async def test_a_group_that_may_not_be_read_leaves_the_role(graph: Graph, microsoft: Microsoft) -> None:
    microsoft.answers |= {DIRECT: {"value": []}, GROUPS: error(403), ASSIGNMENTS: error(403)}
    facts = await graph.person_facts("delegated")
    assert facts.roles is not None
    assert [(role.template_id, role.group) for role in facts.roles] == [(GLOBAL_ADMINISTRATOR, None)]


def purchase(
    status: str = "Enabled", *, trial: bool = True, ends: Any = "2026-12-20T00:00:00Z"
) -> dict[str, Any]:
    return {"skuId": SKU["skuId"], "status": status, "isTrial": trial, "nextLifecycleDateTime": ends}


ENDS = datetime(2026, 12, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("purchases", "expected"),
    [
        pytest.param([purchase()], (True, ENDS), id="a trial"),
        pytest.param([purchase(trial=False)], (False, ENDS), id="bought"),
        pytest.param([purchase(), purchase(trial=False)], (False, ENDS), id="a trial, and bought since"),
        pytest.param(
            [purchase(), purchase("Suspended", trial=False)], (True, ENDS), id="only the trial counts"
        ),
        pytest.param([purchase(), purchase(ends="2026-11-01T00:00:00Z")], (True, ENDS), id="the later end"),
        pytest.param([purchase(ends="2026-12-20T00:00:00.0000000Z")], (True, ENDS), id="Microsoft's digits"),
        pytest.param([purchase(ends=None)], (True, None), id="without a date"),
        pytest.param([purchase(ends="soon")], (True, None), id="not a date"),
        pytest.param([{**purchase(), "skuId": P1_PLAN}], (False, None), id="another product's"),
        pytest.param([], (False, None), id="not told"),
    ],
)
async def test_a_trial_and_its_end_are_read(
    graph: Graph, microsoft: Microsoft, purchases: list[dict[str, Any]], expected: tuple[bool, Any]
) -> None:
    microsoft.answers["subscriptions"] = {"value": purchases}
    tenant = await graph.tenant_facts(TENANT)
    (read,) = tenant.subscriptions or ()
    assert (read.is_trial, read.next_change) == expected


async def test_graph_lets_our_token_in_or_not_yet(graph: Graph, microsoft: Microsoft) -> None:
    assert await graph.lets_in(TENANT) is True
    microsoft.answers["organization"] = error(403)
    assert await graph.lets_in(TENANT) is False
    microsoft.answers["organization"] = error(503)
    with pytest.raises(MicrosoftUnavailableError):
        await graph.lets_in(TENANT)


# What applications were granted

CONTACT, AUTOMATE, GONE = (f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))
OF_CONTACT, OF_AUTOMATE, OF_GRAPH, OF_SHAREPOINT = "sp-contact", "sp-automate", "sp-graph", "sp-sharepoint"


def granted(resource: str, role_id: str) -> dict[str, str]:
    return {"resourceId": resource, "appRoleId": role_id}


def offering(**roles: str) -> dict[str, Any]:
    return {"appRoles": [{"id": identifier, "value": value} for identifier, value in roles.items()]}


@pytest.fixture
def granting(microsoft: Microsoft) -> Microsoft:
    microsoft.answers |= {
        f"servicePrincipals(appId='{CONTACT}')": {"id": OF_CONTACT},
        f"servicePrincipals(appId='{AUTOMATE}')": {"id": OF_AUTOMATE},
        f"servicePrincipals(appId='{GONE}')": error(404, "Request_ResourceNotFound"),
        f"servicePrincipals/{OF_CONTACT}/appRoleAssignments": {"value": [granted(OF_GRAPH, "r1")]},
        f"servicePrincipals/{OF_AUTOMATE}/appRoleAssignments": {
            "value": [granted(OF_GRAPH, "r2"), granted(OF_SHAREPOINT, "r1"), granted(OF_GRAPH, "unknown")]
        },
        f"servicePrincipals/{OF_GRAPH}": offering(r1="Mail.Read", r2="User.Read.All", r3="Sites.Read.All"),
        f"servicePrincipals/{OF_SHAREPOINT}": offering(r1="Sites.Selected"),
    }
    return microsoft


async def test_the_roles_of_applications_are_told_by_their_values(graph: Graph, granting: Microsoft) -> None:
    assert await graph.application_roles(TENANT, [CONTACT, AUTOMATE, CONTACT]) == {
        CONTACT: {"Mail.Read"},
        AUTOMATE: {"User.Read.All", "Sites.Selected"},
    }
    paths = [request.path for request in granting.asked]
    assert len(paths) == len(set(paths)) == 6, "each resource is read once"


async def test_an_application_that_is_not_in_the_tenant_is_not_in_the_answer(
    graph: Graph, granting: Microsoft
) -> None:
    assert await graph.application_roles(TENANT, [GONE]) == {}
    assert (await graph.application_roles(TENANT, [GONE, CONTACT])).keys() == {CONTACT}


async def test_an_application_without_roles_is_in_the_tenant_all_the_same(
    graph: Graph, granting: Microsoft
) -> None:
    granting.answers[f"servicePrincipals/{OF_CONTACT}/appRoleAssignments"] = {"value": []}
    assert await graph.application_roles(TENANT, [CONTACT]) == {CONTACT: frozenset()}


async def test_the_pages_of_an_applications_roles_are_followed(graph: Graph, granting: Microsoft) -> None:
    path = f"servicePrincipals/{OF_CONTACT}/appRoleAssignments"
    first = {"value": [granted(OF_GRAPH, "r1")], "@odata.nextLink": f"{granting.url}/{path}?$skiptoken=2"}
    granting.answers[path] = (200, [first, {"value": [granted(OF_GRAPH, "r3")]}])
    roles = await graph.application_roles(TENANT, [CONTACT])
    assert roles == {CONTACT: {"Mail.Read", "Sites.Read.All"}}


@pytest.mark.parametrize(
    "path",
    [
        f"servicePrincipals(appId='{CONTACT}')",
        f"servicePrincipals/{OF_CONTACT}/appRoleAssignments",
        f"servicePrincipals/{OF_GRAPH}",
    ],
)
async def test_roles_that_may_not_be_read_are_refused_and_not_taken_for_none(
    graph: Graph, granting: Microsoft, path: str
) -> None:
    granting.answers[path] = error(403)
    with pytest.raises(MicrosoftRefusedError):
        await graph.application_roles(TENANT, [CONTACT])
    granting.answers[path] = error(503)
    with pytest.raises(MicrosoftUnavailableError):
        await graph.application_roles(TENANT, [CONTACT])


async def test_a_tenant_that_gives_no_token_refuses_its_applications_too(microsoft: Microsoft) -> None:
    async def refused(tenant_id: str) -> str:
        raise MicrosoftRefusedError(Answer.NOT_IN_TENANT)

    made = Graph(replace(Memory().ports.settings, graph_url=microsoft.url), refused)
    with pytest.raises(MicrosoftRefusedError):
        await made.application_roles(TENANT, [CONTACT])
