"""What browsers are given with every answer: cookies, security headers, assets."""

import re
from collections.abc import Callable

import pytest
import requests

from tests.walks.browser import Browser, Page
from tests.walks.people import Person
from tests.walks.world import World

TOKEN = r"[A-Za-z0-9._-]+"
HALF_AN_HOUR, TWELVE_HOURS, A_QUARTER = 1800, 43200, 900


def cookies(response: requests.Response) -> dict[str, str]:
    """The Set-Cookie lines of an answer, by the name of the cookie."""
    lines = response.raw.headers.getlist("Set-Cookie")
    return {line.partition("=")[0]: line for line in lines}


def well_made(line: str, seconds: int) -> bool:
    """Token characters only, Max-Age, Path=/, HttpOnly, SameSite=Lax and, on http, nothing else.

    The host adds an empty Domain, which browsers ignore (RFC 6265 §5.2.3).
    """
    pair, *rest = (part.strip() for part in line.split(";"))
    attributes = {name.lower(): value.lower() for name, _, value in (part.partition("=") for part in rest)}
    wanted = {"max-age": str(seconds), "path": "/", "httponly": "", "samesite": "lax"}
    return re.fullmatch(f"{TOKEN}={TOKEN}", pair) is not None and {"domain": "", **attributes} == {
        "domain": "",
        **wanted,
    }


