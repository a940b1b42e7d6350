"""Every error of Microsoft's that the reference on Entra lists, with where it comes up and what it comes to.

https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.microsoft.answers import BY_ERROR, BY_NUMBER, classify, refusal
from adapters.microsoft.graph_answers import NotThereError, checked
from association.answer import Answer
from association.microsoft_errors import MicrosoftRefusedError, MicrosoftUnavailableError

PAGE, REDIRECT, TOKEN = "page", "redirect", "token"
# number, OAuth error, HTTP status, where, what it comes to; a page shows neither error nor status
ROWS = [
    *((number, "", 0, PAGE, Answer.OUR_REQUEST) for number in (50011, 500113, 50194)),
    (50020, "", 0, PAGE, Answer.WRONG_ACCOUNT),
    (50020, "access_denied", 0, REDIRECT, Answer.WRONG_ACCOUNT),
    (16000, "interaction_required", 0, REDIRECT, Answer.INTERACTION_REQUIRED),
    *((number, "interaction_required", 0, REDIRECT, Answer.WRONG_ACCOUNT) for number in (50034, 51004)),
    *((number, "", 0, PAGE, Answer.WRONG_ACCOUNT) for number in (500208, 9002332, 90072)),
    (500201, "access_denied", 0, REDIRECT, Answer.WRONG_ACCOUNT),
    *((number, "invalid_grant", 400, TOKEN, Answer.ACCOUNT_BLOCKED) for number in (50057, 50053)),
    (50058, "login_required", 0, REDIRECT, Answer.INTERACTION_REQUIRED),
    *(
        (number, "interaction_required", 400, TOKEN, Answer.INTERACTION_REQUIRED)
        for number in (50076, 50079, 50074, 50072)
    ),
    (50105, "access_denied", 0, REDIRECT, Answer.NOT_ALLOWED),
    (50126, "", 0, PAGE, Answer.DENIED),
    *((number, "", 0, PAGE, Answer.INTERACTION_REQUIRED) for number in (50140, 50199)),
    (501481, "invalid_grant", 400, TOKEN, Answer.CODE_SPENT),
    *(
        (number, "access_denied", 0, REDIRECT, Answer.BLOCKED_BY_POLICY)
        for number in (53003, 530032, 53000, 53001, 53002, 530035)
    ),
    (53003, "interaction_required", 400, TOKEN, Answer.BLOCKED_BY_POLICY),
    (54005, "invalid_grant", 400, TOKEN, Answer.CODE_SPENT),
    (65001, "consent_required", 0, REDIRECT, Answer.CONSENT_MISSING),
    (65001, "invalid_grant", 400, TOKEN, Answer.CONSENT_MISSING),
    *((65004, error, 0, REDIRECT, Answer.CANCELLED) for error in ("access_denied", "consent_required")),
    *((number, "", 0, REDIRECT, Answer.RESOURCE_MISSING) for number in (65005, 650054, 650056, 650057)),
    (650052, "invalid_client", 0, REDIRECT, Answer.RESOURCE_MISSING),
    (650051, "invalid_client", 0, REDIRECT, Answer.PROVISIONING),
    *((number, "invalid_grant", 400, TOKEN, Answer.CODE_SPENT) for number in (70000, 70008, 700082, 700005)),
    *((number, "invalid_scope", 400, TOKEN, Answer.OUR_REQUEST) for number in (70011, 28002, 28003)),
    (700016, "unauthorized_client", 400, TOKEN, Answer.NOT_IN_TENANT),
    *((number, "unauthorized_client", 400, TOKEN, Answer.DISABLED) for number in (7000112, 70001)),
    *((number, "invalid_client", 401, TOKEN, Answer.OUR_CREDENTIAL) for number in (7000215, 7000222)),
    (7000218, "invalid_client", 400, TOKEN, Answer.OUR_CREDENTIAL),
    (900144, "invalid_request", 400, TOKEN, Answer.OUR_REQUEST),
    *((number, "invalid_client", 401, TOKEN, Answer.OUR_CREDENTIAL) for number in (700027, 50012, 700024)),
    (500011, "invalid_resource", 400, TOKEN, Answer.RESOURCE_MISSING),
    *((90002, error, 400, TOKEN, Answer.TENANT_UNKNOWN) for error in ("invalid_tenant", "invalid_request")),
    *((number, "access_denied", 0, REDIRECT, Answer.NEEDS_ADMINISTRATOR) for number in (90094, 90095, 90008)),
    *(
        (number, "invalid_request", 400, TOKEN, Answer.OUR_REQUEST)
        for number in (9001023, 90130, 90124, 9002313, 90014, 90023, 90100)
    ),
    (50196, "invalid_grant", 400, TOKEN, Answer.THROTTLED),
    *((number, "", 0, PAGE, Answer.BLOCKED_BY_POLICY) for number in (500021, 500022, 500212, 500213)),
]
# without a number: OAuth's words, then the HTTP status
WORDS = [
    ("access_denied", 0, Answer.DENIED),
    ("permission_denied", 0, Answer.DENIED),
    ("unauthorized_client", 0, Answer.NOT_IN_TENANT),
    ("unsupported_response_type", 0, Answer.OUR_REQUEST),
    ("invalid_request", 0, Answer.OUR_REQUEST),
    ("invalid_resource", 0, Answer.RESOURCE_MISSING),
    ("server_error", 0, Answer.UNAVAILABLE),
    ("temporarily_unavailable", 0, Answer.UNAVAILABLE),
    ("login_required", 0, Answer.INTERACTION_REQUIRED),
    ("interaction_required", 0, Answer.INTERACTION_REQUIRED),
    ("consent_required", 0, Answer.CONSENT_MISSING),
    ("", 429, Answer.THROTTLED),
    ("invalid_grant", 429, Answer.CODE_SPENT),
    *(("", status, Answer.UNAVAILABLE) for status in (500, 502, 503, 504)),
    ("never_seen_before", 400, Answer.UNKNOWN),
    ("", 0, Answer.UNKNOWN),
]
GRAPH = [
    (401, "InvalidAuthenticationToken", Answer.CODE_SPENT),
    (403, "Authorization_RequestDenied", Answer.CONSENT_MISSING),
    (403, "Authorization_IdentityNotFound", Answer.NOT_IN_TENANT),
    (403, "accessDenied", Answer.CONSENT_MISSING),
    (404, "Request_ResourceNotFound", Answer.NOT_FOUND),
    (400, "Request_BadRequest", Answer.OUR_REQUEST),
    (400, "Request_UnsupportedQuery", Answer.OUR_REQUEST),
    (400, "AadPremiumLicenseRequired", Answer.LICENCE_MISSING),
    (403, "UnknownError", Answer.UNKNOWN),
    (418, "brandNew", Answer.UNKNOWN),
]


@pytest.mark.parametrize(("number", "error", "status", "where", "answer"), ROWS)
def test_each_listed_number_comes_to_its_answer(
    number: int, error: str, status: int, where: str, answer: Answer
) -> None:
    assert classify(number, error, status) is answer
    told: dict[str, Any] = {"error": error, "error_description": f"AADSTS{number}: text. Trace ID: x"}
    if where == TOKEN:
        told |= {"error_codes": [number], "error_uri": f"https://login.example/error?code={number}"}
    found = refusal(told, status)
    assert (found.answer, found.number) == (answer, number)


def test_no_number_is_classified_that_the_table_does_not_list() -> None:
    assert {number for several in BY_NUMBER.values() for number in several} == {row[0] for row in ROWS}


@pytest.mark.parametrize(("error", "status", "answer"), WORDS)
def test_without_a_number_the_word_counts_and_then_the_status(
    error: str, status: int, answer: Answer
) -> None:
    assert classify(0, error, status) is answer
    assert refusal({"error": error}, status).answer is answer


@pytest.mark.parametrize(("status", "code", "answer"), GRAPH)
def test_graphs_errors_go_through_the_same_classifier(status: int, code: str, answer: Answer) -> None:
    body = {"error": {"code": code, "message": "sophie@lambert.example", "innerError": {}}}
    with pytest.raises(MicrosoftRefusedError) as caught:
        checked(httpx.Response(status, json=body))
    assert caught.value.answer is answer is classify(0, code, status)
    assert isinstance(caught.value, NotThereError) is (status == 404)
    assert "sophie" not in caught.value.detail


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
@pytest.mark.parametrize("body", [{"error": {"code": "TooManyRequests"}}, {"error": "text"}, [], None])
def test_graphs_own_trouble_is_nobodys_refusal(status: int, body: Any) -> None:
    with pytest.raises(MicrosoftUnavailableError):
        checked(httpx.Response(status, json=body))


def documented() -> dict[str, tuple[set[int], set[str]]]:
    """The numbers and words of each row of docs/errors.md; `50072 to 50079` are those of the list between."""
    text = (
        Path("docs/errors.md").read_text(encoding="utf-8").partition("## What Microsoft's errors come to")[2]
    )
    listed = {number for several in BY_NUMBER.values() for number in several}
    found = {}
    for name, told in re.findall(r"^\| `([a-z_]+)` \| (.*?) \|", text.partition("\n## ")[0], re.MULTILINE):
        ranges = [tuple(map(int, ends)) for ends in re.findall(r"(\d{4,8}) to (\d{4,8})", told)]
        numbers = {int(number) for number in re.findall(r"\b\d{4,8}\b", told)}
        numbers |= {number for first, last in ranges for number in listed if first <= number <= last}
        found[name] = (numbers, set(re.findall(r"`(\w+)`", told)))
    return found


def test_the_documents_table_is_the_classifiers() -> None:
    wanted = {
        answer: (set(BY_NUMBER.get(answer, ())), {word for word, to in BY_ERROR.items() if to is answer})
        for answer in Answer
    }
    assert documented() == wanted


@pytest.mark.parametrize("language", ["fr", "en"])
def test_each_answer_has_its_words(language: str) -> None:
    words = json.loads(Path(f"locales/{language}/answers.json").read_text(encoding="utf-8"))
    wanted = {f"answer.{answer}.{part}" for answer in Answer for part in ("cause", "remedy", "who")}
    assert set(words) == wanted
    assert all(words.values())
