"""What support finds in the history of a failure that came of an answer of Microsoft's."""

from typing import Any

import azure.functions as func
import pytest

from association.answer import Answer
from association.errors import AssociationError, LinkExpiredError, SignInRefusedError
from association.microsoft_errors import MicrosoftRefusedError, MicrosoftUnavailableError
from functions import services
from functions.web.answers import in_words
from functions.web.boundary import json_api
from functions.web.failures import concerned
from functions.web.support_view import support_view
from tests.memory import Memory, ordered

ID = "8d1d0f3c-6b2f-4a0e-9d4c-0c7a4c1c2b3a"
REFUSAL = MicrosoftRefusedError(Answer.BLOCKED_BY_POLICY, number=53003, correlation_id=ID)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    memory = Memory()
    monkeypatch.setattr(services, "_built", [services.Services(memory.ports, services.rendering())])
    return memory


def raised_from(error: AssociationError, cause: BaseException | None) -> AssociationError:
    error.__cause__ = cause
    return error


async def newest_event(memory: Memory, error: AssociationError, language: str = "fr") -> dict[str, Any]:
    """The event that support sees first after a request of an association has ended with `error`."""
    record = await ordered(memory)

    async def handler(_: func.HttpRequest) -> func.HttpResponse:
        concerned.set(record.facts.association_id)
        raise error

    await json_api(handler)(func.HttpRequest("GET", "http://localhost/a", body=b""))
    seen = support_view(memory.record(record.facts.association_id), memory.ports, language)
    event: dict[str, Any] = seen["events"][0]
    assert (event["what"], event["new"]) == ("failed", error.code)
    return event


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize(
    "error",
    [
        REFUSAL,
        raised_from(SignInRefusedError(answer=Answer.BLOCKED_BY_POLICY), REFUSAL),
        raised_from(MicrosoftUnavailableError(answer=Answer.BLOCKED_BY_POLICY), REFUSAL),
    ],
    ids=lambda error: str(error.code),
)
async def test_support_sees_what_microsofts_answer_came_to_and_its_correlation_id(
    memory: Memory, error: AssociationError, language: str
) -> None:
    event = await newest_event(memory, error, language)
    assert (event["old"], event["correlation_id"]) == ("blocked_by_policy", ID)
    assert event["answer_in_words"] == in_words("blocked_by_policy", language) != ""


@pytest.mark.parametrize(
    "error", [LinkExpiredError(), MicrosoftUnavailableError("call=graph")], ids=lambda error: str(error.code)
)
async def test_a_failure_that_came_of_no_answer_tells_of_none(
    memory: Memory, error: AssociationError
) -> None:
    event = await newest_event(memory, error)
    assert (event["old"], event["correlation_id"], event["answer_in_words"]) == ("", "", "")


@pytest.mark.parametrize("told", ["marie@boulangerie.example", "Marie Dupont", "a" * 65, "x\ny"])
async def test_what_is_no_id_is_not_kept_as_one(memory: Memory, told: str) -> None:
    refusal = MicrosoftRefusedError(Answer.DENIED, correlation_id=told)
    assert (await newest_event(memory, refusal))["correlation_id"] == ""
