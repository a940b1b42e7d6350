"""A failure's page: one button that leads somewhere useful, whatever the browser holds."""

from datetime import timedelta
from itertools import product
from typing import Any
from urllib.parse import parse_qs, urlsplit

import azure.functions as func
import pytest
from lxml import html as markup

from association.errors import AssociationError, LinkExpiredError
from association.keys import reference_of
from association.rows import Link, Purpose
from functions import services
from functions.services import Services, rendering
from functions.web import responses
from functions.web.boundary import STATUS, pages
from functions.web.browser import SESSION, VISIT, set_visit, visit_name
from functions.web.failures import concerned
from functions.web.next_step import CLOSED, ENDED, reference_at_hand
from tests.memory import Memory
from tests.unit.test_web_boundary import LANGUAGES, coded, codes

FIRST, SECOND = "K7QF-2MPD", "ABCD-0123"
CONCERNED = "a" * 32


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    made = Memory()
    monkeypatch.setattr(services, "_built", [Services(made.ports, rendering())])
    return made


def request(
    path: str = "/x", method: str = "GET", *, cookies: dict[str, str] | None = None, **headers: str
) -> func.HttpRequest:
    jar = "; ".join(f"{name}={value}" for name, value in (cookies or {}).items())
    return func.HttpRequest(
        method=method,
        url=f"http://localhost:7071{path}",
        headers={"cookie": jar, **{name.replace("_", "-"): value for name, value in headers.items()}},
        route_params={"reference": path.split("/")[2]} if path.startswith("/a/") else {},
        body=b"",
    )


async def failed(error: AssociationError, req: func.HttpRequest, concerns: str = "") -> markup.HtmlElement:
    """The page of the failure."""

    async def handler(req: func.HttpRequest) -> func.HttpResponse:
        concerned.set(concerns)
        raise error

    return markup.document_fromstring((await pages(handler)(req)).get_body())


def button(page: markup.HtmlElement) -> tuple[str, str]:
    """Address and text of the one primary action."""
    (found,) = page.xpath("//main//*[contains(@class, 'primary')]")
    return found.get("href"), " ".join(found.text_content().split())


def said(key: str, language: str = "fr") -> str:
    return " ".join(rendering().text(language, key).split())


def visit_cookie(memory: Memory, reference: str) -> str:
    """The cookie of a visit begun now."""
    link = Link(
        link_id=f"{reference}.association.1",
        purpose=Purpose.ASSOCIATION,
        association_id=reference,
        expires_at=memory.clock() + timedelta(days=1),
    )
    answer = set_visit(request(), responses.data({}), memory.ports, visit_name(reference), link)
    return str(answer.headers["Set-Cookie"].partition(";")[0].partition("=")[2])


HELD: dict[str, dict[str, str]] = {
    "nothing": {},
    "one association": {f"{VISIT}{FIRST}": "x"},
    "several associations": {f"{VISIT}{FIRST}": "x", f"{SESSION}{FIRST}": "y", f"{VISIT}{SECOND}": "x"},
}


REQUESTS = (("/x", "GET"), ("/a?k=x", "GET"), (f"/a/{FIRST}/sign-in", "POST"), ("/addin?k=x", "GET"))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", sorted(codes()))
async def test_every_failure_has_exactly_one_next_step_in_both_languages(code: str, language: str) -> None:
    labels = ("retry", "restart", "continue", "new_link", "write_support")
    texts = [said(f"button.{label}", language) for label in labels]
    own = (f"/a/{FIRST}", f"/a/{reference_of(CONCERNED)}", "/new-link")
    for (path, method), held, concerns in product(REQUESTS, HELD.values(), ("", CONCERNED)):
        req = request(path, method, cookies=held, accept_language=language)
        page = await failed(coded(code), req, concerns)
        href, text = button(page)
        assert text in texts
        assert href == "" or href.startswith(("/a/", "/new-link", "mailto:support@sage.example?subject="))
        assert page.xpath("//footer//a[starts-with(@href, 'tel:')]")
        (switch,) = page.xpath("//header//a[@hreflang]")
        assert switch.get("lang") == switch.get("hreflang") == ({"fr", "en"} - {language}).pop()
        assert method == "GET" or urlsplit(switch.get("href")).path in own


@pytest.mark.parametrize("code", ["state_unknown", "flow_expired", "browser_unknown", "flow_busy"])
@pytest.mark.parametrize(
    ("held", "concerns", "leads_to"),
    [
        ("one association", "", f"/a/{FIRST}"),
        ("several associations", CONCERNED, f"/a/{reference_of(CONCERNED)}"),
        ("nothing", CONCERNED, f"/a/{reference_of(CONCERNED)}"),
    ],
)
async def test_a_trip_that_failed_starts_again_with_one_click(
    code: str, held: str, concerns: str, leads_to: str
) -> None:
    page = await failed(coded(code), request("/sign-in/callback?state=s", cookies=HELD[held]), concerns)
    assert button(page) == (leads_to, said("button.restart"))


async def test_where_nothing_is_open_the_last_resort_is_a_new_link() -> None:
    page = await failed(coded("state_unknown"), request("/sign-in/callback?state=s"))
    assert button(page) == ("/new-link", said("button.new_link"))


@pytest.mark.parametrize("code", ENDED)
async def test_an_ended_link_leads_to_a_new_one_and_not_back(code: str) -> None:
    page = await failed(coded(code), request(f"/a/{FIRST}", cookies=HELD["one association"]), CONCERNED)
    href, text = button(page)
    assert (urlsplit(href).path, text) == ("/new-link", said("button.new_link"))
    assert parse_qs(urlsplit(href).query) == {"reference": [FIRST]}


