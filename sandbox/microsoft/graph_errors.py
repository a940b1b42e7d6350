"""Errors of Microsoft Graph: https://learn.microsoft.com/graph/errors."""

from sandbox.microsoft.errors import Trace
from sandbox.microsoft.tenants import Json


class GraphError(Exception):
    """A refusal with its HTTP status and Graph's code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        self.message = message
        super().__init__(f"{code}: {message}")


def invalid_token(message: str) -> GraphError:
    """401: no token, or one that does not hold."""
    return GraphError(401, "InvalidAuthenticationToken", message)


def denied() -> GraphError:
    """403: the token lacks a permission."""
    return GraphError(
        403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
    )


def not_found(what: str) -> GraphError:
    """404: no such object."""
    message = (
        f"Resource '{what}' does not exist or one of its queried reference-property objects are not present."
    )
    return GraphError(404, "Request_ResourceNotFound", message)


def premium_needed() -> GraphError:
    """400: Privileged Identity Management asks for Microsoft Entra ID P2 in the tenant."""
    return GraphError(
        400,
        "AadPremiumLicenseRequired",
        "The tenant needs to have Microsoft Entra ID P2 or Microsoft Entra ID Governance license.",
    )


def bad_request(message: str) -> GraphError:
    """400: the request makes no sense."""
    return GraphError(400, "Request_BadRequest", message)


def unsupported_query(message: str) -> GraphError:
    """400: the request makes sense, but not here."""
    return GraphError(400, "Request_UnsupportedQuery", message)


def graph_error_json(error: GraphError, trace: Trace) -> Json:
    """The body of an error answer."""
    inner = {
        "date": trace.at.strftime("%Y-%m-%dT%H:%M:%S"),
        "request-id": trace.trace_id,
        "client-request-id": trace.correlation_id,
    }
    return {"error": {"code": error.code, "message": error.message, "innerError": inner}}
