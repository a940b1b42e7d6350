"""Attacks on forms, cookies and sessions: other sites' posts, other people's tokens, kept sessions."""

from typing import Any

import pytest

from sandbox.host.indexing import index_app
from sandbox.storage import ROOT
from tests.walks.browser import Browser, Page
from tests.walks.people import Person
from tests.walks.world import Customer, World

# what ends the session comes last: a hole in it must not hide one in the others
ACTIONS = (
    "consent",
    "applications/contact",
    "check",
    "portal",
    "renew",
    "code",
    "code/new",
    "sign-in",
    "sign-out",
)
FOREIGN: dict[str, dict[str, str]] = {
    "another site": {"Origin": "https://evil.example"},
    "another port": {"Origin": "http://localhost:1"},
    "our name as a part": {"Origin": "http://localhost.evil.example"},
    "a sandboxed frame": {"Origin": "null"},
    "another site, said by the browser alone": {"Sec_Fetch_Site": "cross-site"},
    "a sibling site": {"Sec_Fetch_Site": "same-site"},
    "typed in": {"Sec_Fetch_Site": "none"},
    "neither header": {},
    "another site that claims to be ours": {
        "Origin": "https://evil.example",
        "Sec_Fetch_Site": "same-origin",
    },
}


def ordered(world: World, name: str = "menuiserie-lambert") -> tuple[Customer, dict[str, Any], str]:
    customer = world.customer(name)
    order = world.orders(customer)
    return customer, order, world.link(order)


def token_of(page: Page) -> str:
    return page.form("/sign-in")["form_token"]


def told(world: World, order: dict[str, Any]) -> list[str]:
    """The history but for noted failures and what became of mails, and which mails there are."""
    rows = world.rows("associations", order["association_id"])
    by_us = ("failed", "mail_sent", "mail_failed")
    events = [row["what"] for row in rows if row["RowKey"].startswith("event.") and row["what"] not in by_us]
    assert "order_received" in events
    return [*events, *(row["RowKey"] for row in rows if row["RowKey"].startswith("outbox."))]


def session_cookie(browser: Browser) -> tuple[tuple[str, str], str]:
    (found,) = [item for item in browser.cookies.kept.items() if item[0][0].startswith("session-")]
    return found


def test_every_form_of_the_journey_is_attacked_here() -> None:
    triggers = [one.trigger for one in index_app(ROOT) if one.kind == "httpTrigger"]
    posted = {
        trigger["route"]
        for trigger in triggers
        if "POST" in trigger["methods"] and trigger["authLevel"] == "anonymous"
    }

    # the form for a new link belongs to no association: tests/walks/test_new_link.py
    attacked = {f"a/{{reference}}/{action}".replace("/contact", "/{key}") for action in ACTIONS}
    assert posted - {"{*path}", "new-link"} == attacked


@pytest.fixture(scope="module")
def standing(world: World) -> tuple[dict[str, Any], Person, Page]:
    """Somebody signed in at an unexpected tenant, for whom each of the forms does something."""
    customer, order, link = ordered(world, "imprimerie-roussel")
    person = Person(world, customer.account)
    page = person.signs_in(person.opens(link))
    world.mail(order["administrator_email"], "code")
    return order, person, page


@pytest.mark.parametrize("action", ACTIONS)
def test_posts_that_are_not_from_our_own_pages_do_nothing(
    world: World, standing: tuple[dict[str, Any], Person, Page], action: str
) -> None:
    order, person, page = standing
    fields = {"form_token": token_of(page), "code": "000000"}
    before = told(world, order)

    for origin, headers in FOREIGN.items():
        answer = person.browser.post(f"{page.url}/{action}", fields, **headers)
        assert (answer.status, answer.is_headed("error.form_forged.title")) == (403, True), origin

    assert told(world, order) == before


@pytest.mark.parametrize("action", ACTIONS)
def test_posts_without_this_sessions_form_token_do_nothing(
    world: World, standing: tuple[dict[str, Any], Person, Page], action: str
) -> None:
    order, person, page = standing
    right = token_of(page)
    link = world.link(order)
    stranger = Person(world, "")
    of_a_visit = token_of(stranger.opens(link))
    before = told(world, order)

    for token in ("", "x", right[:-1], f"{right}0", right.upper(), of_a_visit, "é"):
        answer = person.browser.post(
            f"{page.url}/{action}", {"form_token": token, "code": "000000"}, Origin=world.host
        )
        assert (answer.status, answer.is_headed("error.form_forged.title")) == (403, True), token
    assert person.browser.post(f"{page.url}/{action}", {}, Origin=world.host).status == 403

    assert told(world, order) == before


