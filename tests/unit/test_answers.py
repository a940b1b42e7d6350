"""Microsoft's errors, classified: the number first, then the OAuth error, then the HTTP status."""

import json
from typing import Any

import pytest

from adapters.microsoft.answers import BY_ERROR, BY_NUMBER, classify, refusal
from association.answer import Answer

CORRELATION_ID = "0fbb5ee0-35a5-4a5c-a6b6-3f1f7d1cc6f3"


def described(number: int) -> str:
    """A description in Microsoft's shape, which may name a person and an application."""
    return (
        f"AADSTS{number}: User account 'sophie@lambert.example' from identity provider does not exist. "
        f"Trace ID: 3ad1a8d7-2b0c-4b0e-8a3e-111111111111 Correlation ID: {CORRELATION_ID} "
        "Timestamp: 2026-11-20 10:42:00Z"
    )


@pytest.mark.parametrize(
    ("number", "error", "status", "answer"),
    [
        (65004, "access_denied", 0, Answer.CANCELLED),
        (0, "access_denied", 0, Answer.DENIED),
        (700016, "unauthorized_client", 400, Answer.NOT_IN_TENANT),
        (0, "unauthorized_client", 400, Answer.NOT_IN_TENANT),
        (50076, "interaction_required", 400, Answer.INTERACTION_REQUIRED),
        (0, "login_required", 0, Answer.INTERACTION_REQUIRED),
        (65001, "invalid_grant", 400, Answer.CONSENT_MISSING),
        (50020, "invalid_grant", 400, Answer.WRONG_ACCOUNT),
        (90094, "access_denied", 0, Answer.NEEDS_ADMINISTRATOR),
        (53003, "interaction_required", 400, Answer.BLOCKED_BY_POLICY),
        (50105, "interaction_required", 400, Answer.NOT_ALLOWED),
        (0, "invalid_grant", 400, Answer.CODE_SPENT),
        (90002, "invalid_tenant", 400, Answer.TENANT_UNKNOWN),
        (0, "", 429, Answer.THROTTLED),
        (0, "temporarily_unavailable", 200, Answer.UNAVAILABLE),
        (0, "", 503, Answer.UNAVAILABLE),
        (0, "", 400, Answer.UNKNOWN),
        (123456, "brand_new_error", 400, Answer.UNKNOWN),
    ],
)
def test_errors_come_to_one_of_a_closed_set(number: int, error: str, status: int, answer: Answer) -> None:
    assert classify(number, error, status) is answer


@pytest.mark.parametrize("number", [7000215, 7000222])
def test_an_expired_credential_is_told_from_an_application_that_is_being_set_up(number: int) -> None:
    """Both come as `invalid_client`; only the number tells whose fault it is."""
    assert classify(number, "invalid_client", 401) is Answer.OUR_CREDENTIAL
    assert classify(650051, "invalid_client", 400) is Answer.PROVISIONING
    assert classify(0, "invalid_client", 401) is Answer.OUR_CREDENTIAL


def test_the_number_counts_before_error_and_status() -> None:
    assert classify(650051, "access_denied", 503) is Answer.PROVISIONING
    assert classify(65004, "temporarily_unavailable", 429) is Answer.CANCELLED
    assert classify(0, "access_denied", 503) is Answer.DENIED


def test_no_number_stands_for_two_answers() -> None:
    numbers = [number for several in BY_NUMBER.values() for number in several]
    assert len(numbers) == len(set(numbers))


def test_every_answer_can_come_up() -> None:
    reachable = {*BY_NUMBER, *BY_ERROR.values(), classify(0, "", 429), classify(0, "", 500), classify(0, "")}
    assert reachable == set(Answer)


@pytest.mark.parametrize(
    "answer",
    [
        {"error": "access_denied", "error_description": described(65004)},
        {"error": "access_denied", "error_codes": [65004], "correlation_id": CORRELATION_ID},
        {
            "error": "access_denied",
            "error_uri": "https://login.microsoftonline.com/error?code=65004",
            "correlation_id": CORRELATION_ID.upper(),
        },
    ],
)
def test_number_and_correlation_id_are_found_wherever_they_stand(answer: dict[str, Any]) -> None:
    found = refusal(answer)
    assert (found.answer, found.number) == (Answer.CANCELLED, 65004)
    assert found.correlation_id == CORRELATION_ID


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"error": "", "error_description": ""},
        {"error": ["access_denied"], "error_description": {"a": 1}, "error_codes": "65004"},
        {"error": "x" * 10_000, "error_description": "y" * 10_000, "correlation_id": "z" * 10_000},
        {"error_codes": []},
        {"error_codes": ["65004"]},
        {"error_description": "AADSTS: no number"},
        {"error_description": "AADSTS９９９９９: digits of another script"},
        {"correlation_id": "0fbb5ee0\n35a5"},
    ],
)
def test_an_answer_in_no_known_shape_is_unknown(answer: dict[str, Any]) -> None:
    found = refusal(answer)
    assert (found.answer, found.number, found.correlation_id) == (Answer.UNKNOWN, 0, "")


def test_nothing_of_microsofts_own_text_is_kept() -> None:
    """Descriptions name people and applications, and whoever forges a redirect writes them."""
    answer = {
        "error": "sophie@lambert.example",
        "error_subcode": "cancel",
        "error_description": described(50020) + " <script>",
        "claims": "sophie@lambert.example",
        "suberror": "sophie@lambert.example",
    }
    found = refusal(answer)
    kept = json.dumps([str(found), found.detail, found.answer, found.correlation_id, repr(found)])
    assert "sophie" not in kept
    assert "script" not in kept
    assert f"number=50020 correlation_id={CORRELATION_ID}" in found.detail


def test_line_ends_in_an_answer_cannot_forge_a_line_of_the_log() -> None:
    found = refusal({"error": "x\nINFO forged", "error_description": "AADSTS65004\r\nINFO forged"})
    assert "\n" not in found.detail
    assert "forged" not in found.detail
