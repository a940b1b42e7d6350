"""Attacks from outside: keys, addresses, headers, texts from strangers, and machines that open links."""

from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import pytest
import requests
from lxml import html as markup

from sandbox.host.indexing import index_app
from sandbox.storage import ROOT
from tests.walks.browser import Browser, Page
from tests.walks.people import Person
from tests.walks.world import World, until

SCRIPT = "<script>alert('x')</script>\"><img src=x onerror=alert(1)> & {{ 7*7 }} {reference}"
OURS = ("/assets/site.js",)


def ordered(world: World, **changes: Any) -> tuple[dict[str, Any], str, Person]:
    customer = world.customer("menuiserie-lambert", **changes)
    order = world.orders(customer)
    return order, world.link(order), Person(world, customer.account)


def noted(world: World, order: dict[str, Any]) -> Any:
    """What support sees once the invitation, which is read before that, is noted as sent; or None."""
    found = world.support(order_number=order["order_number"])
    return found if found["mails"][0]["status"] == "sent" else None


def keyed(world: World) -> dict[str, tuple[str, str]]:
    """Every address that asks for a key, as the app itself lists them: name → method and address."""
    triggers = {one.name: one.trigger for one in index_app(ROOT) if one.kind == "httpTrigger"}
    return {
        name: (trigger["methods"][0], f"{world.host}/{trigger['route'].replace('{id}', '0' * 32)}")
        for name, trigger in triggers.items()
        if trigger["authLevel"] != "anonymous"
    }


def test_orders_support_and_details_of_health_all_ask_for_a_key() -> None:
    anonymous = {
        one.trigger["route"]
        for one in index_app(ROOT)
        if one.kind == "httpTrigger" and one.trigger["authLevel"] == "anonymous"
    }
    assert {"a/{reference}", "health"} <= anonymous
    assert [route for route in anonymous if route.startswith(("orders", "support", "health/"))] == []


def test_no_address_with_a_key_answers_without_one_or_with_a_wrong_one(world: World) -> None:
    addresses = keyed(world)
    assert len(addresses) >= 5
    for name, (method, url) in addresses.items():
        for headers in (
            {},
            {"x-functions-key": ""},
            {"x-functions-key": "A" * 40},
            {"Authorization": "Bearer x"},
        ):
            answer = requests.request(method, url, json={}, headers=headers, timeout=10)
            assert (answer.status_code, answer.content) == (401, b""), name


def test_a_key_in_the_address_is_refused_even_beside_the_header(world: World) -> None:
    for name, (method, url) in keyed(world).items():
        for headers in ({}, world.key):
            answer = requests.request(
                method,
                url,
                json={},
                params={"code": world.key["x-functions-key"]},
                headers=headers,
                timeout=10,
            )
            assert answer.status_code == 401, name
            assert answer.json()["code"] == "key_in_query", name


def test_a_key_opens_no_page_of_the_journey(world: World) -> None:
    order, _, _ = ordered(world)

    answer = requests.get(f"{world.host}/a/{order['reference']}", headers=world.key, timeout=10)

    assert answer.status_code == 403


def test_strangers_are_not_told_whether_an_association_exists(world: World) -> None:
    order, _, _ = ordered(world)
    pages = [
        Browser().open(f"{world.host}/a/{reference}")
        for reference in (order["reference"], "0000-0000", "nothing-like-it")
    ]

    assert {page.status for page in pages} == {403}
    told = {without_reference(page) for page in pages}
    assert len(told) == 1


def without_reference(page: Page) -> str:
    """The page's text but for the failure's own reference, the one line that differs each time."""
    for element in page.document.xpath("//code"):
        element.drop_tree()
    document = page.document
    for element in document.xpath("//*[contains(@class, 'copyable')]"):
        element.drop_tree()
    return " ".join(document.text_content().split())


def test_a_guessed_or_changed_link_opens_nothing(world: World) -> None:
    _, link, _ = ordered(world)
    token = link.rpartition("=")[2]
    other = "A" if token[-2] != "A" else "B"
    for guess in (
        "",
        "x",
        token[:-1],
        f"{token}A",
        f"{token[:-2]}{other}{token[-1]}",
        "é" * 43,
        token.swapcase(),
    ):
        browser = Browser()
        page = browser.open(f"{world.host}/a?k={quote(guess)}")
        assert (page.status, page.is_headed("error.link_unknown.title")) == (404, True), guess
        assert not browser.cookies.kept
    assert Browser().open(f"{world.host}/addin?k={token}").status == 404


