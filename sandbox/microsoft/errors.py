"""Errors of the sign-in service by AADSTS number, and the shapes in which they reach the caller.

https://learn.microsoft.com/entra/identity-platform/reference-error-codes. The sentences are the sandbox's
own: callers branch on `error` and numbers, never on texts.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

# number: (error, HTTP status at the token endpoint, text)
_CATALOGUE: dict[int, tuple[str, int, str]] = {
    16000: ("interaction_required", 400, "No account that is signed in can be used here, or several can."),
    50000: ("server_error", 500, "The sign-in service could not issue a token."),
    50011: ("invalid_request", 400, "The redirect URI '{redirect_uri}' is not one of application '{app}'."),
    50020: ("access_denied", 400, "User account '{account}' does not exist in tenant '{tenant}'."),
    50034: ("invalid_grant", 400, "The user account '{account}' does not exist in any directory."),
    50057: ("invalid_grant", 400, "The user account is disabled."),
    50058: ("login_required", 400, "A silent sign-in was asked for but no user is signed in."),
    53003: ("invalid_grant", 400, "Access has been blocked by Conditional Access policies."),
    54005: ("invalid_grant", 400, "The authorization code was already redeemed."),
    65001: ("invalid_grant", 400, "Neither the user nor an administrator has consented to '{app}'."),
    65004: ("access_denied", 400, "The user declined to consent to the application."),
    70000: ("invalid_grant", 400, "The provided grant is not valid."),
    70003: ("unsupported_grant_type", 400, "The grant type '{value}' is not supported."),
    70008: ("invalid_grant", 400, "The authorization code has expired."),
    70011: ("invalid_scope", 400, "The value '{value}' of the parameter 'scope' is not valid."),
    90002: ("invalid_tenant", 400, "Tenant '{tenant}' not found."),
    90012: ("temporarily_unavailable", 504, "The request has timed out."),
    90014: ("invalid_request", 400, "The required field '{value}' is missing."),
    90023: ("invalid_request", 400, "The value of the parameter '{value}' is not supported."),
    90033: ("temporarily_unavailable", 503, "A directory service is not available at the moment."),
    90055: ("temporarily_unavailable", 429, "There are too many requests."),
    90094: ("access_denied", 400, "An administrator has to grant the permissions of '{app}'."),
    500011: ("invalid_resource", 400, "The resource principal '{value}' was not found."),
    90095: ("access_denied", 400, "Admin consent is required: '{app}' has to be asked for."),
    500021: ("access_denied", 400, "Access to tenant '{tenant}' is denied by tenant restrictions."),
    500022: ("access_denied", 400, "Access to tenant '{tenant}' is denied: the restriction header is wrong."),
    500112: ("invalid_grant", 400, "The reply address differs from the one the code was asked with."),
    500201: ("access_denied", 400, "A personal Microsoft account cannot be used here."),
    501481: ("invalid_grant", 400, "The code_verifier does not match the code_challenge."),
    650051: ("invalid_client", 400, "The application's service principal is being made in '{tenant}'."),
    650053: ("invalid_client", 400, "The application asked for a scope '{value}' that does not exist."),
    700005: ("invalid_grant", 400, "The code is intended to be used against another tenant."),
    700016: ("unauthorized_client", 400, "Application '{app}' was not found in the directory '{tenant}'."),
    700021: ("invalid_client", 401, "The client assertion's identifier does not match 'client_id'."),
    700023: ("invalid_client", 401, "The client assertion's audience does not match this endpoint."),
    700024: ("invalid_client", 401, "The client assertion is not within its valid time range."),
    700027: ("invalid_client", 401, "The client assertion contains an invalid signature."),
    900144: ("invalid_request", 400, "The request must contain the parameter '{value}'."),
    7000112: ("unauthorized_client", 400, "Application '{app}' is disabled."),
    7000215: ("invalid_client", 401, "Invalid client secret provided."),
    7000218: ("invalid_client", 401, "The request must contain 'client_assertion' or 'client_secret'."),
    7000222: ("invalid_client", 401, "The provided client secret keys are expired."),
    9000411: ("invalid_request", 400, "The parameter '{value}' is duplicated."),
    9001023: ("invalid_request", 400, "The grant type is not supported over the /common endpoint."),
    9002325: ("invalid_request", 400, "The proof key for code exchange is malformed."),
}

# Shown on Microsoft's own page: the application never hears of them.
_PAGE_ONLY = frozenset({50011, 50020, 50034, 50057, 500021, 500022, 500201, 700016, 90002, 9000411})


class EntraError(Exception):
    """A failure with its AADSTS number; `values` fill the text."""

    def __init__(
        self,
        number: int,
        *,
        error: str | None = None,
        suberror: str | None = None,
        claims: str | None = None,
        **values: str,
    ) -> None:
        default, self.status, text = self._listed(number)
        self.number = number
        self.error = error or default
        self.suberror = suberror
        self.claims = claims
        self.text = f"AADSTS{number}: {text.format(**values)}"
        super().__init__(self.text)

    def _listed(self, number: int) -> tuple[str, int, str]:
        return _CATALOGUE[number]

    @property
    def stays_on_page(self) -> bool:
        """Whether Microsoft shows it instead of redirecting."""
        return self.number in _PAGE_ONLY


class UnlistedError(EntraError):
    """Any other number: Microsoft has thousands, and new ones every month."""

    def __init__(self, number: int, error: str) -> None:
        super().__init__(number, error=error)

    def _listed(self, number: int) -> tuple[str, int, str]:
        return _CATALOGUE.get(number, ("access_denied", 400, "Something that nobody has heard of."))


@dataclass(frozen=True, slots=True)
class Trace:
    """What identifies one request: shown on pages, in errors and in headers."""

    correlation_id: str
    at: datetime
    trace_id: str = field(default_factory=lambda: str(uuid4()))

    @property
    def timestamp(self) -> str:
        return self.at.strftime("%Y-%m-%d %H:%M:%SZ")

    def describe(self, error: EntraError) -> str:
        """`error_description`: lines end in CR LF."""
        lines = (error.text, f"Trace ID: {self.trace_id}", f"Correlation ID: {self.correlation_id}")
        return "\r\n".join([*lines, f"Timestamp: {self.timestamp}"])


def new_trace(client_request_id: str | None, now: float) -> Trace:
    """The trace of a request that may bring its own correlation id (a GUID; anything else is ignored)."""
    try:
        correlation_id = str(UUID(client_request_id or ""))
    except ValueError:
        correlation_id = str(uuid4())
    return Trace(correlation_id, datetime.fromtimestamp(now, UTC))


def error_json(error: EntraError, trace: Trace, browser_origin: str) -> dict[str, Any]:
    """The body of an error of the token endpoint or of discovery."""
    body: dict[str, Any] = {
        "error": error.error,
        "error_description": trace.describe(error),
        "error_codes": [error.number],
        "timestamp": trace.timestamp,
        "trace_id": trace.trace_id,
        "correlation_id": trace.correlation_id,
        "error_uri": f"{browser_origin}/error?code={error.number}",
    }
    more = {"suberror": error.suberror, "claims": error.claims}
    return body | {name: value for name, value in more.items() if value}


def error_fields(error: EntraError, trace: Trace, browser_origin: str) -> dict[str, str]:
    """The fields of an error redirect, without `state`."""
    return {
        "error": error.error,
        "error_description": trace.describe(error),
        "error_uri": f"{browser_origin}/error?code={error.number}",
    }


def encode_query(fields: dict[str, str]) -> str:
    """Fields as Microsoft encodes them in redirects: blanks as +, lower-case hexadecimal."""
    return re.sub("%[0-9A-F]{2}", lambda match: match.group().lower(), urlencode(fields))


def describe_number(number: int) -> str | None:
    """The text of an AADSTS number with its placeholders, None for one that is not used here."""
    return _CATALOGUE[number][2] if number in _CATALOGUE else None
