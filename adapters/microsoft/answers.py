"""The one classifier of Microsoft's errors: AADSTS number, then OAuth's or Graph's word, then HTTP status.

Numbers are for choosing help and retry, never for authorisation: Microsoft may change them at any time
(https://learn.microsoft.com/entra/identity-platform/reference-error-codes).
"""

import re
from collections.abc import Mapping
from typing import Any

from association.answer import Answer
from association.identity import GUID
from association.microsoft_errors import MicrosoftRefusedError

NUMBER = re.compile(r"AADSTS(\d{4,8})", re.ASCII)

# Numbers that only Microsoft's own pages show stand here as well: people read them out on the telephone.
BY_NUMBER = {
    Answer.DENIED: (50126,),
    Answer.CANCELLED: (65004,),
    Answer.INTERACTION_REQUIRED: (16000, 50058, 50072, 50074, 50076, 50079, 50140, 50199),
    Answer.CONSENT_MISSING: (65001,),
    Answer.NOT_IN_TENANT: (700016,),
    Answer.DISABLED: (7000112, 70001),
    Answer.NOT_ALLOWED: (50105,),
    Answer.WRONG_ACCOUNT: (50020, 50034, 51004, 90072, 500201, 500208, 9002332),
    Answer.ACCOUNT_BLOCKED: (50053, 50057),
    Answer.NEEDS_ADMINISTRATOR: (90008, 90094, 90095),
    Answer.BLOCKED_BY_POLICY: (
        *(53000, 53001, 53002, 53003, 530032, 530035),
        *(500021, 500022, 500212, 500213),
    ),
    Answer.RESOURCE_MISSING: (65005, 500011, 650052, 650054, 650056, 650057),
    Answer.PROVISIONING: (650051,),
    Answer.OUR_CREDENTIAL: (50012, 700024, 700027, 7000215, 7000218, 7000222),
    Answer.OUR_REQUEST: (
        *(50011, 50194, 500113, 28002, 28003, 70011),
        *(90014, 90023, 90100, 90124, 90130, 900144, 9001023, 9002313),
    ),
    Answer.CODE_SPENT: (54005, 70000, 70008, 501481, 700005, 700082),
    Answer.TENANT_UNKNOWN: (90002,),
    Answer.THROTTLED: (50196,),
}
# OAuth's words (RFC 6749 §4.1.2.1 and §5.2, OpenID Connect Core §3.1.2.6) and Graph's
# (https://learn.microsoft.com/graph/errors).
BY_ERROR = {
    "access_denied": Answer.DENIED,
    "permission_denied": Answer.DENIED,
    "consent_required": Answer.CONSENT_MISSING,
    "interaction_required": Answer.INTERACTION_REQUIRED,
    "login_required": Answer.INTERACTION_REQUIRED,
    "invalid_client": Answer.OUR_CREDENTIAL,
    "invalid_grant": Answer.CODE_SPENT,
    "invalid_request": Answer.OUR_REQUEST,
    "invalid_resource": Answer.RESOURCE_MISSING,
    "invalid_scope": Answer.OUR_REQUEST,
    "invalid_tenant": Answer.TENANT_UNKNOWN,
    "server_error": Answer.UNAVAILABLE,
    "temporarily_unavailable": Answer.UNAVAILABLE,
    "unauthorized_client": Answer.NOT_IN_TENANT,
    "unsupported_response_type": Answer.OUR_REQUEST,
    "AadPremiumLicenseRequired": Answer.LICENCE_MISSING,
    "Authorization_IdentityNotFound": Answer.NOT_IN_TENANT,
    "Authorization_RequestDenied": Answer.CONSENT_MISSING,
    "InvalidAuthenticationToken": Answer.CODE_SPENT,
    "Request_BadRequest": Answer.OUR_REQUEST,
    "Request_ResourceNotFound": Answer.NOT_FOUND,
    "Request_UnsupportedQuery": Answer.OUR_REQUEST,
    "TooManyRequests": Answer.THROTTLED,
    "accessDenied": Answer.CONSENT_MISSING,
    "serviceNotAvailable": Answer.UNAVAILABLE,
    "throttledRequest": Answer.THROTTLED,
}
_NUMBERS = {number: answer for answer, numbers in BY_NUMBER.items() for number in numbers}


def classify(number: int, error: str, http_status: int = 0) -> Answer:
    """What an error of a redirect, the token endpoint or Graph comes to; 0 and "" stand for what isn't known.

    `number` is AADSTS's, `error` OAuth's word or Graph's code.
    """
    told = _NUMBERS.get(number) or BY_ERROR.get(error)
    if told:
        return told
    if http_status == 429:
        return Answer.THROTTLED
    return Answer.UNAVAILABLE if http_status >= 500 else Answer.UNKNOWN


def refusal(answer: Mapping[str, Any], http_status: int = 0) -> MicrosoftRefusedError:
    """The exception for an OAuth error, from a redirect's query or a token endpoint's JSON.

    Nothing of Microsoft's text is kept but its number and correlation id: it may name people.
    """
    description = str(answer.get("error_description", ""))
    number = _number(answer, description)
    error = str(answer.get("error", ""))[:60]
    return MicrosoftRefusedError(
        classify(number, error, http_status),
        number=number,
        correlation_id=_correlation_id(answer, description),
    )


def _number(answer: Mapping[str, Any], description: str) -> int:
    codes = answer.get("error_codes")
    if isinstance(codes, list) and codes and isinstance(codes[0], int):
        return codes[0]
    found = NUMBER.search(description) or re.search(r"[?&]code=(\d{4,8})", str(answer.get("error_uri", "")))
    return int(found.group(1)) if found else 0


def _correlation_id(answer: Mapping[str, Any], description: str) -> str:
    told = str(answer.get("correlation_id", ""))
    after = description.partition("Correlation ID:")[2]
    found = GUID.search((told or after).lower())
    return found.group() if found else ""
