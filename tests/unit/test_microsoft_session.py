"""The one HTTP session to Microsoft's sign-in: what it remembers, and how its failures are told."""

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from adapters.deadline import within
from adapters.microsoft.retries import PassingError
from adapters.microsoft.session import REMEMBERED, REMEMBERED_FOR, REREAD_AT_MOST_EVERY, MicrosoftSession
from association.answer import Answer
from association.microsoft_errors import MicrosoftUnavailableError

DISCOVERY = "/common/v2.0/.well-known/openid-configuration"
KEYS = "/organizations/discovery/v2.0/keys"
DOCUMENT = {
    "issuer": "https://login.microsoftonline.com/t/v2.0",
    "authorization_endpoint": "https://login.microsoftonline.com/t/authorize",
    "token_endpoint": "https://login.microsoftonline.com/t/token",
    "keys": [],
}


class Server(ThreadingHTTPServer):
    """Counts what it is asked, answers `status` and `body`, and redirects everything under /moved."""

    daemon_threads = True
    asked: list[str]
    authorized: list[str]
    status = 200
    body = json.dumps(DOCUMENT)
    headers: dict[str, str]

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        self.server.authorized.append(self.headers.get("Authorization", ""))
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(302 if self.path.startswith("/moved") else self.server.status)
        self.send_header("Location", f"{self.server.url}/elsewhere")
        body = self.server.body.encode()
        for name, value in {**self.server.headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name of http.server

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(("127.0.0.1", 0), Handler)
    made.asked, made.authorized, made.headers = [], [], {}
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
    made.close()


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


def test_of_very_many_documents_the_newest_are_remembered(
    server: Server, session: MicrosoftSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.microsoft.session.MOST_REMEMBERED", 2)
    paths = [f"/{tenant}{DISCOVERY}" for tenant in ("one", "two", "three")]
    for path in (*paths, *reversed(paths)):
        session.get(server.url + path)
    assert [server.asked.count(f"GET {path}") for path in paths] == [2, 1, 1]


def test_an_error_is_not_remembered(server: Server, session: MicrosoftSession) -> None:
    server.status = 400
    assert session.get(server.url + DISCOVERY).status_code == 400
    server.status = 200
    assert session.get(server.url + DISCOVERY).status_code == 200


def test_keys_are_read_again_at_once_but_not_by_everybody_who_asks(
    server: Server, session: MicrosoftSession, clock: Monotonic
) -> None:
    url = server.url + KEYS
    session.get(url)
    for _ in range(3):
        session.forget(url)
        session.get(url)
    assert len(server.asked) == 2, "a key document read a moment ago may be out of date"
    clock.now += REREAD_AT_MOST_EVERY
    session.forget(url)
    session.get(url)
    session.get(url)
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("path", "body"),
    [
        *(
            (path, body)
            for path in (DISCOVERY, KEYS)
            for body in ("<html>", '{"keys": [', "[]", "null", "{}")
        ),
        (KEYS, json.dumps({"keys": None})),
        (DISCOVERY, json.dumps({**DOCUMENT, "token_endpoint": None})),
        *(
            (DISCOVERY, json.dumps({name: value for name, value in DOCUMENT.items() if name != missing}))
            for missing in ("issuer", "authorization_endpoint", "token_endpoint")
        ),
    ],
)
def test_what_is_no_document_is_unavailable_and_not_remembered(
    server: Server, session: MicrosoftSession, path: str, body: str
) -> None:
    server.body = body
    with pytest.raises(MicrosoftUnavailableError, match="reason="):
        session.get(server.url + path)
    server.body = json.dumps(DOCUMENT)
    assert session.get(server.url + path).json() == DOCUMENT


@pytest.mark.parametrize("body", ["Bad Request", "[]", "", '"text"'])
@pytest.mark.parametrize("status", [200, 400])
def test_an_answer_to_a_post_that_is_no_object_never_reaches_msal(
    server: Server, session: MicrosoftSession, status: int, body: str
) -> None:
    server.status, server.body = status, body
    with pytest.raises(MicrosoftUnavailableError, match=f"status={status} reason=not_json"):
        session.post(f"{server.url}/token")


def test_each_remembered_document_has_fields_it_is_known_by() -> None:
    assert all(REMEMBERED.values())


@pytest.mark.parametrize(
    ("status", "answer", "repeats"),
    [
        (429, Answer.THROTTLED, 2),
        (500, Answer.UNAVAILABLE, 1),
        (501, Answer.UNAVAILABLE, 0),
        (502, Answer.UNAVAILABLE, 1),
        (503, Answer.UNAVAILABLE, 2),
        (504, Answer.UNAVAILABLE, 2),
    ],
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_trouble_of_microsofts_is_told_once_without_its_body(  # noqa: PLR0917 - parametrised
    server: Server, session: MicrosoftSession, method: str, status: int, answer: Answer, repeats: int
) -> None:
    server.status, server.body = status, "Too Many Requests of marie@client.example"
    server.headers = {"Retry-After": "60", "x-ms-request-id": "r-1"}
    with pytest.raises(PassingError) as caught:
        getattr(session, method)(server.url + KEYS)
    error = caught.value
    assert error.detail == f"call={method.upper()} status={status} request_id=r-1"
    assert (error.repeats, error.retry_after, error.values) == (repeats, 60, {"answer": answer})
    assert len(server.asked) == 1


def test_no_call_is_begun_when_the_requests_time_is_over(server: Server, session: MicrosoftSession) -> None:
    with within(0), pytest.raises(MicrosoftUnavailableError, match="reason=deadline"):
        session.post(f"{server.url}/token")
    assert server.asked == []


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
def test_a_failure_is_told_by_its_kind_without_the_address(
    session: MicrosoftSession, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("urllib3").setLevel(logging.NOTSET)
    caplog.set_level(logging.INFO)
    with pytest.raises(MicrosoftUnavailableError) as caught:
        session.get(url)
    assert "hidden" not in str(caught.value) + str(caught.value.__cause__)
    assert caplog.text == ""
    assert caught.value.__suppress_context__
    assert caught.value.detail.startswith("call=GET kind=")


def test_a_password_of_the_machine_s_netrc_takes_no_place_of_ours(
    server: Server, session: MicrosoftSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """https://requests.readthedocs.io/en/latest/user/authentication/#netrc-authentication"""
    file = tmp_path / "netrc"
    file.write_text("machine 127.0.0.1 login someone password else\n")
    file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(file))
    session.get(f"{server.url}/x", headers={"Authorization": "Bearer ours"})
    assert server.authorized == ["Bearer ours"]


def test_a_server_that_says_nothing_is_given_up() -> None:
    import socket

    silent = MicrosoftSession(connect=0.1, read=0.1)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        with pytest.raises(MicrosoftUnavailableError) as caught:
            silent.post(url)
    assert caught.value.detail == "call=POST kind=ReadTimeout"
    silent.close()


def test_closing_leaves_it_usable(server: Server, session: MicrosoftSession) -> None:
    session.close()
    assert session.get(server.url + "/x").ok
