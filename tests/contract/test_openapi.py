"""docs/openapi.yaml against the service over HTTP: schemathesis makes up good and bad requests from it."""

import copy
import functools
import json
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any, TypeAlias

import jsonschema_rs
import pytest
import requests
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_schema_conformance,
    status_code_conformance,
)

from association.facts import AcceptedBy
from association.grants import Standing
from association.health import Condition
from association.partition import MailStatus, Prerequisite, Result
from association.rows import Leg
from association.share import ShareState
from association.steps import Cause, State, Step, Who
from functions.services import ROOT
from functions.web.boundary import STATUS
from sandbox.host.indexing import index_app
from sandbox.local_settings import FURTHER_APPLICATIONS
from tests.walks.people import Person
from tests.walks.world import Customer, World, running_world

Operation: TypeAlias = APIOperation[Any, Any, Any, Any]

FILE = ROOT / "docs" / "openapi.yaml"
DESCRIBED: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
# What the service reads more strictly than a schema can say; its rules have tests of their own.
for form, read in {
    "email": r"[a-z0-9]{1,10}(\.[a-z]{1,5})?@[a-z0-9]{1,10}\.example",
    "plain-name": r"[A-Za-zÀ-ÿ0-9&.,' -]{0,60}[A-Za-z]",
}.items():
    schemathesis.openapi.format(form, st.from_regex(read, fullmatch=True))
# Without `security`, or every other bad request would be one without a key, which the host answers by itself.
SCHEMA = schemathesis.openapi.from_dict({name: DESCRIBED[name] for name in DESCRIBED if name != "security"})
OPERATIONS: dict[str, Operation] = {
    found.ok().label: found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)
}
MADE_UP = [
    (label, mode)
    for label, operation in OPERATIONS.items()
    for mode in GenerationMode
    if mode.is_positive or operation.body or operation.query
]
# Left out on purpose: the host knows no 405 (a wrong method is a 404), and keys have tests of their own.
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    positive_data_acceptance,
    negative_data_rejection,
]
EXAMPLES = 15


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("openapi")
    with running_world(folder, FURTHER_APPLICATIONS=json.dumps(FURTHER_APPLICATIONS)) as started:
        yield started


@pytest.fixture(scope="module")
def bound(world: World) -> dict[str, Any]:
    """The order of a bound association, with its answer."""
    return walked(world, world.customer("menuiserie-lambert"))


def walked(world: World, customer: Customer) -> dict[str, Any]:
    order = world.orders(customer)
    person = Person(world, customer.account)
    page = person.walks_to_the_end(world.link(order))
    for application in FURTHER_APPLICATIONS:
        page = person.authorises(page, application["key"])
    assert page.is_headed("done.title")
    return {**order, "tenant_id": world.tenant(customer.tenant)["tenant_id"]}


def prepared(case: Case[Any], order: dict[str, Any]) -> Case[Any]:
    """The case with what no schema can say: what exists, two numbers that are equal, exactly one key."""
    known = {"id": order["association_id"], "order_number": order["order_number"]}
    for name in known.keys() & (case.path_parameters or {}).keys():
        case.path_parameters = {name: known[name]}
    if is_good(case) and case.operation.label == "GET /support/associations":
        case.query = dict(list((case.query or {}).items())[:1]) or {"reference": order["reference"]}
    if is_good(case) and isinstance(case.body, dict) and case.operation.label == "POST /orders":
        case.body["azure_ad_users"] = case.body.get("office365_users")
    if is_good(case) and isinstance(case.body, dict) and case.operation.label.endswith("release-tenant"):
        case.body["tenant_id"] = order["tenant_id"]
    if is_good(case) and isinstance(case.body, dict) and case.operation.label.endswith("waive-application"):
        case.body["application"] = FURTHER_APPLICATIONS[0]["key"]
    if is_good(case) and isinstance(case.body, dict) and case.operation.label.endswith("resend-link"):
        case.body.pop("mail", "")  # none has failed
    return case


def is_good(case: Case[Any]) -> bool:
    return case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE


def hold(world: World, operation: Operation, mode: GenerationMode, order: dict[str, Any]) -> None:
    """Hold what the service answers to made-up requests against the operation's description.

    Half of them are about `order` and its association, the others about an association that nobody knows.
    """

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), exists=st.booleans())
    def ask(case: Case[Any], exists: bool) -> None:
        prepared(case, order if exists else {**order, "association_id": "0" * 32})
        case.call_and_validate(base_url=world.host, headers=world.key, checks=CHECKS)

    ask()


@pytest.mark.parametrize(("label", "mode"), MADE_UP)
def test_every_answer_is_as_described(
    world: World, bound: dict[str, Any], label: str, mode: GenerationMode
) -> None:
    # a link that others have revoked or closed can't be sent again
    order = world.orders(world.customer("menuiserie-lambert")) if "resend" in label else bound
    hold(world, OPERATIONS[label], mode, order)


def untrue(schema: Callable[[dict[str, Any]], object], label: str) -> Operation:
    """An operation of the description with something in it changed."""
    described = copy.deepcopy({name: DESCRIBED[name] for name in DESCRIBED if name != "security"})
    schema(described)
    operation = schemathesis.openapi.from_dict(described).find_operation_by_label(label)
    assert operation
    return operation