def test_the_share_link_opens_the_file_and_nothing_of_the_association(world: World) -> None:
    order, link, person = ordered(world)
    page = person.walks_to_the_end(link)
    mail = world.mail(order["administrator_email"], "associé")
    share = next(address for address in mail["links"] if "/addin?k=" in address)
    user = Browser()
    user.open(share)

    assert user.open(share.replace("/addin", "/a")).status == 404
    for address in (page.url, f"{page.url}/sage-contact.xml"):
        assert user.open(address).status == 403
    shared = user.cookies.kept[f"addin-{order['reference']}", "/"]
    user.cookies.kept[f"visit-{order['reference']}", "/"] = shared
    # the same number and the same key: only what it was signed for tells the one visit from the other
    assert user.open(page.url).is_headed("error.visit_missing.title")


def test_the_association_link_opens_no_file(world: World) -> None:
    order, link, person = ordered(world)
    person.walks_to_the_end(link)
    visitor = Browser()
    page = visitor.open(link)

    assert visitor.open(f"{page.url}/sage-contact.xml").status == 403
    file = f"{world.host}/addin/sage-contact.xml?of={order['reference']}"
    assert visitor.open(file).status == 410
    visit = visitor.cookies.kept[f"visit-{order['reference']}", "/"]
    visitor.cookies.kept[f"addin-{order['reference']}", "/"] = visit
    assert visitor.open(file).is_headed("error.share_ended.title")


def test_a_link_alone_shows_no_address_and_no_tenant_whoever_has_signed_in(world: World) -> None:
    order, link, person = ordered(world)
    for stage in ("before", "signed in", "done"):
        if stage == "signed in":
            page = person.signs_in(person.opens(link))
        if stage == "done":
            person.consents(page)
        found = world.support(order_number=order["order_number"])
        seen = Browser().open(link)
        assert order["company_name"] in seen.words
        hidden = (order["administrator_email"], person.account, order["partner"]["email"], found["tenant_id"])
        assert not [value for value in hidden if value and value in seen.text], stage
        assert "/addin?k=" not in seen.text


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "//evil.example/%2f..",
        "/%2fevil.example",
        "/%5cevil.example",
        "/a//evil.example",
        "/a/https:%2f%2fevil.example",
        "/a?k=x&next=https://evil.example",
        "/sign-in/callback?state=x&redirect_uri=https://evil.example",
        "/consent/callback?redirect=https://evil.example&returnTo=//evil.example",
        "/addin?k=x&url=https://evil.example",
        "/health?next=https://evil.example",
    ],
)
def test_no_address_of_ours_redirects_to_another_site(world: World, path: str) -> None:
    answer = requests.get(
        f"{world.host}{path}",
        allow_redirects=False,
        timeout=10,
        headers={"X-Original-URL": "https://evil.example", "X-Rewrite-URL": "https://evil.example"},
    )

    assert not answer.is_redirect
    assert 'href="https://evil' not in answer.text
    assert 'href="//evil' not in answer.text


def test_every_redirect_of_the_journey_stays_with_us_and_microsoft(world: World) -> None:
    _, link, person = ordered(world)
    extra = "&next=https://evil.example&redirect_uri=https://evil.example"
    allowed = {urlsplit(address).netloc for address in (world.host, world.parts["microsoft"])}

    page = person.opens(f"{link}{extra}")
    left = person.leaves(page, "/sign-in", next="https://evil.example")
    callback = person.passes(left)
    answer = person.browser.hold(f"{callback}{extra}")

    for location in (left, callback, urljoin(world.host, answer.headers["Location"])):
        assert urlsplit(location).netloc in allowed
        assert "evil.example" not in location
    assert person.browser.open(urljoin(world.host, answer.headers["Location"])).is_headed("consent.title")


