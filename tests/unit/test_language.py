"""Which language is shown: the switch, the order, the browser, in that order; and a switch that stays."""

import itertools
from urllib.parse import parse_qs, urlsplit

import azure.functions as func
import pytest

from functions import services
from functions.services import Services, rendering
from functions.web import responses
from functions.web.boundary import pages
from functions.web.language import (
    LANGUAGES,
    language_for,
    language_for_users,
    of_order,
    other_language,
    switch,
)
from tests.memory import Memory

BASE = "http://localhost:7071"


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    made = Memory()
    monkeypatch.setattr(services, "_built", [Services(made.ports, rendering())])
    of_order.set("")
    return made


def request(path: str = "/x", method: str = "GET", **headers: str) -> func.HttpRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items() if value}
    return func.HttpRequest(method=method, url=f"{BASE}{path}", headers=named, body=b"")


async def shown(req: func.HttpRequest) -> func.HttpResponse:
    """The answer of a page that is there."""

    async def handler(req: func.HttpRequest) -> func.HttpResponse:
        return responses.page(language_for(req), None)

    return await pages(handler)(req)


@pytest.mark.parametrize(
    ("switched", "order", "browser"),
    list(itertools.product(("fr", "en", ""), ("fr", "en", ""), ("fr", "en", ""))),
)
def test_the_switch_goes_before_the_order_and_the_order_before_the_browser(
    switched: str, order: str, browser: str
) -> None:
    req = request(cookie=f"language={switched}" if switched else "", accept_language=browser)
    assert language_for(req, order) == (switched or order or browser or "fr")
    of_order.set(order)
    assert language_for(req) == (switched or order or browser or "fr")
    assert language_for_users(req, order or "fr") == (switched or browser or order or "fr")


@pytest.mark.parametrize("value", ["de", "", "EN", "en-GB", "../en", "fr; en"])
def test_a_cookie_that_names_no_language_of_ours_is_ignored(value: str) -> None:
    assert language_for(request(cookie=f"language={value}", accept_language="en")) == (
        "fr" if value == "fr; en" else "en"
    )


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_switch_leaves_a_cookie_and_the_same_page(method: str) -> None:
    answer = await shown(request("/a/K7QF-2MPD?signed-out=1&language=en&x=%C3%A9%26", method))
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/a/K7QF-2MPD?signed-out=1&x=%C3%A9%26"
    cookie = answer.headers["Set-Cookie"]
    assert cookie == "language=en; Max-Age=31536000; Path=/; HttpOnly; SameSite=Lax"


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("//evil.example?language=en", "/evil.example"),
        ("///evil.example/%2f..?language=en", "/evil.example/%2f.."),
        ("/\\evil.example?language=en", "/%5Cevil.example"),
        ("/%2f%2fevil.example?language=en", "/%2f%2fevil.example"),
        ("/a/https://evil.example?language=en", "/a/https://evil.example"),
        ("/a?language=en&next=https://evil.example", "/a?next=https%3A%2F%2Fevil.example"),
        ("/?language=en", "/"),
    ],
)
async def test_the_switch_never_leads_to_another_site(path: str, location: str) -> None:
    answer = await shown(request(path))
    assert (answer.status_code, answer.headers["Location"]) == (303, location)


@pytest.mark.parametrize("path", ["/x", "/x?language=", "/x?language=de", "/x?language=EN", "/x?lang=en"])
async def test_without_one_of_our_languages_the_page_is_shown(path: str) -> None:
    answer = await shown(request(path))
    assert (answer.status_code, answer.get_body()) == (200, b"fr")
    assert "Set-Cookie" not in answer.headers


async def test_a_post_is_never_sent_elsewhere(memory: Memory) -> None:
    assert (await shown(request("/x?language=en", "POST"))).status_code == 200


async def test_without_settings_the_page_is_shown_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "_built", [])
    monkeypatch.setattr("functions.services.os.environ", {})
    assert (await shown(request("/x?language=en"))).status_code == 200


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("path", "method", "leads_to", "kept"),
    [
        ("/a/K7QF-2MPD?signed-out=1", "GET", "/a/K7QF-2MPD", {"signed-out": ["1"]}),
        ("/a?k=abc", "HEAD", "/a", {"k": ["abc"]}),
        ("/a/K7QF-2MPD/code", "POST", "/a/K7QF-2MPD", {}),
        ("/sign-in/callback?state=s&code=c", "GET", "/a/K7QF-2MPD", {}),
        ("//evil.example/", "GET", "/evil.example/", {}),
        ("/x?" + "&".join(f"p{number}=1" for number in range(99)), "GET", "/x", {}),
    ],
)
def test_the_switch_of_a_page_leads_to_it_or_to_one_that_can_be_asked_for(
    path: str, method: str, leads_to: str, kept: dict[str, list[str]], language: str
) -> None:
    address = urlsplit(switch(request(path, method), language, "/a/K7QF-2MPD"))
    assert (address.scheme, address.netloc, address.path) == ("", "", leads_to)
    assert parse_qs(address.query) == {**kept, "language": [other_language(language)]}
