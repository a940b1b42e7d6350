"""The local host loses and changes what Azure loses and changes; measured over real HTTP on a toy app."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import pytest

from sandbox.running import running_host

APP = """
import asyncio
import json
import time
from urllib.parse import parse_qs, urlsplit

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
bp = func.Blueprint()
FREE = func.AuthLevel.ANONYMOUS


def echo(req):
    body = {
        "method": req.method,
        "url": req.url,
        "route": dict(req.route_params),
        "params": dict(req.params),
        "headers": dict(req.headers),
        "body": req.get_body().decode("utf-8", "replace"),
        "form": req.form.to_dict(flat=False),
    }
    return func.HttpResponse(json.dumps(body), mimetype="application/json")


@app.route("echo/{*rest}", auth_level=FREE)
async def echo_async(req: func.HttpRequest) -> func.HttpResponse:
    return echo(req)


@app.route("items/{item:int}", methods=["GET"], auth_level=FREE)
def b_item_by_number(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("number " + req.route_params["item"])


@app.route("items/exact", methods=["GET"], auth_level=FREE)
def d_exact(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("exact")


@app.route("items/{item?}", methods=["GET"], auth_level=FREE)
def c_any_item(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("any " + req.route_params.get("item", "none"))


@app.route("file-{name}.xml", methods=["GET"], auth_level=FREE)
def a_file(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.route_params["name"])


@bp.route("keyed", methods=["GET"])
def keyed(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("open")


@app.route("master", methods=["GET"], auth_level=func.AuthLevel.ADMIN)
def master(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("open")


@app.route("headers", auth_level=FREE)
def headers(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse("body")
    for name, value in json.loads(req.get_body()):
        response.headers.add(name, value)
    return response


@app.route("bad/{kind}", auth_level=FREE)
def bad(req: func.HttpRequest):
    kind = req.route_params["kind"]
    if kind == "raises":
        raise RuntimeError("kept in the log")
    return {"none": None, "bytes": b"x", "dict": {}, "text": "text"}[kind]


@app.route("status/{code:int}", methods=["GET", "HEAD"], auth_level=FREE)
def status(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("hello", status_code=int(req.route_params["code"]), headers={"ETag": '"1"'})


@app.route("length", auth_level=FREE)
def length(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(b"12345", headers={"Content-Length": "5"})


@app.route("slow/sync", auth_level=FREE)
def slow_sync(req: func.HttpRequest) -> func.HttpResponse:
    time.sleep(1.0)
    return func.HttpResponse("slow")


@app.route("slow/async", auth_level=FREE)
async def slow_async(req: func.HttpRequest) -> func.HttpResponse:
    await asyncio.sleep(1.0)
    return func.HttpResponse("slow")


@app.route("context", auth_level=FREE)
def with_context(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return func.HttpResponse(context.function_name)


app.register_functions(bp)
"""
SETTINGS = {
    "IsEncrypted": False,
    "Values": {"FUNCTIONS_WORKER_RUNTIME": "python"},
    "Host": {"LocalHttpPort": 0, "FunctionKey": "function-key", "MasterKey": "master-key"},
}


def write_app(folder: Path, app: str, settings: Mapping[str, object], host: Mapping[str, object]) -> Path:
    (folder / "function_app.py").write_text(app, encoding="utf-8")
    (folder / "host.json").write_text(json.dumps(host), encoding="utf-8")
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder / "settings.json"


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("toy")
    settings = write_app(folder, APP, SETTINGS, {"extensions": {"http": {"routePrefix": ""}}})
    with running_host(settings, app=folder) as origin:
        yield int(origin.rpartition(":")[2])


class Reply:
    def __init__(
        self, port: int, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        self.status = response.status
        self.headers = response.headers
        self.body = response.read().decode()
        connection.close()

    def cookies(self) -> list[str]:
        return self.headers.get_all("Set-Cookie", [])


def ask(
    port: int,
    path: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Reply:
    return Reply(port, method, path, body, headers or {})


def echoed(
    port: int, path: str, method: str = "GET", body: bytes | None = None, **headers: str
) -> dict[str, object]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer: dict[str, object] = json.loads(ask(port, "/echo" + path, method, body, named).body)
    return answer


def raw(port: int, request: bytes) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        received = b""
        while data := connection.recv(65536):
            received += data
    return received.decode()


def set_headers(port: int, *pairs: tuple[str, str]) -> Reply:
    return ask(port, "/headers", "POST", json.dumps(pairs).encode())


# Routes


def test_functions_are_tried_in_order_of_their_name_so_a_literal_does_not_win(toy: int) -> None:
    assert ask(toy, "/items/exact").body == "any exact"


def test_a_constraint_that_does_not_fit_passes_the_request_on(toy: int) -> None:
    assert ask(toy, "/items/12").body == "number 12"
    assert ask(toy, "/items/99999999999").body == "any 99999999999"


def test_an_optional_parameter_may_be_missing(toy: int) -> None:
    assert ask(toy, "/items").body == "any none"


def test_a_parameter_may_stand_inside_a_segment(toy: int) -> None:
    assert ask(toy, "/file-sage.contact.xml").body == "sage.contact"


def test_the_path_ignores_case_and_a_trailing_slash(toy: int) -> None:
    assert ask(toy, "/ITEMS/7/").body == "number 7"


def test_a_parameter_is_decoded_once_and_an_encoded_slash_stays(toy: int) -> None:
    assert echoed(toy, "/a%20b%2Fc%2520d")["route"] == {"rest": "a b%2Fc%20d"}


def test_a_missing_catch_all_is_absent_from_the_parameters(toy: int) -> None:
    assert echoed(toy, "")["route"] == {}


def test_dot_segments_are_removed_before_routing(toy: int) -> None:
    assert ask(toy, "/nowhere/../items/%2e/7").body == "number 7"


@pytest.mark.parametrize("method", ["POST", "HEAD", "OPTIONS", "PUT"])
def test_a_method_that_is_not_listed_is_not_found(toy: int, method: str) -> None:
    assert ask(toy, "/items/7", method).status == 404


def test_an_unknown_address_is_not_found_with_an_empty_body(toy: int) -> None:
    answer = ask(toy, "/nowhere")
    assert (answer.status, answer.body) == (404, "")


# Requests


def test_header_names_are_in_lower_case_and_repeated_ones_joined(toy: int) -> None:
    request = b"GET /echo HTTP/1.1\r\nHost: x\r\nX-Mixed: 1\r\nx-mixed: 2\r\nConnection: close\r\n\r\n"
    assert '"x-mixed": "1,2"' in raw(toy, request)


def test_the_query_is_single_valued_and_empty_values_vanish_but_the_url_is_whole(toy: int) -> None:
    answer = echoed(toy, "/q?a=1&a=2&A=3&flag&empty=&t=a+b%20c")
    assert answer["params"] == {"a": "1,2,3", "t": "a b c"}
    assert str(answer["url"]).endswith("/echo/q?a=1&a=2&A=3&flag&empty=&t=a+b%20c")
    assert str(answer["url"]).startswith("http://127.0.0.1:")


def test_a_body_arrives_exactly(toy: int) -> None:
    assert echoed(toy, "", "POST", b" a\r\n ")["body"] == " a\r\n "


def test_a_chunked_body_arrives_empty(toy: int) -> None:
    request = (
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        b"5\r\nhello\r\n0\r\n\r\n"
    )
    assert '"body": ""' in raw(toy, request)


def test_a_form_keeps_repeated_and_blank_fields(toy: int) -> None:
    answer = echoed(toy, "", "POST", b"a=1&a=2&b=", Content_Type="application/x-www-form-urlencoded")
    assert answer["form"] == {"a": ["1", "2"], "b": [""]}


def test_a_request_line_over_8_kilobytes_is_refused(toy: int) -> None:
    assert ask(toy, "/echo?q=" + "a" * 8100).status == 200
    assert ask(toy, "/echo?q=" + "a" * 8200).status == 414


def test_headers_over_32_kilobytes_or_over_100_are_refused(toy: int) -> None:
    assert ask(toy, "/echo", headers={"X-A": "a" * 30_000}).status == 200
    assert ask(toy, "/echo", headers={"X-A": "a" * 33_000}).status == 431
    assert ask(toy, "/echo", headers={f"X-{n}": "a" for n in range(101)}).status == 431


def test_a_body_over_100_megabytes_is_refused_unread(toy: int) -> None:
    with socket.create_connection(("127.0.0.1", toy), timeout=10) as connection:
        connection.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 104857601\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


# Keys


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        pytest.param("/keyed", None, 401, id="none"),
        pytest.param("/keyed", "wrong", 401, id="wrong"),
        pytest.param("/keyed", "function-key", 200, id="header"),
        pytest.param("/keyed", "master-key", 200, id="master opens every level"),
        pytest.param("/keyed?code=function-key", None, 200, id="query"),
        pytest.param("/keyed?code=function-key", "wrong", 401, id="the header goes first"),
        pytest.param("/keyed?code=function-key", "", 401, id="an empty header too"),
        pytest.param("/master", "function-key", 401, id="function key on an admin route"),
        pytest.param("/master", "master-key", 200, id="master key on an admin route"),
    ],
)
def test_a_key_opens_its_level_only(toy: int, path: str, key: str | None, status: int) -> None:
    answer = ask(toy, path, headers={} if key is None else {"x-functions-key": key})
    assert answer.status == status
    assert answer.body == ("open" if status == 200 else "")


# Responses


def test_only_set_cookie_may_repeat_of_others_the_last_stays(toy: int) -> None:
    answer = set_headers(toy, ("Vary", "Cookie"), ("Vary", "Origin"), ("Link", "<a>"), ("link", "<b>"))
    assert answer.headers.get_all("Vary") == ["Origin"]
    assert answer.headers.get_all("Link") == ["<b>"]


def test_a_non_ascii_header_value_is_a_500(toy: int) -> None:
    answer = set_headers(toy, ("Content-Disposition", 'filename="é"'))
    assert (answer.status, answer.body) == (500, "")


def test_a_line_break_in_a_header_is_a_500(toy: int) -> None:
    assert set_headers(toy, ("X-A", "a\r\nX-B: b")).status == 500


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        pytest.param(
            "a=1; Max-Age=60; Path=/; Secure; HttpOnly; SameSite=Lax",
            ["a=1; max-age=60; domain=; path=/; secure; samesite=lax; httponly"],
            id="attributes are written anew",
        ),
        pytest.param("b=c/d+e", ["b=c%2Fd%2Be; domain=; path="], id="the value is percent-encoded"),
        pytest.param("b=%7B", ["b=%257B; domain=; path="], id="also when it was encoded before"),
        pytest.param("a=1; Path=/; Partitioned", [], id="Partitioned"),
        pytest.param("a=b c", [], id="space"),
        pytest.param('a={"x": 1}', [], id="JSON"),
        pytest.param("a=é", [], id="non-ASCII"),
        pytest.param("a[b]=1", [], id="brackets"),
        pytest.param(
            "a=1; Priority=High", ["a=1; domain=; path=", "Priority=High; domain=; path="], id="unknown"
        ),
    ],
)
def test_a_cookie_leaves_as_the_host_writes_it(toy: int, sent: str, received: list[str]) -> None:
    answer = set_headers(toy, ("Set-Cookie", sent))
    assert answer.status == 200
    assert answer.cookies() == received


def test_two_cookies_are_two_headers(toy: int) -> None:
    answer = set_headers(toy, ("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2; Path=/"))
    assert answer.cookies() == ["a=1; domain=; path=/", "b=2; domain=; path=/"]


def test_an_expiry_date_with_hyphens_is_a_500(toy: int) -> None:
    assert set_headers(toy, ("Set-Cookie", "a=1; Expires=Thu, 12-Jan-2017 13:55:08 GMT")).status == 500


@pytest.mark.parametrize("kind", ["raises", "none", "bytes", "dict", "text"])
def test_an_exception_or_anything_but_a_response_is_a_500_with_an_empty_body(toy: int, kind: str) -> None:
    answer = ask(toy, f"/bad/{kind}")
    assert (answer.status, answer.body) == (500, "")


def test_a_body_goes_out_chunked_unless_the_app_says_its_length(toy: int) -> None:
    assert ask(toy, "/status/200").headers["Transfer-Encoding"] == "chunked"
    answer = ask(toy, "/length")
    assert (answer.headers["Content-Length"], answer.headers["Transfer-Encoding"]) == ("5", None)


def test_the_content_type_comes_from_mimetype_and_charset(toy: int) -> None:
    assert ask(toy, "/status/200").headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(("method", "code"), [("HEAD", 200), ("GET", 304), ("GET", 204)])
def test_an_answer_that_may_have_no_body_has_none(toy: int, method: str, code: int) -> None:
    answer = ask(toy, f"/status/{code}", method)
    assert (answer.status, answer.body, answer.headers["ETag"]) == (code, "", '"1"')


def test_a_connection_is_used_again_after_every_kind_of_answer(toy: int) -> None:
    connection = HTTPConnection("127.0.0.1", toy, timeout=10)
    for path in ("/status/304", "/bad/raises", "/nowhere", "/status/200"):
        connection.request("GET", path)
        connection.getresponse().read()
    connection.request("HEAD", "/status/200")
    assert connection.getresponse().read() == b""
    connection.request("GET", "/items/7")
    assert connection.getresponse().read() == b"number 7"
    connection.close()


# Running


@pytest.mark.parametrize("path", ["/slow/sync", "/slow/async"])
def test_four_slow_requests_run_side_by_side(toy: int, path: str) -> None:
    started = time.perf_counter()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ask(toy, path).status, range(4)))
    assert answers == [200] * 4
    assert time.perf_counter() - started < 3.0


def test_a_function_may_ask_for_its_context(toy: int) -> None:
    assert ask(toy, "/context").body == "with_context"


def test_the_route_prefix_of_host_json_stands_before_every_route(tmp_path: Path) -> None:
    settings = write_app(tmp_path, APP, SETTINGS, {})
    with running_host(settings, app=tmp_path) as origin:
        port = int(origin.rpartition(":")[2])
        assert ask(port, "/api/items/7").status == 200
        assert ask(port, "/items/7").status == 404


TINY = """
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("good")
def good(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("good")


"""


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param("import no_such_module", "no_such_module", id="missing module"),
        pytest.param("del app", "FunctionApp", id="no FunctionApp"),
        pytest.param(
            '@app.route("x")\ndef other(request: func.HttpRequest): ...',
            "no parameter named req",
            id="not named req",
        ),
        pytest.param(
            '@app.route("x")\ndef other(req, more): ...', "without a binding: more", id="extra parameter"
        ),
        pytest.param(
            '@app.route("x")\n@app.function_name("good")\ndef o(req): ...', "good", id="same name twice"
        ),
        pytest.param('@app.route("x/{a:nothing}")\ndef o(req): ...', "nothing", id="unknown constraint"),
        pytest.param('@app.timer_trigger("t", "every day")\ndef o(t): ...', "schedule", id="no schedule"),
    ],
)
def test_one_bad_function_and_none_is_served(tmp_path: Path, fault: str, reason: str) -> None:
    settings = write_app(tmp_path, TINY + fault + "\n", SETTINGS, {})
    with running_host(settings, app=tmp_path) as origin:
        assert ask(int(origin.rpartition(":")[2]), "/api/good").status == 404
    log = (tmp_path / "host.log").read_text(encoding="utf-8")
    assert "ERROR host indexing_failed" in log
    assert reason in log


def test_the_same_app_without_a_fault_is_served(tmp_path: Path) -> None:
    settings = write_app(tmp_path, TINY, SETTINGS, {})
    with running_host(settings, app=tmp_path) as origin:
        assert ask(int(origin.rpartition(":")[2]), "/api/good").body == "good"


def test_values_are_in_the_environment_before_the_app_is_imported(tmp_path: Path) -> None:
    app = TINY.replace("import azure", 'import os\nWORD = os.environ["WORD"]\nimport azure').replace(
        '"good")\n\n', "WORD)\n\n"
    )
    settings = write_app(tmp_path, app, {**SETTINGS, "Values": {"WORD": "früh"}}, {})
    with running_host(settings, app=tmp_path) as origin:
        assert ask(int(origin.rpartition(":")[2]), "/api/good").body == "früh"


def test_a_failure_is_in_the_log_with_its_stack(tmp_path: Path) -> None:
    settings = write_app(
        tmp_path, TINY.replace('return func.HttpResponse("good")', "return 1 / 0"), SETTINGS, {}
    )
    with running_host(settings, app=tmp_path) as origin:
        assert ask(int(origin.rpartition(":")[2]), "/api/good").status == 500
    log = (tmp_path / "host.log").read_text(encoding="utf-8")
    assert "ERROR host failed function=good" in log
    assert "ZeroDivisionError" in log