def test_addresses_come_from_the_setting_and_never_from_the_host_header(world: World) -> None:
    evil = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "Forwarded": "host=evil.example;proto=https",
    }
    customer = world.customer("menuiserie-lambert")
    answer = requests.post(
        f"{world.host}/orders", json=customer.order, headers={**world.key, **evil}, timeout=10
    )
    assert answer.status_code == 201
    order = {**customer.order, **answer.json()}
    link = world.link(order)
    assert link.startswith(f"{world.host}/a?k=")
    mail = world.mail(order["administrator_email"])
    assert "evil.example" not in mail["text"] + mail["html"]

    person = Person(world, customer.account)
    opened = person.browser.hold(link, "GET", None, **evil)
    assert opened.headers["Location"] == f"/a/{order['reference']}"
    page = person.browser.open(f"{world.host}{opened.headers['Location']}", headers=evil)
    assert "evil.example" not in page.text
    fields = page.form("/sign-in")
    # the Origin has to be the setting's, and not the same as what the Host header says
    forged = person.browser.hold(fields[""], "POST", fields, **{**evil, "Origin": "https://evil.example"})
    assert forged.status_code == 403
    left = person.browser.hold(fields.pop(""), "POST", fields, **{**evil, "Origin": world.host})
    assert left.status_code == 303
    assert "evil.example" not in left.headers["Location"]


def scripts_of(page: bytes) -> list[str]:
    """What would run: scripts that aren't our own file, handlers in attributes, javascript: addresses."""
    document = markup.document_fromstring(page)
    found = [
        script.get("src", "inline") for script in document.iter("script") if script.get("src") not in OURS
    ]
    for element in document.iter():
        for name, value in ((str(key), str(text)) for key, text in element.attrib.items()):
            if name.startswith("on") or value.strip().lower().startswith("javascript:"):
                found.append(f"{element.tag} {name}")
    return found


def test_a_script_in_the_company_name_runs_nowhere(world: World) -> None:
    order, link, person = ordered(world, company_name=SCRIPT)
    shown = " ".join(SCRIPT.split())

    page = person.opens(link)
    assert shown in page.words
    for step in (person.signs_in, person.consents):
        assert scripts_of(page.body) == []
        assert "<img src=x" not in page.text
        page = step(page)
    assert page.is_headed("done.title")
    assert scripts_of(page.body) == []

    for mail in world.mails(order["administrator_email"]):
        assert shown in mail["subject"] or shown in mail["text"]
        assert scripts_of(mail["html"].encode()) == []
        assert "<script>" not in mail["html"]
        assert "\n" not in mail["subject"]
    manifest = person.browser.open(f"{page.url}/sage-contact.xml")
    assert b"alert" not in manifest.body
    answer = world.get("/support/associations", order_number=order["order_number"])
    assert answer.json()["associations"][0]["company_name"] == SCRIPT
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_script_in_names_that_microsoft_tells_us_runs_nowhere(world: World) -> None:
    """Whoever founds a tenant chooses its name and its people's: they are as foreign as any input."""
    customer = world.customer("menuiserie-lambert")
    domain = customer.account.partition("@")[2]
    upn = f"o'neil\"><script>alert(1)</script>@{domain}"
    user = {"upn": upn, "name": SCRIPT, "roles": ["Global Administrator"], "licences": ["SPB"]}
    world.found_tenant(
        name=customer.tenant,
        tenant_id=world.tenant(customer.tenant)["tenant_id"],
        display_name=SCRIPT,
        domains=[domain],
        subscriptions=[{"product": "SPB", "units": 5}],
        users=[user],
    )
    order = world.orders(customer)
    person = Person(world, upn)
    page = person.signs_in(person.opens(world.link(order)))
    assert scripts_of(page.body) == []
    page = person.consents(page)

    assert page.is_headed("done.title")
    assert "<img src=x onerror" in page.words
    assert scripts_of(page.body) == []
    mail = world.mail(order["administrator_email"], "associé")
    assert scripts_of(mail["html"].encode()) == []
    assert "onerror=alert" in mail["text"]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("Cliquez ici https://evil.example", "address_in_name"),
        ("Voyez www.evil.example", "address_in_name"),
        ("Écrivez à x@evil.example", "address_in_name"),
        ("Dupont\r\nBcc: x", "control_characters"),
        ("Dupont\u202egnihsihp", "control_characters"),
        ("Dupont\u2028", "control_characters"),
        ("D" * 121, "too_long"),
    ],
)
def test_a_name_that_could_carry_somebody_elses_message_is_refused(
    world: World, name: str, problem: str
) -> None:
    customer = world.customer("menuiserie-lambert")
    for change, field in (
        ({"company_name": f"{name}x"}, "company_name"),
        ({"partner": {**customer.order["partner"], "name": f"{name}x"}}, "partner.name"),
    ):
        answer = world.post("/orders", {**customer.order, **change})
        assert answer.status_code == 400
        assert {(error["field"], error["code"]) for error in answer.json()["errors"]} == {(field, problem)}


