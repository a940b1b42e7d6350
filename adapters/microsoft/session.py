"""The one HTTP session of a worker to Microsoft's sign-in service, in the shape MSAL asks of a client.

Every call ends in time (MSAL sets none), connections are kept, and only discovery and keys are remembered,
since a worker makes a new MSAL application for each attempt (rule R2). What MSAL would stumble over (429 in
plain text, JSON of another shape) never reaches it.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from adapters.deadline import seconds_to_ask
from adapters.microsoft.retries import REPEATS_OF_CONNECTION, PassingError, unavailable
from association.microsoft_errors import MicrosoftUnavailableError

if TYPE_CHECKING:
    import requests

CONNECTIONS = 32
REMEMBERED_FOR = 24 * 3600.0
# Each tenant and each domain has a document of its own, of some kilobytes; the oldest go first.
MOST_REMEMBERED = 500
# What is remembered, by the end of its address, and the fields without which it is of no use.
REMEMBERED: dict[str, dict[str, type]] = {
    "/.well-known/openid-configuration": {
        "issuer": str,
        "authorization_endpoint": str,
        "token_endpoint": str,
    },
    "/discovery/v2.0/keys": {"keys": list},
}
# A document may be out of date a moment after it was read; but no matter how many ask, Microsoft is not
# asked for it again by each of them.
REREAD_AT_MOST_EVERY = 5.0


class MicrosoftSession:
    """A `requests.Session` with timeouts and a memory for documents; safe for threads.

    `connect` is how long a connection, `read` how long a whole answer may take, in seconds, and no longer
    than the request at hand has left. `monotonic` gives seconds.
    """

    def __init__(
        self, connect: float = 3.0, read: float = 8.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._connect = connect
        self._read = read
        self._monotonic = monotonic
        self._session: requests.Session | None = None
        self._documents: dict[str, tuple[float, requests.Response]] = {}
        self._forgotten: dict[str, float] = {}
        self._lock = threading.Lock()

    def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> "requests.Response":
        """A GET; discovery documents and keys that were found are answered from memory for a day.

        Raises MicrosoftUnavailableError for 429, for 500 and above, for no answer, and for a document that is
        none.
        """
        fields = next((REMEMBERED[end] for end in REMEMBERED if url.endswith(end)), None)
        if params or fields is None:
            return self._call("GET", url, params=params, headers=headers)
        known = self._documents.get(url)
        if known and self._monotonic() - known[0] < REMEMBERED_FOR:
            return known[1]
        response = self._call("GET", url, headers=headers)
        if response.ok:
            found = _object(response, "GET")
            if not all(isinstance(found.get(name), kind) for name, kind in fields.items()):
                raise MicrosoftUnavailableError("call=GET reason=document_incomplete")
            self._remember(url, response)
        return response

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> "requests.Response":
        """A POST, never repeated and never remembered, whose answer is a JSON object. Raises as `get`."""
        response = self._call("POST", url, params=params, data=data, headers=headers)
        _object(response, "POST")
        return response

    def forget(self, url: str) -> None:
        """Have the document at `url` read again, unless that was asked for within the last 5 seconds."""
        with self._lock:
            now = self._monotonic()
            last = self._forgotten.get(url)
            if last is None or now - last >= REREAD_AT_MOST_EVERY:
                self._forgotten[url] = now
                self._documents.pop(url, None)

    def _remember(self, url: str, document: "requests.Response") -> None:
        with self._lock:
            self._documents.pop(url, None)
            self._documents[url] = (self._monotonic(), document)
            while len(self._documents) > MOST_REMEMBERED:
                del self._documents[next(iter(self._documents))]

    def close(self) -> None:
        """Close the connections; they open again on use."""
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()

    def _call(self, method: str, url: str, **arguments: Any) -> "requests.Response":
        import requests

        connect, read = seconds_to_ask(self._connect), seconds_to_ask(self._read)
        if not (connect and read):
            raise MicrosoftUnavailableError(f"call={method} reason=deadline")
        try:
            response = self._open().request(
                method, url, timeout=(connect, read), allow_redirects=False, **arguments
            )
        except requests.RequestException as error:
            # The exception's text holds the address with its query; only its kind is kept.
            raise _translated(method, error) from None
        failure = unavailable(method, response.status_code, response.headers)
        if failure:
            raise failure
        return response

    def _open(self) -> "requests.Session":
        from adapters.whole_answers import open_session

        with self._lock:
            if self._session is None:
                self._session = open_session(CONNECTIONS)
            return self._session


def _translated(method: str, error: "requests.RequestException") -> MicrosoftUnavailableError:
    import requests
    from urllib3.exceptions import NewConnectionError, ProtocolError

    detail = f"call={method} kind={type(error).__name__}"
    cause = error.args[0] if error.args else None
    cause = getattr(cause, "reason", cause)
    ended = isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError)
    if ended and isinstance(cause, ProtocolError | NewConnectionError):
        return PassingError(detail, repeats=REPEATS_OF_CONNECTION)
    return MicrosoftUnavailableError(detail)


def _object(response: "requests.Response", method: str) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise MicrosoftUnavailableError(f"call={method} status={response.status_code} reason=not_json")
    return body
