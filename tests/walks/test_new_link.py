"""« Recevoir un nouveau lien », and the links that have ended: what each says, and that nobody is stuck."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.data.tables import TableClient

from association.limits import MOST_NEW_LINKS_ASKED, MOST_NEW_LINKS_PER_CALLER
from association.resend import PAUSE
from tests.walks.browser import Browser, Page
from tests.walks.people import Person
from tests.walks.test_link import failure, sent
from tests.walks.world import World, query_of, until

CALLERS = iter(range(10_000))


def invited(world: World) -> tuple[dict[str, Any], str]:
    """An order whose invitation has been mailed longer ago than the pause between two mails."""
    order = world.orders(world.customer("menuiserie-lambert"))
    link = world.link(order)
    until(lambda: sent(world, order), "the invitation noted as sent")
    change(world, order["association_id"], "outbox.invitation-1", created_at=datetime.now(UTC) - PAUSE)
    return order, link


def change(world: World, association_id: str, row_key: str, **values: Any) -> None:
    """Change a stored row: walks can't wait for days."""
    with TableClient.from_connection_string(world.parts["storage"], "associations") as table:
        row = table.get_entity(association_id, row_key)
        table.update_entity({**row, **values})


def expire(world: World, order: dict[str, Any], link: str) -> None:
    """Let the days of the link run out."""
    ended = datetime.now(UTC) - timedelta(minutes=1)
    change(world, order["association_id"], "facts", link_expires_at=ended)
    with TableClient.from_connection_string(world.parts["storage"], "links") as table:
        row = table.get_entity(hashlib.sha256(query_of(link)["k"].encode()).hexdigest(), "link")
        table.update_entity({**row, "expires_at": ended})


def caller() -> dict[str, str]:
    """An address that nobody has asked from, as App Service tells it."""
    number = next(CALLERS)
    return {"X-Forwarded-For": f"198.18.{number // 250}.{number % 250 + 1}:4711"}


def asks(
    world: World, typed: str, browser: Browser | None = None, headers: dict[str, str] | None = None
) -> Page:
    """Type it in and send it; the page that answers."""
    browser = browser or Browser()
    page = browser.open(f"{world.host}/new-link")
    fields = page.form("/new-link")
    target = fields.pop("")
    said = {"Origin": world.host, "Sec-Fetch-Site": "same-origin", **(headers or caller())}
    return browser.post(target, {**fields, "asked": typed}, **said)


def links_mailed(world: World, order: dict[str, Any]) -> list[str]:
    """The association links that were mailed for the order, oldest first."""
    mails = world.mails(order["administrator_email"], order["company_name"])
    return [link for mail in mails for link in mail["links"] if "/a?k=" in link]


def test_the_live_link_is_mailed_again_to_the_recorded_address(world: World) -> None:
    order, link = invited(world)
    page = asks(world, order["order_number"])
    assert (page.status, page.url) == (200, f"{world.host}/new-link?sent=1")
    assert page.is_headed("new_link.sent.title")
    mailed = until(lambda: len(links_mailed(world, order)) == 2 and links_mailed(world, order), "the mail")
    assert set(mailed) == {link}
    until(lambda: sent(world, order), "the mail noted as sent")
    event = next(
        event for event in world.support(reference=order["reference"])["events"] if event["by"] == "request"
    )
    assert event["what"] == "link_resent"


def test_from_an_expired_link_one_click_and_one_question_lead_to_a_new_one(world: World) -> None:
    order, link = invited(world)
    person = Person(world, "")
    person.opens(link)
    expire(world, order, link)

    page = failure(person.opens(link), 410, "link_expired")
    (button,) = page.document.xpath("//main//a[contains(@class, 'primary')]")
    form = person.browser.open(f"{world.host}{button.get('href')}")
    assert form.form("/new-link")["asked"] == order["reference"]
    # nothing but the reference was in the address
    assert parse_qs(urlsplit(form.url).query) == {"reference": [order["reference"]]}
    assert asks(world, order["reference"]).is_headed("new_link.sent.title")

    new = world.link_after(order, link)
    assert person.opens(new).is_headed("progress.title")
    failure(Browser().open(link), 410, "link_expired")
    failure(person.browser.open(f"{world.host}/a/0000-0000"), 403, "visit_missing")


def test_the_answer_is_the_same_whatever_there_is(world: World) -> None:
    order, _ = invited(world)
    browser = Browser()
    bodies = set()
    for typed in (
        order["reference"],
        "0000-0000",
        order["order_number"],
        "CMD-0000",
        order["administrator_email"],
        "nobody@nowhere.example",
    ):
        page = asks(world, typed, browser)
        assert (page.status, typed in page.text) == (200, False)
        bodies.add(page.body)
    assert len(bodies) == 1


