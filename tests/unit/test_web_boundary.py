"""Errors into answers: every code in both languages, the deadline, and what reaches nobody."""

import asyncio
import json
import logging
import math
from collections.abc import Callable
from typing import Any

import azure.functions as func
import pytest
from markupsafe import escape

import association.errors
import association.microsoft_errors
from adapters.deadline import seconds_left
from association.answer import Answer
from association.errors import (
    AssociationError,
    LimitReachedError,
    LinkExpiredError,
    LinkUnknownError,
    OrderConflictError,
    RequestInvalidError,
    SettingsIncompleteError,
    SignInRefusedError,
    StorageUnavailableError,
)
from association.keys import read_reference
from association.microsoft_errors import MicrosoftRefusedError, MicrosoftUnavailableError
from functions import services
from functions.services import Services, rendering
from functions.web import boundary, failures, responses
from functions.web.boundary import STATUS, json_api, language_of, link_pages, pages
from functions.web.failures import concerned
from tests.memory import Memory, ordered

SECRET = "marie@client.example?code=0.AXoAsecret"
LANGUAGES = ("fr", "en")


def codes() -> set[str]:
    named = {**vars(association.errors), **vars(association.microsoft_errors)}
    known = [value for value in named.values() if isinstance(value, type)]
    return {value.code for value in known if issubclass(value, AssociationError)}


def request(method: str = "GET", **headers: str) -> func.HttpRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return func.HttpRequest(method=method, url="http://localhost:7071/x", headers=named, body=b"")


def raising(error: BaseException, concerns: str = "") -> Callable[[func.HttpRequest], Any]:
    async def handler(req: func.HttpRequest) -> func.HttpResponse:
        concerned.set(concerns)
        raise error

    return handler


def coded(code: str) -> AssociationError:
    error = AssociationError(f"detail_of={code}")
    error.code = code
    return error


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    made = Memory()
    monkeypatch.setattr(services, "_built", [Services(made.ports, rendering())])
    return made


async def page_of(
    error: BaseException, method: str = "GET", *, concerns: str = "", **headers: str
) -> tuple[int, str]:
    response = await pages(raising(error, concerns))(request(method, **headers))
    return response.status_code, response.get_body().decode()


async def problem_of(error: BaseException, *, concerns: str = "", **headers: str) -> dict[str, Any]:
    response = await json_api(raising(error, concerns))(request(**headers))
    assert response.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = json.loads(response.get_body())
    assert problem["status"] == response.status_code
    return problem


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", sorted(codes()))
async def test_every_error_is_a_page_in_both_languages(memory: Memory, code: str, language: str) -> None:
    status, html = await page_of(coded(code), accept_language=language)
    assert status == STATUS.get(code, 500)
    for part in ("title", "cause", "remedy", "who"):
        text = rendering().text(language, f"error.{code}.{part}")
        assert text
        assert str(escape(text)) in html
    assert f'lang="{language}"' in html


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", sorted(codes()))
async def test_every_error_is_a_problem_in_both_languages(memory: Memory, code: str, language: str) -> None:
    problem = await problem_of(coded(code), accept_language=language)
    cause, remedy = (rendering().text(language, f"error.{code}.{part}") for part in ("cause", "remedy"))
    assert problem == {
        "detail": f"{cause} {remedy}",
        "type": f"urn:sage:association:{code}",
        "title": rendering().text(language, f"error.{code}.title"),
        "status": STATUS.get(code, 500),
        "code": code,
        "reference": problem["reference"],
    }
    assert read_reference(problem["reference"]) == problem["reference"]


