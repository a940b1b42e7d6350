"""The one HTTP session to Microsoft's sign-in: what it remembers, and how its failures are told."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from adapters.microsoft.session import REMEMBERED_FOR, MicrosoftSession
from association.errors import MicrosoftUnavailableError

DISCOVERY = "/common/v2.0/.well-known/openid-configuration"
KEYS = "/organizations/discovery/v2.0/keys"


class Server(ThreadingHTTPServer):
    """Counts what it is asked, answers `status`, and redirects everything under /moved."""

    daemon_threads = True
    asked: list[str]
    status = 200

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(302 if self.path.startswith("/moved") else self.server.status)
        self.send_header("Location", f"{self.server.url}/elsewhere")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_GET  # noqa: N815 - the name of http.server

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(("127.0.0.1", 0), Handler)
    made.asked = []
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


class Monotonic:
    """Seconds that pass when they are told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Monotonic:
    return Monotonic()


@pytest.fixture
def session(clock: Monotonic) -> Iterator[MicrosoftSession]:
    made = MicrosoftSession(connect=0.5, read=0.5, monotonic=clock)
    yield made
    made._open().close()


@pytest.mark.parametrize("path", [DISCOVERY, KEYS])
def test_discovery_and_keys_are_remembered_for_a_day(
    server: Server, session: MicrosoftSession, clock: Monotonic, path: str
) -> None:
    first = session.get(server.url + path)
    clock.now += REMEMBERED_FOR - 1
    assert session.get(server.url + path) is first
    clock.now += 1
    assert session.get(server.url + path) is not first
    assert server.asked == [f"GET {path}"] * 2


@pytest.mark.parametrize("path", ["/common/v2.0/other", f"{DISCOVERY}/more", f"{KEYS}?x=1"])
def test_nothing_else_is_remembered(server: Server, session: MicrosoftSession, path: str) -> None:
    session.get(server.url + path)
    session.get(server.url + path)
    assert len(server.asked) == 2


def test_an_error_is_not_remembered(server: Server, session: MicrosoftSession) -> None:
    server.status = 400
    assert session.get(server.url + DISCOVERY).status_code == 400
    server.status = 200
    assert session.get(server.url + DISCOVERY).status_code == 200


def test_keys_are_read_again_when_they_are_old_enough(
    server: Server, session: MicrosoftSession, clock: Monotonic
) -> None:
    session.get(server.url + KEYS)
    session.forget(server.url + KEYS, older_than=30)
    session.get(server.url + KEYS)
    assert len(server.asked) == 1
    clock.now += 30
    session.forget(server.url + KEYS, older_than=30)
    session.get(server.url + KEYS)
    assert len(server.asked) == 2


def test_a_post_is_sent_once_each_time(server: Server, session: MicrosoftSession) -> None:
    server.status = 503
    for _ in range(2):
        assert session.post(server.url + KEYS, data={"a": "b"}).status_code == 503
    assert server.asked == [f"POST {KEYS}"] * 2


@pytest.mark.parametrize("method", ["get", "post"])
def test_no_redirect_is_followed(server: Server, session: MicrosoftSession, method: str) -> None:
    response = getattr(session, method)(f"{server.url}/moved")
    assert response.status_code == 302
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/secret?code=hidden",
        "http://[bad/secret?code=hidden",
        "nowhere:/secret?code=hidden",
    ],
)
def test_a_failure_is_told_by_its_kind_without_the_address(session: MicrosoftSession, url: str) -> None:
    with pytest.raises(MicrosoftUnavailableError) as caught:
        session.get(url)
    assert "hidden" not in str(caught.value) + str(caught.value.__cause__)
    assert caught.value.__suppress_context__
    assert caught.value.detail.startswith("call=GET kind=")


def test_a_server_that_says_nothing_is_given_up() -> None:
    import socket

    silent = MicrosoftSession(connect=0.1, read=0.1)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        with pytest.raises(MicrosoftUnavailableError) as caught:
            silent.post(url)
    assert caught.value.detail == "call=POST kind=ReadTimeout"
    silent._open().close()


def test_closing_leaves_it_usable(server: Server, session: MicrosoftSession) -> None:
    session.close()
    assert session.get(server.url + "/x").ok