@pytest.mark.parametrize("ended", ["revoked", "closed", "bound"])
def test_where_a_link_is_not_theirs_to_ask_nothing_leaves(world: World, ended: str) -> None:
    order, link = invited(world)
    other, _ = invited(world)
    now = datetime.now(UTC)
    facts: dict[str, dict[str, Any]] = {
        "revoked": {"link_revoked_at": now},
        "closed": {"closed_at": now},
        "bound": {"generation": 1, "bound_tenant_id": "t", "bound_at": now},
    }
    change(world, order["association_id"], "facts", **facts[ended])
    for asked in (order, other):
        assert asks(world, asked["reference"]).is_headed("new_link.sent.title")
    # the other's came later, and has arrived
    until(lambda: len(links_mailed(world, other)) == 2, "the other's mail")
    assert [mail["key"] for mail in world.support(reference=order["reference"])["mails"]] == ["invitation-1"]
    assert links_mailed(world, order) == [link]


def test_the_link_of_a_closed_order_says_so_with_and_without_a_visit(world: World) -> None:
    order, link = invited(world)
    browser = Browser()
    browser.open(link)
    change(world, order["association_id"], "facts", closed_at=datetime.now(UTC))
    for page in (browser.open(f"{world.host}/a/{order['reference']}"), Browser().open(link)):
        failure(page, 410, "order_closed")
        assert page.offers("button.write_support")
        assert not page.offers("button.new_link")
        assert order["company_name"] not in page.words