def drop_a_field(described: dict[str, Any]) -> None:
    del described["components"]["schemas"]["Standing"]["properties"]["since"]


def rename_a_state(described: dict[str, Any]) -> None:
    described["components"]["schemas"]["State"]["enum"] = ["finished"]


def forget_the_404(described: dict[str, Any]) -> None:
    del described["paths"]["/support/associations/{id}/close"]["post"]["responses"]["404"]


def promise_another_type(described: dict[str, Any]) -> None:
    found = described["components"]["responses"]["Association"]["content"]
    found["application/xml"] = found.pop("application/json")


def want_no_reason(described: dict[str, Any]) -> None:
    body = described["components"]["requestBodies"]["Reason"]["content"]["application/json"]["schema"]
    del body["required"]


def allow_one_reason(described: dict[str, Any]) -> None:
    described["components"]["schemas"]["Reason"] = {"enum": ["because"]}


UNTRUE = [
    (drop_a_field, GenerationMode.POSITIVE),
    (rename_a_state, GenerationMode.POSITIVE),
    (forget_the_404, GenerationMode.POSITIVE),
    (promise_another_type, GenerationMode.POSITIVE),
    (want_no_reason, GenerationMode.POSITIVE),
    (allow_one_reason, GenerationMode.NEGATIVE),
]


@pytest.mark.parametrize(("change", "mode"), UNTRUE)
def test_a_description_that_is_not_true_is_found(
    world: World, bound: dict[str, Any], change: Callable[[dict[str, Any]], object], mode: GenerationMode
) -> None:
    operation = untrue(change, "POST /support/associations/{id}/close")
    with pytest.raises(FailureGroup):
        hold(world, operation, mode, bound)


# What no generator sends


BODIES = {
    "nothing": b"",
    "half": b'{"reason": ',
    "not utf-8": b'{"reason": "\xff"}',
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "not a number": b'{"reason": NaN}',
    "infinite": b'{"reason": 1e999}',
    "an endless integer": b'{"reason": ' + b"9" * 20_000 + b"}",
    "deep": b"[" * 20_000,
    "too large": b'{"reason": "' + b"x" * 40_000 + b'"}',
    "a NUL byte": b'{"reason": "a\\u0000b"}',
    "half a character": b'{"reason": "\\ud800"}',
    "a form": b"reason=because",
    "another case": b'{"Reason": "because"}',
}
PATHS = (
    "/orders",
    "/support/associations/search",
    *(
        f"/support/associations/{'0' * 32}/{verb}"
        for verb in (
            "renew-link",
            "revoke-link",
            "resend-link",
            "close",
            "release-tenant",
            "waive-application",
            "erase-person",
        )
    ),
)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_that_is_none_is_a_problem_and_no_defect(world: World, body: bytes) -> None:
    for path in PATHS:
        answer = requests.post(world.host + path, data=body, headers=world.key, timeout=30)
        assert answer.status_code == 400, f"{path} {answer.text}"
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "request_invalid"


@pytest.mark.parametrize("name", ["nothing", "half", "not utf-8", "not a number", "deep", "a form"])
def test_what_is_no_json_is_told_so(world: World, name: str) -> None:
    answer = requests.post(f"{world.host}/orders", data=BODIES[name], headers=world.key, timeout=30)
    (error,) = answer.json()["errors"]
    assert (error["field"], error["code"]) == ("body", "not_json")


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", ""])
def test_the_body_counts_and_not_what_its_type_says(world: World, kind: str) -> None:
    answer = requests.post(
        f"{world.host}/support/associations/search",
        data=b'{"order_number": "CMD-never"}',
        headers={**world.key, "Content-Type": kind},
        timeout=30,
    )
    assert (answer.status_code, answer.json()) == (200, {"associations": [], "next": None})