async def test_the_reference_is_filled_in_for_who_holds_the_token_and_for_nobody_else() -> None:
    page = await failed(LinkExpiredError("x", reference=SECOND), request("/a?k=x"))
    assert button(page)[0] == f"/new-link?reference={SECOND}"
    assert button(await failed(coded("link_unknown"), request("/a?k=x")))[0] == "/new-link"
    hostile = await failed(coded("visit_missing"), request("/a/%3Cscript%3E"))
    assert button(hostile)[0] == "/new-link"


@pytest.mark.parametrize("code", CLOSED)
async def test_what_only_support_can_mend_leads_to_support_with_the_reference(code: str) -> None:
    page = await failed(coded(code), request("/addin/guide", cookies=HELD["one association"]), CONCERNED)
    href, text = button(page)
    (shown,) = page.xpath("//p[@class='failure']//code/text()")
    assert (href, text) == (f"mailto:support@sage.example?subject={shown}", said("button.write_support"))


async def test_users_of_a_share_link_are_not_sent_to_the_administrators_link() -> None:
    assert button(await failed(coded("link_unknown"), request("/addin?k=x")))[0].startswith("mailto:")


@pytest.mark.parametrize("code", sorted(code for code, status in STATUS.items() if status >= 500))
async def test_a_page_that_failed_for_now_can_be_tried_again(code: str) -> None:
    assert button(await failed(coded(code), request())) == ("", said("button.retry"))
    assert button(await failed(coded(code), request(method="HEAD"))) == ("", said("button.retry"))
    assert button(await failed(coded(code), request(method="POST")))[0] == "/new-link"


@pytest.mark.parametrize(
    ("path", "cookies", "reference"),
    [
        ("/x", {}, ""),
        ("/x", {f"{VISIT}{FIRST}": "x"}, FIRST),
        ("/x", {f"{SESSION}{FIRST}": "x"}, ""),
        ("/x", {f"{VISIT}{FIRST}": "x", f"{SESSION}{FIRST}": "y"}, FIRST),
        ("/x", {f"{VISIT}{FIRST}": "x", f"{SESSION}{SECOND}": "y"}, FIRST),
        ("/x", {f"{VISIT}nothing": "x", "visit-": "y", "addin": "z"}, ""),
        ("/x", {f"{VISIT}<script>": "x", f"{VISIT}{FIRST}": "y"}, FIRST),
        (f"/a/{SECOND}/check", {f"{VISIT}{FIRST}": "x"}, SECOND),
        (f"/a/{SECOND.lower()}", {}, SECOND),
        ("/a/nothing", {f"{VISIT}{FIRST}": "x"}, FIRST),
    ],
)
def test_the_association_at_hand(path: str, cookies: dict[str, str], reference: str) -> None:
    assert reference_at_hand(request(path, cookies=cookies)) == reference


SIGNED_IN = {f"{VISIT}{FIRST}": "x", f"{SESSION}{FIRST}": "y"}


@pytest.mark.parametrize(
    ("path", "cookies", "concerns", "href"),
    [
        ("/nowhere", SIGNED_IN, "", f"/a/{FIRST}?as-nobody=1"),
        ("/sign-in/callback", SIGNED_IN, "", f"/a/{FIRST}?as-nobody=1"),
        ("/a?k=x", SIGNED_IN, "", f"/a/{FIRST}?as-nobody=1"),
        ("/nowhere", {f"{VISIT}{FIRST}": "x", f"{SESSION}{SECOND}": "y"}, "", f"/a/{FIRST}"),
        ("/nowhere", {f"{SESSION}{FIRST}": "y"}, "", "/new-link"),
        (f"/a/{FIRST}/check", SIGNED_IN, "", f"/a/{FIRST}"),
        ("/sign-in/callback", SIGNED_IN, CONCERNED, f"/a/{reference_of(CONCERNED)}"),
    ],
)
async def test_where_the_address_names_no_association_a_session_is_nobodys_for_sure(
    path: str, cookies: dict[str, str], concerns: str, href: str
) -> None:
    page = await failed(coded("form_forged"), request(path, cookies=cookies), concerns)
    assert button(page)[0] == href
    assert (said("error.as_nobody") in " ".join(page.text_content().split())) == ("as-nobody" in href)


async def test_the_language_switch_leads_into_nobodys_session_either() -> None:
    page = await failed(coded("form_forged"), request("/nowhere", "POST", cookies=SIGNED_IN))
    assert page.xpath("//header//a[@hreflang]/@href") == ["/new-link?language=en"]


@pytest.mark.parametrize(("earlier", "later"), [(FIRST, SECOND), (SECOND, FIRST)])
def test_of_several_associations_the_one_opened_last_is_at_hand(
    memory: Memory, earlier: str, later: str
) -> None:
    jar: dict[str, Any] = {f"{VISIT}{earlier}": visit_cookie(memory, earlier)}
    memory.clock.advance(minutes=1)
    jar[f"{VISIT}{later}"] = visit_cookie(memory, later)
    assert reference_at_hand(request(cookies=jar)) == later
    memory.clock.advance(hours=11, minutes=59, seconds=30)
    assert reference_at_hand(request(cookies=jar)) == later
    # a cookie that isn't ours counts for nothing
    jar[f"{VISIT}{later}"] += "x"
    jar[f"{VISIT}{earlier}"] = visit_cookie(memory, earlier)
    assert reference_at_hand(request(cookies=jar)) == earlier


def test_without_settings_some_association_is_at_hand_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "_built", [])
    monkeypatch.setattr("functions.services.os.environ", {})
    assert reference_at_hand(request(cookies=HELD["several associations"])) in (FIRST, SECOND)