async def test_each_failure_has_a_reference_of_its_own_that_the_log_has_too(
    memory: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    references = {(await problem_of(LinkExpiredError()))["reference"] for _ in range(3)}
    assert len(references) == 3
    assert all(f"code=link_expired reference={reference}" in caplog.text for reference in references)


async def test_bad_fields_are_listed_with_words_for_each(memory: Memory) -> None:
    problem = await problem_of(RequestInvalidError({"model": "model_export", "partner.email": "missing"}))
    assert [(error["field"], error["code"]) for error in problem["errors"]] == [
        ("model", "model_export"),
        ("partner.email", "missing"),
    ]
    assert "partner.email" in problem["errors"][1]["message"]


async def test_differences_and_settings_are_named(memory: Memory) -> None:
    assert (await problem_of(OrderConflictError(("model",))))["differences"] == ["model"]
    assert (await problem_of(SettingsIncompleteError(("SMTP_HOST",))))["settings"] == ["SMTP_HOST"]


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(SECRET),
        KeyError(SECRET),
        ExceptionGroup(SECRET, [ValueError(SECRET)]),
        UnicodeEncodeError("utf-8", SECRET, 0, 1, SECRET),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_the_text_of_a_defect_reaches_neither_page_nor_problem_nor_log(
    memory: Memory, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    caplog.set_level(logging.DEBUG)
    status, html = await page_of(error)
    problem = await problem_of(error)
    assert (status, problem["code"]) == (500, "unexpected")
    assert SECRET not in html + json.dumps(problem) + caplog.text
    assert type(error).__name__ in caplog.text
    assert "at=handler:" in caplog.text


async def test_the_detail_of_an_error_is_for_the_log_alone(
    memory: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    error = MicrosoftRefusedError(Answer.DENIED, number=90094, correlation_id="c-1")
    _, html = await page_of(error)
    assert "90094" in caplog.text
    assert "90094" not in html


async def test_the_values_of_an_error_fill_its_texts_escaped(memory: Memory) -> None:
    status, html = await page_of(SignInRefusedError("x", name="<script>"))
    assert status == 403
    assert "<script>" not in html.replace('<script src="/assets/site.js" defer></script>', "")


async def test_a_handler_that_takes_too_long_is_ended(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boundary, "DEADLINE_SECONDS", 0.01)
    ended: list[str] = []

    async def slow(req: func.HttpRequest) -> func.HttpResponse:
        try:
            await asyncio.sleep(10)
        finally:
            ended.append("ended")
        raise AssertionError("waited")

    response = await pages(slow)(request())
    assert response.status_code == STATUS["microsoft_unavailable"]
    assert ended == ["ended"]


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (MicrosoftUnavailableError("x", retry_after=60), "60"),
        (MicrosoftUnavailableError("x"), "10"),
        (StorageUnavailableError("x"), "5"),
        (LimitReachedError("x", retry_after=1800), "1800"),
        (LimitReachedError("x"), None),
        (SettingsIncompleteError(("SMTP_HOST",)), None),
        (LinkExpiredError(), None),
        (RuntimeError(), None),
    ],
    ids=repr,
)
async def test_an_answer_says_when_to_try_again_if_a_time_helps(
    memory: Memory, error: Exception, seconds: str | None
) -> None:
    for wrap in (pages, json_api):
        response = await wrap(raising(error))(request())
        assert response.headers.get("Retry-After") == seconds


@pytest.mark.parametrize(
    "ends", [LinkUnknownError(), StorageUnavailableError(), RuntimeError(), None], ids=repr
)
async def test_whoever_opens_a_mailed_link_in_vain_leaves_no_session(
    memory: Memory, ends: Exception | None
) -> None:
    async def handler(req: func.HttpRequest) -> func.HttpResponse:
        if ends:
            raise ends
        return responses.redirect("/a/K7QF-2MPD", None)

    held = "session-K7QF-2MPD=a; session-ABCD-0123=b; visit-K7QF-2MPD=c; session-x y=d; session-k7qf2mpd=e"
    response = await link_pages(handler)(request(cookie=held))
    ended = response.headers.get_all("Set-Cookie") if ends else []
    names = [line.partition("=")[0] for line in ended]
    assert names == (["session-K7QF-2MPD", "session-ABCD-0123"] if ends else [])
    assert all("Max-Age=0; Path=/" in line for line in ended)
    assert ends or "Set-Cookie" not in response.headers


async def test_calls_outside_end_before_the_request_and_what_follows_has_its_own_time(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[float] = []

    async def handler(req: func.HttpRequest) -> func.HttpResponse:
        left.append(await asyncio.to_thread(seconds_left))
        concerned.set("a")
        raise LinkExpiredError

    async def note(association_id: str, code: str, reference: str, seconds: float) -> None:
        left.extend((seconds_left(), seconds))

    monkeypatch.setattr(boundary, "note_failure", note)
    await pages(handler)(request())
    most = boundary.DEADLINE_SECONDS - boundary.TO_ANSWER_SECONDS
    assert most - 5 < left[0] <= most
    assert left[1] == math.inf
    assert boundary.DEADLINE_SECONDS - 5 < left[2] <= boundary.DEADLINE_SECONDS


async def test_a_failure_of_an_association_is_found_by_its_reference(memory: Memory) -> None:
    record = await ordered(memory)
    problem = await problem_of(LinkExpiredError(), concerns=record.facts.association_id)
    event = memory.record(record.facts.association_id).events[-1]
    assert (event.what, event.new, event.reference) == ("failed", "link_expired", problem["reference"])
    claim = await memory.claims.owner("reference", problem["reference"])
    assert claim and claim.association_id == record.facts.association_id


@pytest.mark.parametrize(
    "failure", [StorageUnavailableError(), RuntimeError(SECRET)], ids=["storage", "a defect"]
)
async def test_a_failure_that_cannot_be_noted_is_shown_all_the_same(
    memory: Memory, caplog: pytest.LogCaptureFixture, failure: Exception
) -> None:
    record = await ordered(memory)

    async def fail() -> None:
        raise failure

    memory.associations.interference = fail
    assert (await page_of(LinkExpiredError(), concerns=record.facts.association_id))[0] == 410
    assert "failure_not_noted" in caplog.text
    assert SECRET not in caplog.text


async def test_without_settings_there_is_a_page_with_a_reference_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(services, "_built", [])
    monkeypatch.setattr("functions.services.os.environ", {})
    status, html = await page_of(SettingsIncompleteError(("SMTP_HOST",)))
    assert status == 503
    assert "SMTP_HOST" not in html
    assert (await problem_of(SettingsIncompleteError(("SMTP_HOST",))))["code"] == "settings_incomplete"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "fr"),
        ("en", "en"),
        ("en-GB,fr;q=0.5", "en"),
        ("fr-CA, en;q=0.9", "fr"),
        ("de, en;q=0.5", "en"),
        ("de", "fr"),
        ("*", "fr"),
        (";;,,=", "fr"),
    ],
)
def test_french_unless_english_is_preferred(header: str, language: str) -> None:
    assert language_of(request(accept_language=header)) == language