def test_a_form_token_of_another_session_is_refused(world: World) -> None:
    customer, order, link = ordered(world)
    one, other = Person(world, customer.account), Person(world, customer.account)
    page = one.signs_in(one.opens(link))
    others = token_of(other.signs_in(other.opens(link)))
    before = told(world, order)

    answer = one.browser.post(f"{page.url}/consent", {"form_token": others}, Origin=world.host)

    assert (answer.status, answer.is_headed("error.form_forged.title")) == (403, True)
    assert told(world, order) == before


def test_a_refused_form_leads_back_to_the_association(world: World) -> None:
    customer, _, link = ordered(world)
    person = Person(world, customer.account)
    page = person.opens(link)

    answer = person.browser.post(f"{page.url}/sign-in", {"form_token": "old"}, Origin=world.host)

    assert answer.offers("button.restart")
    assert answer.document.xpath("//main//a/@href") == [page.url.removeprefix(world.host)]


@pytest.mark.parametrize(
    "action", ["consent", "applications/contact", "check", "portal", "renew", "code", "code/new"]
)
def test_actions_need_the_signed_in_session(world: World, action: str) -> None:
    _, order, link = ordered(world)
    visitor = Person(world, "")
    page = visitor.opens(link)
    before = told(world, order)

    answer = visitor.browser.post(
        f"{page.url}/{action}", {"form_token": token_of(page), "code": "000000"}, Origin=world.host
    )

    assert (answer.status, answer.is_headed("error.session_missing.title")) == (403, True)
    assert told(world, order) == before


def test_a_session_of_one_association_opens_no_other(world: World) -> None:
    customer, _, link = ordered(world)
    _, other, _ = ordered(world)
    person = Person(world, customer.account)
    person.walks_to_the_end(link)
    (_, path), value = session_cookie(person.browser)
    thief = Browser()
    thief.cookies.kept[f"session-{other['reference']}", path] = value

    for address in (f"/a/{other['reference']}", f"/a/{other['reference']}/sage-contact.xml"):
        page = thief.open(f"{world.host}{address}")
        assert (page.status, page.is_headed("error.visit_missing.title")) == (403, True)
        assert other["company_name"] not in page.text


def test_a_visit_of_one_association_opens_no_other(world: World) -> None:
    _, order, link = ordered(world)
    _, other, _ = ordered(world)
    browser = Browser()
    browser.open(link)
    value = browser.cookies.kept[f"visit-{order['reference']}", "/"]
    browser.cookies.kept[f"visit-{other['reference']}", "/"] = value

    page = browser.open(f"{world.host}/a/{other['reference']}")

    assert (page.status, page.is_headed("error.visit_missing.title")) == (403, True)


@pytest.mark.parametrize("kind", ["visit", "session"])
def test_a_cookie_that_was_tampered_with_opens_nothing(world: World, kind: str) -> None:
    customer, order, link = ordered(world)
    person = Person(world, customer.account)
    page = person.signs_in(person.opens(link))
    name = f"{kind}-{order['reference']}"
    value = person.browser.cookies.kept[name, "/"]
    payload, _, signature = value.rpartition(".")
    changed = "A" if payload[10] != "A" else "B"
    swapped = "session" if kind == "visit" else "visit"

    for forged in (
        f"{payload[:10]}{changed}{payload[11:]}.{signature}",
        f"{payload}.{signature[::-1]}",
        f"{payload}.",
        payload,
        "",
        ".",
        "e30.",
        person.browser.cookies.kept[f"{swapped}-{order['reference']}", "/"],
    ):
        browser = Browser()
        browser.cookies.kept[name, "/"] = forged
        refused = browser.open(page.url)
        assert (refused.status, refused.is_headed("error.visit_missing.title")) == (403, True)


def test_sessions_before_a_sign_in_are_not_kept(world: World) -> None:
    """Session fixation: whoever knew the cookie before the sign-in knows nothing afterwards."""
    customer, _, link = ordered(world)
    person = Person(world, customer.account)
    page = person.signs_in(person.opens(link))
    known = person.browser.copy()
    _, before = session_cookie(known)

    chosen = person.browser.submit(page, "/sign-in")
    left = [name for name in person.browser.cookie_names() if name.startswith("session-")]
    person.browser.submit(chosen, "/authorize", account=person.account)

    assert left == []
    assert session_cookie(person.browser)[1] != before
    assert not known.open(page.url).says("account.signed_in")


def test_signing_out_ends_every_copy_of_the_session(world: World) -> None:
    customer, _, link = ordered(world)
    person = Person(world, customer.account)
    page = person.signs_in(person.opens(link))
    copied = person.browser.copy()
    assert copied.open(page.url).says("account.signed_in")

    person.browser.submit(page, "/sign-out")

    assert not copied.open(page.url).says("account.signed_in")
    answer = copied.post(f"{page.url}/consent", {"form_token": token_of(page)}, Origin=world.host)
    assert answer.status == 403


