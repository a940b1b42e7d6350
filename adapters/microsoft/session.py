"""The one HTTP session of a worker to Microsoft's sign-in service, in the shape MSAL asks of a client.

Every call has a timeout (MSAL sets none), connections are kept, and only discovery and keys are remembered,
since a worker makes a new MSAL application for each attempt (rule R2).
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from association.errors import MicrosoftUnavailableError

if TYPE_CHECKING:
    import requests

REMEMBERED_FOR = 24 * 3600.0
REMEMBERED = ("/.well-known/openid-configuration", "/discovery/v2.0/keys")


class MicrosoftSession:
    """A `requests.Session` with timeouts (`connect`, `read` in seconds) and a memory for documents.

    `monotonic` gives seconds. Safe for threads.
    """

    def __init__(
        self, connect: float = 3.0, read: float = 8.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._timeout = (connect, read)
        self._monotonic = monotonic
        self._session: requests.Session | None = None
        self._documents: dict[str, tuple[float, requests.Response]] = {}
        self._lock = threading.Lock()

    def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> "requests.Response":
        """A GET; discovery documents and keys that were found are answered from memory for a day."""
        if params or not url.endswith(REMEMBERED):
            return self._call("GET", url, params=params, headers=headers)
        known = self._documents.get(url)
        if known and self._monotonic() - known[0] < REMEMBERED_FOR:
            return known[1]
        response = self._call("GET", url, headers=headers)
        if response.ok:
            self._documents[url] = (self._monotonic(), response)
        return response

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> "requests.Response":
        """A POST, never repeated and never remembered."""
        return self._call("POST", url, params=params, data=data, headers=headers)

    def forget(self, url: str, older_than: float) -> None:
        """Forget the document at `url` if it was read more than `older_than` seconds ago."""
        known = self._documents.get(url)
        if known and self._monotonic() - known[0] >= older_than:
            self._documents.pop(url, None)

    def close(self) -> None:
        """Close the connections; they open again on use."""
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()

    def _call(self, method: str, url: str, **arguments: Any) -> "requests.Response":
        import requests

        try:
            return self._open().request(
                method, url, timeout=self._timeout, allow_redirects=False, **arguments
            )
        except requests.RequestException as error:
            # The exception's text holds the address with its query; only its kind is kept.
            raise MicrosoftUnavailableError(f"call={method} kind={type(error).__name__}") from None

    def _open(self) -> "requests.Session":
        import requests
        from requests.adapters import HTTPAdapter

        with self._lock:
            if self._session is None:
                self._session = requests.Session()
                self._session.mount("https://", HTTPAdapter(max_retries=1, pool_maxsize=32))
            return self._session