async def test_an_answer_that_goes_well_is_left_as_it_is(memory: Memory) -> None:
    async def handler(req: func.HttpRequest) -> func.HttpResponse:
        return responses.data({"ok": True}, 201)

    response = await json_api(handler)(request())
    assert (response.status_code, json.loads(response.get_body())) == (201, {"ok": True})


async def test_noting_a_failure_takes_no_more_time_than_the_request_has(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Microsoft is silent until the deadline, and storage then."""
    record = await ordered(memory)
    monkeypatch.setattr(boundary, "DEADLINE_SECONDS", 0.2)
    monkeypatch.setattr(boundary, "TO_ANSWER_SECONDS", 0)

    async def hang(*_: object) -> None:
        await asyncio.sleep(10)

    async def silent(_: func.HttpRequest) -> func.HttpResponse:
        concerned.set(record.facts.association_id)
        await hang()
        raise AssertionError

    memory.associations.interference = hang
    async with asyncio.timeout(2):
        assert (await pages(silent)(request())).status_code == 503


async def test_a_failure_is_not_waited_for_to_be_noted(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = await ordered(memory)
    monkeypatch.setattr(failures, "LONGEST_SECONDS", 0.01)

    async def hang() -> None:
        await asyncio.sleep(10)

    memory.associations.interference = hang
    async with asyncio.timeout(2):
        assert (await page_of(LinkExpiredError(), concerns=record.facts.association_id))[0] == 410
