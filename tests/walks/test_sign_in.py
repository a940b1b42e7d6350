"""Signing in, changing the account, signing out, and what ends a session."""

from urllib.parse import parse_qs, urlsplit

from tests.walks.people import Person
from tests.walks.test_link import failure
from tests.walks.world import World


def test_signing_in_leads_through_the_account_picker_without_a_hint_of_the_address(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    person = Person(world, customer.account)
    page = person.opens(world.invites(customer))
    fields = page.form("/sign-in")
    answer = person.browser.hold(
        fields.pop(""), "POST", fields, Origin=world.host, Sec_Fetch_Site="same-origin"
    )
    assert answer.status_code == 303
    target = urlsplit(answer.headers["Location"])
    asked = {name: values[0] for name, values in parse_qs(target.query).items()}
    assert f"{target.scheme}://{target.netloc}" == world.settings["Values"]["MICROSOFT_LOGIN_ORIGIN"]
    assert target.path == "/organizations/oauth2/v2.0/authorize"
    assert set(asked["scope"].split()) == {"openid", "profile"}
    assert (asked["prompt"], asked["code_challenge_method"]) == ("select_account", "S256")
    assert asked["response_mode"] == "query"
    assert len(asked["state"]) == 43
    assert "nonce" in asked
    assert "login_hint" not in asked
    assert customer.order["administrator_email"] not in answer.headers["Location"]

    picker = person.browser.open(answer.headers["Location"])
    assert picker.document.body.get("data-page") == "accounts"


def test_the_signed_in_page_names_the_account_the_organisation_and_the_company(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    person = Person(world, customer.account)
    page = person.signs_in(person.opens(world.invites(customer)))
    assert page.is_headed("consent.title")
    assert customer.account in page.words
    assert customer.account.rpartition("@")[2] in page.words
    assert world.tenant(customer.tenant)["tenant_id"] in page.words
    assert customer.order["company_name"] in page.words
    for permission in ("organisation", "applications", "you", "roles"):
        assert page.says(f"asked.consent.{permission}")
        assert page.says(f"asked.consent.{permission}.permission")


def test_changing_the_account_ends_the_session_and_shows_the_picker_again(world: World) -> None:
    customer = world.customer("boulangerie-morel")
    order = world.orders(customer)
    person = Person(world, customer.account)
    page = person.signs_in(person.opens(world.link(order)))
    assert page.is_headed("not_administrator.title")
    assert page.offers("button.change_account")

    picker = person.browser.submit(page, "/sign-in")
    assert picker.document.body.get("data-page") == "accounts"
    assert f"session-{order['reference']}" not in person.browser.cookie_names()

    claire = customer.address("claire.morel")
    page = person.browser.submit(picker, "/authorize", account=claire)
    assert page.is_headed("consent.title")
    assert claire in page.words
    assert customer.account not in page.words


def test_changing_the_account_ends_a_copied_cookie_too(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    person = Person(world, customer.account)
    page = person.signs_in(person.opens(world.invites(customer)))
    copy = person.browser.copy()
    person.browser.submit(page, "/sign-in")
    assert copy.open(page.url).is_headed("progress.title")


def test_signing_out_ends_the_session_in_this_browser(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    order = world.orders(customer)
    person = Person(world, customer.account)
    page = person.signs_in(person.opens(world.link(order)))
    page = person.browser.submit(page, "/sign-out")
    assert page.says("progress.notice.signed_out")
    assert page.is_headed("progress.title")
    assert customer.account not in page.words
    assert f"session-{order['reference']}" not in person.browser.cookie_names()


def test_signing_out_ends_a_copied_cookie_too(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    person = Person(world, customer.account)
    page = person.walks_to_the_end(world.invites(customer))
    copy = person.browser.copy()
    assert copy.open(f"{page.url}/sage-contact.xml").status == 200
    person.browser.submit(page, "/sign-out")
    failure(copy.open(f"{page.url}/sage-contact.xml"), 403, "session_missing")
    assert copy.open(page.url).is_headed("progress.bound")


def test_signing_in_again_after_signing_out_goes_on_where_it_was(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    person = Person(world, customer.account)
    page = person.walks_to_the_end(world.invites(customer))
    page = person.signs_in(person.browser.submit(page, "/sign-out"))
    assert page.is_headed("done.title")
    assert person.browser.open(f"{page.url}/sage-contact.xml").status == 200


def test_a_session_without_the_links_visit_still_shows_the_page(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    order = world.orders(customer)
    person = Person(world, customer.account)
    page = person.signs_in(person.opens(world.link(order)))
    del person.browser.cookies.kept[(f"visit-{order['reference']}", "/")]
    assert person.browser.open(page.url).is_headed("consent.title")


def test_renewing_the_link_ends_the_session(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    order = world.orders(customer)
    link = world.link(order)
    person = Person(world, customer.account)
    page = person.signs_in(person.opens(link))
    world.post(f"/support/associations/{order['association_id']}/renew-link", {"reason": "transmis"})
    failure(person.browser.open(page.url), 410, "link_revoked")
    failure(person.browser.submit(page, "/consent"), 410, "link_revoked")

    page = person.opens(world.link_after(order, link))
    assert customer.account not in page.words
    assert person.signs_in(page).is_headed("consent.title")


def test_acting_after_the_session_ended_says_so_and_how_to_go_on(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    order = world.orders(customer)
    person = Person(world, customer.account)
    page = person.signs_in(person.opens(world.link(order)))
    visit = person.browser.copy()
    del visit.cookies.kept[(f"session-{order['reference']}", "/")]
    fields = visit.open(page.url).form("/sign-in")
    stopped = visit.post(f"{page.url}/consent", {"form_token": fields["form_token"]}, Origin=world.host)
    failure(stopped, 403, "session_missing")
    assert stopped.offers("button.restart")


def test_a_sign_in_that_microsoft_refused_says_so_and_starts_again(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    order = world.orders(customer)
    person = Person(world, customer.account)
    page = person.opens(world.link(order))
    picker = person.browser.submit(page, "/sign-in")
    state = parse_qs(urlsplit(picker.url).query)["state"][0]
    back = f"{world.host}/sign-in/callback?error=access_denied&state={state}"
    stopped = failure(person.browser.open(back), 403, "sign_in_refused")
    (target,) = stopped.document.xpath("//a[contains(@class, 'primary')]/@href")
    assert person.browser.open(f"{world.host}{target}").is_headed("progress.title")
    events = world.support(order_number=order["order_number"])["events"]
    assert any(event["what"] == "sign_in_refused" and event["new"] == "denied" for event in events)