def test_the_cookies_of_the_journey_are_as_browsers_and_the_host_need_them(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    order = world.orders(customer)
    person = Person(world, customer.account)

    visit = cookies(person.browser.hold(world.link(order)))
    assert list(visit) == [f"visit-{order['reference']}"]
    assert well_made(visit[f"visit-{order['reference']}"], TWELVE_HOURS)

    page = person.browser.open(f"{world.host}/a/{order['reference']}")
    fields = page.form("/sign-in")
    left = person.browser.hold(fields.pop(""), "POST", fields, Origin=world.host)
    (flow,) = [name for name in cookies(left) if name.startswith("flow-")]
    assert re.fullmatch(r"flow-[0-9a-f]{16}", flow)
    assert well_made(cookies(left)[flow], A_QUARTER)
    ended = cookies(left)[f"session-{order['reference']}"]
    assert well_made(ended, 0)

    back = person.passes(left.headers["Location"])
    session = cookies(person.browser.hold(back))
    assert list(session) == [f"session-{order['reference']}"]
    assert well_made(session[f"session-{order['reference']}"], HALF_AN_HOUR)

    shown = cookies(person.browser.hold(f"{world.host}/a/{order['reference']}"))
    assert well_made(shown[f"session-{order['reference']}"], HALF_AN_HOUR)


def test_a_cookie_holds_no_address_no_name_and_no_token_of_microsofts(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    person = Person(world, customer.account)
    person.walks_to_the_end(world.invites(customer))
    for value in person.browser.cookies.kept.values():
        assert "@" not in value
        assert "lambert" not in value.lower()
        assert len(value) < 1000


def test_the_share_links_visit_is_a_cookie_of_its_own(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    order = world.orders(customer)
    Person(world, customer.account).walks_to_the_end(world.link(order))
    mail = world.mail(order["administrator_email"], "associé")
    (share,) = [link for link in mail["links"] if "/addin?k=" in link]
    given = cookies(Browser().hold(share))
    name = f"addin-{order['reference']}"
    assert list(given) == [name]
    assert well_made(given[name], TWELVE_HOURS)


def protected(page: Page, world: World) -> None:
    """Rule S6 on one page, and that nothing on it needs more than the policy allows."""
    headers, values = page.headers, world.settings["Values"]
    policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    for kind in ("script-src", "style-src", "img-src"):
        assert policy[kind] == "'self'"
    allowed = {"'self'", values["MICROSOFT_LOGIN_ORIGIN"], values["PORTAL_URL"].rstrip("/")}
    assert set(policy["form-action"].split()) == allowed
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert "strict-transport-security" not in headers  # plain http here: browsers would ignore it
    inline = "//script[not(@src)] | //style | //@style | //@*[starts-with(name(), 'on')] | //iframe"
    assert page.document.xpath(inline) == []
    for address in page.document.xpath("//script/@src | //link/@href | //img/@src"):
        assert address.startswith("/assets/")
        assert requests.get(f"{world.host}{address}", timeout=10).status_code == 200


Walk = Callable[[World, Person, str], Page]


def consent(_: World, person: Person, link: str) -> Page:
    return person.signs_in(person.opens(link))


PAGES: dict[str, tuple[str, Walk]] = {
    "progress": ("menuiserie-lambert", lambda _, person, link: person.opens(link)),
    "consent": ("menuiserie-lambert", consent),
    "refused": ("vignobles-chastel", lambda *walk: walk[1].consents(consent(*walk), "cancel")),
    "not administrator": ("boulangerie-morel", consent),
    "unexpected tenant": ("imprimerie-roussel", consent),
    "verifying": ("mont-blanc-outdoor", lambda *walk: walk[1].consents(consent(*walk))),
    "prerequisites": ("transports-girard", lambda *walk: walk[1].consents(consent(*walk))),
    "done": ("menuiserie-lambert", lambda *walk: walk[1].consents(consent(*walk))),
    "unknown link": ("menuiserie-lambert", lambda _, person, link: person.opens(link[:-1])),
    "unknown page": ("menuiserie-lambert", lambda world, person, _: person.opens(f"{world.host}/nulle/part")),
}


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_protected_says_where_one_stands_and_has_one_main_button(
    world: World, name: str
) -> None:
    customer_name, walk = PAGES[name]
    customer = world.customer(customer_name)
    page = walk(world, Person(world, customer.account), world.invites(customer))
    protected(page, world)
    primary = page.document.xpath("//*[contains(concat(' ', @class, ' '), ' primary ')]")
    assert len(primary) == 1
    assert len(page.document.xpath("//h1")) == 1
    assert page.document.get("lang") in ("fr", "en")
    if not name.startswith("unknown"):
        assert len(page.document.xpath("(//ol[@class='steps'])[1]/li")) == 5
        assert customer.order["company_name"] in page.words


def test_a_page_that_does_not_exist_is_our_404_for_every_method(world: World) -> None:
    for method in ("GET", "POST", "PUT", "DELETE"):
        answer = requests.request(method, f"{world.host}/wp-login.php", timeout=10)
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "Content-Security-Policy" in answer.headers
    page = Browser().open(f"{world.host}/wp-login.php")
    assert page.is_headed("error.page_unknown.title")
    assert Browser(language="en").open(f"{world.host}/x").is_headed("error.page_unknown.title", "en")


def test_redirects_are_not_kept_and_tell_nobody_where_one_came_from(world: World) -> None:
    answer = Browser().hold(world.invites(world.customer("menuiserie-lambert")))
    assert answer.status_code == 303
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "same-origin"


ASSETS = {
    "site.css": "text/css",
    "site.js": "text/javascript",
    "icon.svg": "image/svg+xml",
    **{f"icon-{size}.png": "image/png" for size in (16, 32, 64, 80, 128)},
}


@pytest.mark.parametrize("name", ASSETS)
def test_an_asset_is_served_cacheable_and_not_sent_again_unchanged(world: World, name: str) -> None:
    address = f"{world.host}/assets/{name}"
    first = requests.get(address, timeout=10)
    assert first.status_code == 200
    assert first.headers["Content-Type"].partition(";")[0] == ASSETS[name]
    assert first.headers["Cache-Control"] == "public, max-age=86400"
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in first.headers
    again = requests.get(address, headers={"If-None-Match": first.headers["ETag"]}, timeout=10)
    assert (again.status_code, again.content) == (304, b"")
    head = requests.head(address, timeout=10)
    assert (head.status_code, head.headers["ETag"]) == (200, first.headers["ETag"])


@pytest.mark.parametrize("name", ["missing.css", "..%2ffunction_app.py", "%2e%2e%2fhost.json", "", ".."])
def test_nothing_but_the_assets_is_served_as_one(world: World, name: str) -> None:
    answer = requests.get(f"{world.host}/assets/{name}", timeout=10)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