def test_whoever_only_holds_the_link_signs_nobody_out(world: World) -> None:
    customer, _, link = ordered(world)
    person = Person(world, customer.account)
    page = person.signs_in(person.opens(link))
    stranger = Person(world, customer.account)
    form = {"form_token": token_of(stranger.opens(link))}

    stranger.browser.post(f"{page.url}/sign-out", form, Origin=world.host)

    assert person.browser.open(page.url).says("account.signed_in")


def test_a_sign_in_that_is_repeated_after_signing_out_opens_no_session(world: World) -> None:
    customer, _, link = ordered(world)
    person = Person(world, customer.account)
    callback = person.passes(person.leaves(person.opens(link), "/sign-in"))
    page = person.browser.open(callback)
    person.browser.submit(page, "/sign-out")

    again = person.browser.open(callback)

    assert not again.says("account.signed_in")


def test_a_renewed_link_ends_the_old_link_its_visits_and_its_sessions(world: World) -> None:
    customer, order, link = ordered(world)
    finder = Person(world, customer.account)
    page = finder.signs_in(finder.opens(link))
    visitor = Browser()
    visitor.open(link)
    renew(world, order)

    assert Browser().open(link).is_headed("error.link_revoked.title")
    for browser in (visitor, finder.browser):
        assert browser.open(page.url).is_headed("error.link_revoked.title")
    answer = finder.browser.post(f"{page.url}/consent", {"form_token": token_of(page)}, Origin=world.host)
    assert answer.status in (403, 410)


@pytest.mark.parametrize("leg", ["sign-in", "consent"])
def test_a_renewed_link_ends_the_trips_to_microsoft_that_began_under_the_old_one(
    world: World, leg: str
) -> None:
    customer, order, link = ordered(world)
    finder = Person(world, customer.account)
    page = finder.opens(link)
    if leg == "consent":
        page = finder.signs_in(page)
    callback = finder.passes(finder.leaves(page, f"/{leg}"))
    renew(world, order)

    landed = finder.browser.open(callback)

    assert (landed.status, landed.is_headed("error.link_revoked.title")) == (410, True)
    assert not landed.says("account.signed_in")
    assert world.support(order_number=order["order_number"])["generation"] == 0


def renew(world: World, order: dict[str, Any]) -> None:
    path = f"/support/associations/{order['association_id']}/renew-link"
    assert world.post(path, {"reason": "Lien transmis par erreur"}).status_code == 200


def test_two_tabs_opened_from_the_mail_both_work(world: World) -> None:
    customer, _, link = ordered(world)
    person = Person(world, customer.account)
    first = person.opens(link)
    person.opens(link)

    assert person.signs_in(first).is_headed("consent.title")


def test_a_tab_of_an_earlier_account_does_not_act_for_the_later_one(world: World) -> None:
    customer, order, link = ordered(world, "imprimerie-roussel")
    person = Person(world, customer.account)
    unexpected = person.signs_in(person.opens(link))
    first_tab = Person(world, order["administrator_email"], person.browser)
    first_tab.signs_in(first_tab.opens(link))
    before = told(world, order)

    answer = person.browser.post(
        f"{unexpected.url}/consent", {"form_token": token_of(unexpected)}, Origin=world.host
    )

    assert (answer.status, answer.is_headed("error.form_forged.title")) == (403, True)
    assert told(world, order) == before


def test_somebody_else_signing_in_ends_what_the_first_may_do(world: World) -> None:
    customer, order, link = ordered(world, "imprimerie-roussel")
    first = Person(world, order["administrator_email"])
    page = first.signs_in(first.opens(link))
    other = Person(world, customer.account)
    other.signs_in(other.opens(link))

    for action in ("consent", "check", "code/new"):
        answer = first.browser.post(f"{page.url}/{action}", {"form_token": token_of(page)}, Origin=world.host)
        assert answer.status in (403, 409), action
    assert world.support(order_number=order["order_number"])["cause"] == "tenant_unexpected"


def test_a_form_that_is_too_large_is_refused(world: World) -> None:
    customer, order, link = ordered(world)
    person = Person(world, customer.account)
    page = person.opens(link)
    before = told(world, order)

    answer = person.browser.post(
        f"{page.url}/sign-in", {"form_token": token_of(page), "x": "x" * 5000}, Origin=world.host
    )

    assert (answer.status, answer.is_headed("error.request_invalid.title")) == (400, True)
    assert told(world, order) == before