def test_a_whole_number_may_be_written_with_a_point(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    body = json.dumps({**customer.order, "office365_users": 3.0, "azure_ad_users": 3})
    answer = requests.post(f"{world.host}/orders", data=body, headers=world.key, timeout=30)
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("name", ["..", "%FF", "a%20b", "%2e%2e", "é", "x" * 3000, "'", "{id}", "\\"])
def test_a_path_that_names_nothing_is_not_found(world: World, name: str) -> None:
    for path in (f"/orders/{name}", f"/support/associations/{name}/close"):
        method = "GET" if path.startswith("/orders") else "POST"
        answer = requests.request(
            method, world.host + path, json={"reason": "r"}, headers=world.key, timeout=30
        )
        assert answer.status_code == 404, f"{path} {answer.text}"


def test_a_nul_byte_in_a_path_is_refused_by_the_host(world: World) -> None:
    for path in ("/orders/%00", "/support/associations?reference=%00"):
        answer = requests.get(world.host + path, headers=world.key, timeout=30)
        assert answer.status_code == (400 if path.startswith("/orders") else 200)


def test_an_order_without_a_number_is_not_found(world: World) -> None:
    for path in ("/orders", "/orders/", "/orders/%20"):
        answer = requests.get(world.host + path, headers=world.key, timeout=30)
        assert (answer.status_code, answer.json()["code"]) == (404, "association_unknown"), path


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_another_method_is_an_address_that_does_not_exist(world: World, method: str) -> None:
    for path in DESCRIBED["paths"]:
        answer = requests.request(method, world.host + path, headers=world.key, timeout=30)
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_head_is_answered_wherever_get_is(world: World, bound: dict[str, Any]) -> None:
    for path, item in DESCRIBED["paths"].items():
        if "get" in item:
            address = world.host + path.format(order_number=bound["order_number"])
            got, head = (
                requests.request(method, address, headers=world.key, timeout=30) for method in ("GET", "HEAD")
            )
            assert (head.status_code, head.content) == (got.status_code, b"")


def test_without_its_key_every_operation_but_one_is_refused(world: World) -> None:
    for path, item in DESCRIBED["paths"].items():
        for method in item.keys() & {"get", "post"}:
            address = world.host + path.replace("{", "").replace("}", "")
            refused = requests.request(method, address, json={}, timeout=30)
            if item[method].get("security") == []:
                assert refused.status_code == 200
                continue
            assert (refused.status_code, refused.content) == (401, b"")
            key = next(iter(world.key.values()))
            in_query = requests.request(method, address, params={"code": key}, json={}, timeout=30)
            assert (in_query.status_code, in_query.json()["code"]) == (401, "key_in_query")


# The description itself


def test_every_address_of_the_json_side_is_described_and_no_other() -> None:
    routes = {
        (f"/{one.trigger['route']}".replace("{*", "{"), method.lower())
        for one in index_app(ROOT)
        if one.name.startswith(("orders_", "support_", "health"))
        for method in one.trigger["methods"]
    }
    described = {
        (path, method)
        for path, item in DESCRIBED["paths"].items()
        for method in item.keys() & {"get", "post", "put", "patch", "delete"}
    }
    assert {route for route in routes if route[1] != "head"} == described


def resolved(value: Any) -> Any:
    """What a `$ref` leads to."""
    while isinstance(value, dict) and "$ref" in value:
        names = value["$ref"].removeprefix("#/").split("/")
        value = functools.reduce(lambda found, name: found[name], names, DESCRIBED)
    return value


def codes_of(value: Any) -> set[str]:
    """The problem codes that a response's schema names."""
    if isinstance(value, list):
        return set().union(*map(codes_of, value))
    if not isinstance(value, dict):
        return set()
    found = set().union(*(codes_of(part) for name, part in value.items() if name != "example"))
    code = value.get("code", {})
    return found | {*code.get("enum", ()), *([code["const"]] if "const" in code else [])}


def test_every_problem_is_described_under_the_status_that_it_has() -> None:
    named = 0
    for item in DESCRIBED["paths"].values():
        for method in item.keys() & {"get", "post"}:
            for status, response in item[method]["responses"].items():
                for code in codes_of(resolved(response)):
                    named += 1
                    assert STATUS.get(code, 500) == int(status), code
    assert named > 40


def test_every_word_of_a_closed_set_is_described() -> None:
    schemas = DESCRIBED["components"]["schemas"]
    standing = schemas["Standing"]["properties"]
    association = schemas["Association"]["allOf"][1]["properties"]
    application = association["applications"]["items"]["properties"]
    health = schemas["Health"]["properties"]
    sets: dict[type[StrEnum], list[Any]] = {
        Step: schemas["Step"]["enum"],
        State: schemas["State"]["enum"],
        Cause: standing["cause"]["enum"],
        Who: standing["who"]["enum"],
        AcceptedBy: association["accepted_by"]["enum"],
        Prerequisite: association["checks"]["items"]["properties"]["check"]["enum"],
        Result: association["checks"]["items"]["properties"]["result"]["enum"],
        Standing: application["standing"]["enum"],
        MailStatus: association["mails"]["items"]["properties"]["status"]["enum"],
        Leg: [leg for leg in association["sign_in"]["properties"]["left_leg"]["enum"] if leg],
        ShareState: [
            state for state in association["share"]["properties"]["state"]["enum"] if state != "none"
        ],
        Condition: health["credential"]["properties"]["status"]["enum"],
    }
    for words, described in sets.items():
        assert sorted(described) == sorted(words), words.__name__


def media(value: Any) -> Iterator[dict[str, Any]]:
    """Every schema that stands beside an example of it."""
    if isinstance(value, dict):
        if "example" in value and "schema" in value:
            yield value
        for part in value.values():
            yield from media(part)


def test_every_example_is_what_its_schema_says() -> None:
    found = [(each["schema"], each["example"]) for each in media(DESCRIBED["paths"])]
    found += [(each["schema"], each["example"]) for each in media(DESCRIBED["components"])]
    found += [
        (each, each["example"]) for each in DESCRIBED["components"]["schemas"].values() if "example" in each
    ]
    assert len(found) > 8
    for schema, example in found:
        document = {"components": DESCRIBED["components"], **schema}
        jsonschema_rs.Draft202012Validator(document).validate(example)
