"""What is known of a browser: its cookies, its forms, where it comes from; and how answers are made."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import azure.functions as func
import pytest

from association.errors import FormForgedError, RequestInvalidError
from association.rows import Link, Purpose
from association.session import IDLE, Session
from functions.web import responses
from functions.web.browser import (
    LARGEST_FORM,
    VISIT_LASTS,
    cookies,
    end_session,
    form_token,
    query,
    read_form,
    read_session,
    read_visit,
    session_name,
    set_session,
    set_visit,
    visit_name,
)
from tests.memory import NOW, PERSON, SETTINGS, TENANT, Memory

REFERENCE = "K7QF-2MPD"
OURS = {"origin": SETTINGS["PUBLIC_BASE_URL"]}
SESSION = Session(
    session_id="s" * 32,
    association_id="a" * 32,
    tenant_id=TENANT,
    object_id=PERSON,
    account=3,
    generation=0,
    link_number=1,
    started_at=NOW - timedelta(hours=1),
    seen_at=NOW - timedelta(minutes=5),
)


@pytest.fixture
def memory() -> Memory:
    return Memory()


def request(url: str = "http://localhost:7071/a", body: bytes = b"", **headers: str) -> func.HttpRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return func.HttpRequest(method="POST" if body else "GET", url=url, headers=named, body=body)


def answer() -> func.HttpResponse:
    return responses.data({})


def visiting(memory: Memory, name: str, *, number: int = 2, cookie: str = "") -> func.HttpResponse:
    link = Link(
        link_id=f"{'a' * 32}.association.{number}",
        purpose=Purpose.ASSOCIATION,
        association_id="a" * 32,
        expires_at=NOW,
    )
    return set_visit(request(cookie=cookie), answer(), memory.ports, name, link)


def cookie_of(response: func.HttpResponse) -> str:
    (cookie,) = response.headers.get_all("Set-Cookie")
    return str(cookie)


def pair(response: func.HttpResponse) -> str:
    return cookie_of(response).partition(";")[0]


def posted(fields: dict[str, str], **headers: str) -> func.HttpRequest:
    kind = {"content-type": "application/x-www-form-urlencoded"}
    return request(body=urlencode(fields).encode(), **{**kind, **headers})


def test_the_first_of_each_query_parameter_counts() -> None:
    assert query(request("http://x/a?k=1&k=2&e=&u=%C3%A9+b")) == {"k": "1", "e": "", "u": "é b"}
    assert query(request("http://x/a")) == {}


def test_a_query_of_too_many_parameters_is_a_bad_request() -> None:
    with pytest.raises(RequestInvalidError):
        query(request("http://x/a?" + "&".join(f"p{number}=1" for number in range(200))))


def test_the_first_of_each_cookie_counts() -> None:
    assert cookies(request(cookie="a=1; b=x=y; a=2; junk;=z")) == {"a": "1", "b": "x=y", "": "z"}
    assert cookies(request()) == {}


def test_a_visit_is_read_back(memory: Memory) -> None:
    response = visiting(memory, visit_name(REFERENCE))
    visit = read_visit(request(cookie=pair(response)), memory.ports, visit_name(REFERENCE))
    assert visit is not None
    assert (visit.association_id, visit.number) == ("a" * 32, 2)


def test_a_visit_ends_after_its_time_whatever_the_browser_keeps(memory: Memory) -> None:
    cookie = pair(visiting(memory, "addin"))
    memory.clock.advance(seconds=VISIT_LASTS.total_seconds())
    assert read_visit(request(cookie=cookie), memory.ports, "addin") is None


def test_opening_the_link_again_keeps_the_forms_of_other_tabs_good(memory: Memory) -> None:
    name = visit_name(REFERENCE)
    first = pair(visiting(memory, name, number=1))
    second = pair(visiting(memory, name, number=2, cookie=first))
    known, again = (read_visit(request(cookie=cookie), memory.ports, name) for cookie in (first, second))
    assert known and again
    assert (known.nonce, again.number) == (again.nonce, 2)


def test_a_share_links_visit_is_none_of_an_association(memory: Memory) -> None:
    shared = pair(visiting(memory, "addin")).partition("=")[2]
    name = visit_name(REFERENCE)
    assert read_visit(request(cookie=f"{name}={shared}"), memory.ports, name) is None


def test_a_session_is_read_back_seen_now(memory: Memory) -> None:
    response = set_session(answer(), memory.ports, REFERENCE, SESSION)
    read = read_session(request(cookie=pair(response)), memory.ports, REFERENCE)
    assert read == replace(SESSION, seen_at=NOW)
    assert f"Max-Age={int(IDLE.total_seconds())};" in cookie_of(response)


@pytest.mark.parametrize("change", ["x", "", ".", "é", "W10"])
def test_a_cookie_that_was_touched_is_worth_nothing(memory: Memory, change: str) -> None:
    cookie = pair(set_session(answer(), memory.ports, REFERENCE, SESSION))
    name, _, value = cookie.partition("=")
    for touched in (change + value, value[:-1] + change if change != "" else value[:-1], change):
        assert read_session(request(cookie=f"{name}={touched}"), memory.ports, REFERENCE) is None or (
            touched == value
        )


def test_one_kind_of_cookie_is_worth_nothing_as_another(memory: Memory) -> None:
    visit = pair(visiting(memory, session_name(REFERENCE)))
    session = pair(set_session(answer(), memory.ports, REFERENCE, SESSION))
    assert read_session(request(cookie=visit), memory.ports, REFERENCE) is None
    as_visit = session.replace(session_name(REFERENCE), visit_name(REFERENCE))
    assert read_visit(request(cookie=as_visit), memory.ports, visit_name(REFERENCE)) is None


def test_a_cookie_signed_with_a_key_that_is_gone_is_worth_nothing(memory: Memory) -> None:
    other = Memory(SIGNING_KEYS="k9:" + "QQ" * 21 + "Q")
    cookie = pair(set_session(answer(), other.ports, REFERENCE, SESSION))
    assert read_session(request(cookie=cookie), memory.ports, REFERENCE) is None
    rotated = Memory(SIGNING_KEYS=f"k0:{'Qw' * 21}Q,k9:{'QQ' * 21}Q")
    assert read_session(request(cookie=cookie), rotated.ports, REFERENCE) is not None


def test_cookies_have_what_the_worker_keeps_and_nothing_else(memory: Memory) -> None:
    cookie = cookie_of(set_session(answer(), memory.ports, REFERENCE, SESSION))
    name_and_value, *attributes = cookie.split("; ")
    assert attributes == ["Max-Age=1800", "Path=/", "HttpOnly", "SameSite=Lax"]
    assert all(
        character.isascii() and (character.isalnum() or character in "-_.=") for character in name_and_value
    )
    secure = Memory(PUBLIC_BASE_URL="https://sage.example")
    assert "; Secure; HttpOnly;" in cookie_of(end_session(answer(), secure.ports, REFERENCE))


def test_an_ended_session_is_taken_from_the_browser(memory: Memory) -> None:
    cookie = cookie_of(end_session(answer(), memory.ports, REFERENCE))
    assert cookie.startswith(f"{session_name(REFERENCE)}=-; Max-Age=0; Path=/")


def test_a_form_of_ours_is_read(memory: Memory) -> None:
    token = form_token(memory.ports, SESSION, None)
    form = read_form(posted({"form_token": token, "code": "1"}, **OURS), memory.ports, SESSION, None)
    assert form["code"] == "1"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"origin": "http://localhost:7071.evil.example"}, id="origin that begins alike"),
        pytest.param({"origin": "null"}, id="null"),
        pytest.param({"origin": "https://localhost:7071"}, id="other scheme"),
        pytest.param({"origin": "http://localhost:7072"}, id="other port"),
        pytest.param({}, id="neither header"),
        pytest.param({"sec-fetch-site": "cross-site"}, id="cross-site"),
        pytest.param({"sec-fetch-site": "same-site"}, id="same-site"),
        pytest.param({"sec-fetch-site": "none"}, id="typed in"),
        pytest.param({"origin": "http://evil.example", "sec-fetch-site": "same-origin"}, id="contradiction"),
        pytest.param({"host": "localhost:7071", "referer": "http://localhost:7071/a"}, id="host and referer"),
    ],
)
def test_a_form_of_another_site_is_refused(memory: Memory, headers: dict[str, str]) -> None:
    token = form_token(memory.ports, SESSION, None)
    with pytest.raises(FormForgedError):
        read_form(posted({"form_token": token}, **headers), memory.ports, SESSION, None)


def test_without_an_origin_the_browsers_word_for_it_is_enough(memory: Memory) -> None:
    token = form_token(memory.ports, SESSION, None)
    req = posted({"form_token": token}, **{"sec-fetch-site": "same-origin"})
    assert read_form(req, memory.ports, SESSION, None)["form_token"] == token


def test_a_form_of_another_session_is_refused(memory: Memory) -> None:
    tokens = ["", "x", "é", form_token(memory.ports, replace(SESSION, session_id="t" * 32), None)]
    for token in tokens:
        with pytest.raises(FormForgedError):
            read_form(posted({"form_token": token}, **OURS), memory.ports, SESSION, None)


def test_without_session_and_visit_no_form_is_taken(memory: Memory) -> None:
    assert form_token(memory.ports, None, None) == ""
    with pytest.raises(FormForgedError):
        read_form(posted({"form_token": ""}, **OURS), memory.ports, None, None)


def test_signed_out_the_visit_binds_the_form(memory: Memory) -> None:
    visits = []
    for _ in range(2):
        cookie = pair(visiting(memory, "v"))
        visits.append(read_visit(request(cookie=cookie), memory.ports, "v"))
    first, second = (form_token(memory.ports, None, visit) for visit in visits)
    assert first != second
    assert form_token(memory.ports, SESSION, visits[0]) not in (first, second)


def test_a_form_that_is_too_large_is_refused(memory: Memory) -> None:
    token = form_token(memory.ports, SESSION, None)
    with pytest.raises(RequestInvalidError):
        read_form(
            posted({"form_token": token, "code": "x" * LARGEST_FORM}, **OURS), memory.ports, SESSION, None
        )


# Answers


def headers(response: func.HttpResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def test_every_answer_has_the_security_headers(memory: Memory) -> None:
    settings = Memory(PUBLIC_BASE_URL="https://sage.example").ports.settings
    made: list[func.HttpResponse] = [
        responses.page("<p>", settings),
        responses.redirect("/a", settings),
        responses.data({}),
        responses.problem({}, 400),
    ]
    for response in made:
        sent = headers(response)
        assert sent["cache-control"] == "no-store"
        assert sent["x-content-type-options"] == "nosniff"
        assert sent["referrer-policy"] == "same-origin"
    for response in made[:2]:
        assert headers(response)["strict-transport-security"].startswith("max-age=31536000")
    assert "strict-transport-security" not in headers(responses.page("<p>", memory.ports.settings))


def policy(settings: Any) -> dict[str, str]:
    sent = headers(responses.page("<p>", settings))["content-security-policy"]
    return {name: rest for name, _, rest in (part.strip().partition(" ") for part in sent.split(";"))}


def test_pages_run_no_inline_script_and_stand_in_no_frame(memory: Memory) -> None:
    sent = policy(memory.ports.settings)
    assert (sent["default-src"], sent["script-src"], sent["frame-ancestors"]) == (
        "'none'",
        "'self'",
        "'none'",
    )
    assert "unsafe" not in str(sent)


def test_forms_lead_to_ourselves_to_microsoft_and_to_the_portal(memory: Memory) -> None:
    settings = memory.ports.settings
    assert policy(settings)["form-action"].split() == ["'self'", settings.login_origin, settings.portal_url]
    assert policy(None)["form-action"] == "'self'"


def test_a_post_is_answered_by_a_redirect_that_goes_on_with_get(memory: Memory) -> None:
    response = responses.redirect("/a/x", memory.ports.settings)
    assert (response.status_code, headers(response)["location"]) == (303, "/a/x")


def test_an_unchanged_file_has_no_body() -> None:
    kept = {"ETag": '"x"', "Cache-Control": "private"}
    assert responses.file(b"abc", "application/xml", kept, 304).get_body() == b""
    sent = responses.file(b"abc", "application/xml", kept)
    assert (sent.get_body(), headers(sent)["etag"]) == (b"abc", '"x"')
    assert headers(sent)["x-content-type-options"] == "nosniff"