def test_a_mail_scanner_that_opens_everything_spends_and_creates_nothing(world: World) -> None:
    order, link, person = ordered(world)
    before = until(lambda: noted(world, order), "the mail is noted as sent")
    mails = len(world.mails(order["administrator_email"]))
    scanner = Browser()

    opened = scan(scanner, link, world.host)

    assert {"/assets/site.css", "/assets/site.js", f"/a/{order['reference']}/sign-in"} <= opened
    assert world.support(order_number=order["order_number"]) == before
    assert len(world.mails(order["administrator_email"])) == mails
    assert not [row for row in world.rows("flows") if row.get("association_id") == order["association_id"]]
    # it followed the language switch, too: nobody else gets its cookie
    assert {name.partition("-")[0] for name in scanner.cookie_names()} == {"visit", "language"}
    assert person.walks_to_the_end(link).is_headed("done.title")


def scan(scanner: Browser, link: str, host: str) -> set[str]:
    """GET and HEAD the link and everything that its pages name, the forms' addresses among them."""
    waiting, seen = [link], set()
    while waiting:
        address = waiting.pop()
        if address in seen or not address.startswith(host):
            continue
        seen.add(address)
        scanner.hold(address, "HEAD")
        page = scanner.open(address)
        if "html" in page.headers.get("content-type", ""):
            named = page.document.xpath("//@href | //@src | //@action")
            waiting += [urljoin(page.url, name).partition("#")[0] for name in named]
    return {urlsplit(address).path for address in seen}


def test_the_pages_script_sends_nothing_by_itself(world: World) -> None:
    """A scanner that runs scripts therefore does no more than one that doesn't: reload, at most."""
    script = requests.get(f"{world.host}/assets/site.js", timeout=10).text
    # but for the hand-over, which stands on the answer to somebody's own POST and on no other page
    sent = 'document.querySelector("form[data-hand-over]")'
    assert script.count(sent) == script.count("handOver.submit();") == 1
    marked = [path.name for path in (ROOT / "templates").rglob("*.html") if "hand-over" in path.read_text()]
    assert marked == ["handover.html"]
    script = script.replace("handOver.submit();", "")

    for means in ("submit(", "fetch(", "XMLHttpRequest", "sendBeacon", ".click(", "WebSocket", "new Image"):
        assert means not in script
    assert "location.reload()" in script


@pytest.mark.parametrize("path", ["/", "/a/0000-0000", "/sign-in/callback", "/addin/guide", "/nothing"])
def test_every_page_is_framed_by_nobody_and_runs_no_foreign_script(world: World, path: str) -> None:
    answer = requests.get(f"{world.host}{path}", timeout=10)
    values = world.settings["Values"]
    policy = dict(
        part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";")
    )

    assert (policy["default-src"], policy["script-src"], policy["style-src"]) == (
        "'none'",
        "'self'",
        "'self'",
    )
    assert (policy["frame-ancestors"], policy["base-uri"]) == ("'none'", "'none'")
    origins = (values["MICROSOFT_LOGIN_ORIGIN"], values["PORTAL_URL"].rstrip("/"))
    assert policy["form-action"].split() == ["'self'", *origins]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-store"
    assert scripts_of(answer.content) == []


@pytest.mark.parametrize(
    "name",
    ["..%2fhost.json", "%2e%2e%2flocal.settings.json", "..%5cdev.py", "x%2fsite.js", "site.js%00", "."],
)
def test_assets_lead_to_no_other_file(world: World, name: str) -> None:
    answer = requests.get(f"{world.host}/assets/{name}", timeout=10)

    assert answer.status_code in (400, 404)


def test_an_email_address_in_the_query_of_support_is_refused(world: World) -> None:
    order, _, _ = ordered(world)

    answer = world.get("/support/associations", email=order["administrator_email"])

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "email")
    assert order["reference"] not in answer.text