def test_a_session_ends_when_the_order_is_closed(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    order = world.orders(customer)
    person = Person(world, customer.account)
    page = person.signs_in(person.opens(world.link(order)))
    change(world, order["association_id"], "facts", closed_at=datetime.now(UTC))
    failure(person.browser.open(page.url), 410, "order_closed")
    failure(person.browser.submit(page, "/consent"), 410, "order_closed")


def test_a_replaced_link_leads_to_a_new_one(world: World) -> None:
    order, link = invited(world)
    browser = Browser()
    browser.open(link)
    world.post(f"/support/associations/{order['association_id']}/renew-link", {"reason": "perdu"})
    for page in (browser.open(f"{world.host}/a/{order['reference']}"), Browser().open(link)):
        failure(page, 410, "link_revoked")
        (button,) = page.document.xpath("//main//a[contains(@class, 'primary')]")
        assert button.get("href") == f"/new-link?reference={order['reference']}"


def test_an_unknown_link_reveals_no_reference(world: World) -> None:
    page = failure(Browser().open(f"{world.host}/a?k={'A' * 43}"), 404, "link_unknown")
    (button,) = page.document.xpath("//main//a[contains(@class, 'primary')]")
    assert button.get("href") == "/new-link"


@pytest.mark.parametrize(
    ("typed", "problem"),
    [("", "missing"), ("marie@", "not_understood"), ('"><b>x', "not_understood"), ("x" * 255, "too_long")],
)
def test_a_bad_form_keeps_what_was_typed_and_says_what_is_wrong(
    world: World, typed: str, problem: str
) -> None:
    page = asks(world, typed)
    assert (page.status, page.url) == (400, f"{world.host}/new-link")
    assert page.says(f"new_link.problem.{problem}")
    (field,) = page.document.xpath("//input[@name='asked']")
    assert (field.get("value"), field.get("aria-invalid")) == (typed, "true")
    assert "asked-problem" in field.get("aria-describedby").split()
    # sent again from here, corrected
    assert page.form("/new-link")["form_token"]


def test_the_form_is_sent_from_our_own_page_only(world: World) -> None:
    browser = Browser()
    form = browser.open(f"{world.host}/new-link").form("/new-link")
    own = {"Origin": world.host, "Sec-Fetch-Site": "same-origin"}
    for fields, headers, jar in (
        (form, {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, browser),
        ({**form, "form_token": "0" * 64}, own, browser),
        (form, own, Browser()),
        (Browser().open(f"{world.host}/new-link").form("/new-link"), own, browser),
    ):
        page = jar.copy().post(f"{world.host}/new-link", {**fields, "asked": "0000-0000"}, **headers)
        failure(page, 403, "form_forged")
        (button,) = page.document.xpath("//main//a[contains(@class, 'primary')]")
        assert button.get("href") == "/new-link"


def test_who_asks_too_often_is_told_when_to_try_again(world: World) -> None:
    mark = next(CALLERS)
    where = {"X-Forwarded-For": f"[2001:db8:{mark:x}::1]:4711"}
    neighbour = {"X-Forwarded-For": f"[2001:db8:{mark:x}::1234]:4712"}
    for number in range(MOST_NEW_LINKS_PER_CALLER):
        headers = neighbour if number % 2 else where
        assert asks(world, f"CMD-{mark}-{number}", headers=headers).status == 200
    page = failure(asks(world, "CMD-9", headers=where), 429, "limit_reached")
    assert page.offers("button.new_link")
    assert asks(world, "CMD-9").status == 200


@pytest.mark.parametrize(
    ("named", "last"),
    [("198.51.100.9:50123", "198.51.100.9"), ("evil, 198.51.100.10:1", "198.51.100.10:2")],
)
def test_the_callers_network_is_what_azures_front_end_added(world: World, named: str, last: str) -> None:
    for number in range(MOST_NEW_LINKS_PER_CALLER):
        # what stands before the last address, the caller wrote
        spoofed = {
            "X-Forwarded-For": f"203.0.113.{number}, {named}",
            "X-Azure-ClientIP": f"203.0.113.{number}",
        }
        assert asks(world, f"NET-{named[-3]}-{number}", headers=spoofed).status == 200
    assert asks(world, "NET-9", headers={"X-Forwarded-For": last}).status == 429
    assert asks(world, "NET-9", headers={"X-Forwarded-For": f"{last}, 198.51.100.77:1"}).status == 200


def test_one_question_is_asked_a_few_times_an_hour_from_wherever(world: World) -> None:
    order, _ = invited(world)
    pages = [asks(world, order["reference"]) for _ in range(MOST_NEW_LINKS_ASKED + 1)]
    assert [page.status for page in pages] == [200] * MOST_NEW_LINKS_ASKED + [429]
    unknown = [asks(world, "ZZZZ-0001") for _ in range(MOST_NEW_LINKS_ASKED + 1)]
    assert [page.status for page in unknown] == [page.status for page in pages]


def test_the_address_typed_is_in_no_log_and_no_address(world: World) -> None:
    order, _ = invited(world)
    browser = Browser()
    asks(world, order["administrator_email"], browser)
    until(lambda: len(links_mailed(world, order)) == 2, "the mail")
    assert order["administrator_email"] not in world.logged()
    assert not [url for url in browser.visited if "@" in url or "%40" in url]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_text_to_pass_on_is_ready_to_send(world: World, language: str) -> None:
    order = world.orders(world.customer("menuiserie-lambert"), language=language)
    link = world.link(order)
    page = Browser().open(link)
    (address,) = page.document.xpath("//details[contains(@class, 'pass-on')]//a/@href")
    (shown,) = page.document.xpath("//details[contains(@class, 'pass-on')]//pre")
    parts = urlsplit(address)
    assert (parts.scheme, parts.path) == ("mailto", "")
    mail = {name: value for name, (value,) in parse_qs(parts.query, strict_parsing=True).items()}
    assert set(mail) == {"subject", "body"}
    assert mail["body"].split("\r\n") == shown.text_content().split("\n")
    assert order["company_name"] in mail["subject"]
    for part in (order["company_name"], order["partner"]["name"], link, order["reference"]):
        assert part in mail["body"]
    assert f" {datetime.now(UTC).year}" in mail["body"]
    assert "<" not in mail["body"]
    assert "&" not in mail["body"].replace(link, "")
    for secret in (order["administrator_email"], order["partner"]["email"]):
        assert secret not in mail["body"]


def test_the_text_to_pass_on_carries_any_name_and_no_dead_link(world: World) -> None:
    customer = world.customer("menuiserie-lambert", company_name="L’Été & Fils <SARL> 100 %")
    order = world.orders(customer)
    link = world.link(order)
    person = Person(world, customer.account)
    page = person.opens(link)
    (address,) = page.document.xpath("//details[contains(@class, 'pass-on')]//a/@href")
    for part in ("subject", "body"):
        assert "L’Été & Fils <SARL> 100 %" in parse_qs(urlsplit(address).query)[part][0]
    assert address.isascii()
    assert " " not in address
    page = person.signs_in(page)
    assert page.is_headed("consent.title")
    assert query_of(link)["k"] in page.text
    page = person.consents(page)
    assert page.is_headed("done.title")
    assert query_of(link)["k"] not in page.text
