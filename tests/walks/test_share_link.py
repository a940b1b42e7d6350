"""The share link in its administrator's hands: listed, replaced, revoked, made anew; and in support's."""

import re
from typing import Any

import pytest
import requests

from tests.walks.browser import Browser, Page
from tests.walks.people import Person
from tests.walks.test_add_in_file import FILE, Bound
from tests.walks.test_link import failure
from tests.walks.world import World, until


@pytest.fixture
def bound(world: World) -> Bound:
    """An association of its own, since its link ends in most of these tests."""
    return Bound(world)


def shown(page: Page) -> str:
    """The one share link that the page shows."""
    (link,) = page.document.xpath("//section[@id='share']//code/text()")
    return str(link)


def wish(page: Page, what: str) -> dict[str, str]:
    """The fields of the page's button about the share link, with the form's address as ``."""
    for form in page.document.forms:
        fields = dict(form.fields)
        if fields.get("share") == what:
            return {"": f"{page.url.rpartition('/a/')[0]}{form.get('action')}", **fields}
    raise AssertionError(f"no button to {what} on {page.url}")


def press(person: Person, page: Page, what: str) -> Page:
    """Press the button; the page that answers is the association's own."""
    fields = wish(page, what)
    return person.browser.post(fields.pop(""), fields, Origin=person.world.host)


def ended(world: World, link: str, *visitors: Browser) -> None:
    """The link opens nothing, and neither does what it had left in these browsers."""
    failure(Browser().open(link), 410, "share_ended")
    for visitor in visitors:
        for opened in {name.removeprefix("addin-") for name, _ in visitor.cookies.kept if "addin-" in name}:
            failure(visitor.open(f"{world.host}/addin/guide?of={opened}"), 410, "share_ended")
            failure(visitor.open(f"{world.host}/addin/{FILE}?of={opened}"), 410, "share_ended")


def events(world: World, bound: Bound, what: str) -> list[dict[str, Any]]:
    found = world.support(order_number=bound.order["order_number"])
    return [event for event in found["events"] if event["what"] == what]


def renewed_by_support(world: World, bound: Bound) -> requests.Response:
    path = f"/support/associations/{bound.order['association_id']}/renew-link"
    return world.post(path, {"link": "share", "reason": "demandé au téléphone"})


def test_the_share_link_is_listed_with_its_end_and_who_made_it(bound: Bound) -> None:
    page = bound.person.browser.open(bound.page.url)
    assert shown(page) == bound.share
    made = page.document.xpath("//section[@id='share']//dd")[2].text_content()
    assert bound.customer.account in made
    ends, made_at = page.document.xpath("//section[@id='share']//time/@datetime")
    assert ends[:10] > made_at[:10]
    assert page.document.xpath("//section[@id='share']//button[@data-copy]/@data-copy") == [bound.share]


def test_a_replaced_link_ends_at_once_and_the_new_one_opens_guide_and_file(
    world: World, bound: Bound
) -> None:
    user = Browser()
    user.open(bound.share)
    page = press(bound.person, bound.person.browser.open(bound.page.url), "renew")
    assert page.url == f"{bound.page.url}#share"
    new = shown(page)
    assert new != bound.share
    ended(world, bound.share, user)

    assert user.open(new).is_headed("guide.title")
    shared = f"{world.host}/addin/{FILE}?of={bound.order['reference']}"
    assert user.open(shared).body == bound.person.browser.open(bound.file).body
    (event,) = events(world, bound, "share_renewed")
    assert (event["by"], event["old"]) == ("", "1")
    assert event["actor"] > 0
    assert len(world.mails(bound.order["administrator_email"], "associé")) == 1


def test_a_revoked_link_opens_nothing_until_another_is_made(world: World, bound: Bound) -> None:
    user = Browser()
    user.open(bound.share)
    page = press(bound.person, bound.person.browser.open(bound.page.url), "revoke")
    assert page.says("done.share.revoked")
    assert page.says("done.share.revoked.at_by")
    assert bound.customer.account in page.words
    assert bound.share not in page.text
    ended(world, bound.share, user)
    assert bound.person.browser.open(bound.file).status == 200

    page = press(bound.person, page, "renew")
    assert not page.says("done.share.revoked")
    assert user.open(shown(page)).is_headed("guide.title")
    ended(world, bound.share)
    assert [event["old"] for event in events(world, bound, "share_revoked")] == ["1"]


def test_a_new_link_from_support_after_the_revocation_opens(world: World, bound: Bound) -> None:
    press(bound.person, bound.person.browser.open(bound.page.url), "revoke")
    answer = renewed_by_support(world, bound)
    assert answer.status_code == 200, answer.text
    address = bound.order["administrator_email"]
    mails = until(lambda: world.mails(address, "associé")[1:], "the second confirmation")
    (new,) = [link for link in mails[-1]["links"] if "/addin?k=" in link]
    assert Browser().open(new).is_headed("guide.title")
    page = bound.person.browser.open(bound.page.url)
    assert shown(page) == new
    assert page.says("who.support")


@pytest.mark.parametrize("what", ["renew", "revoke"])
def test_a_button_pressed_twice_acts_once(world: World, bound: Bound, what: str) -> None:
    page = bound.person.browser.open(bound.page.url)
    press(bound.person, page, what)
    state = bound.person.browser.open(bound.page.url).document.xpath("string(//section[@id='share'])")
    press(bound.person, page, what)
    again = bound.person.browser.open(bound.page.url).document.xpath("string(//section[@id='share'])")
    assert again == state
    assert len(events(world, bound, f"share_{what}ed" if what == "renew" else "share_revoked")) == 1


def test_a_page_that_is_older_than_the_link_revokes_nothing(world: World, bound: Bound) -> None:
    old = bound.person.browser.open(bound.page.url)
    renewed_by_support(world, bound)
    new = shown(press(bound.person, old, "revoke"))
    assert Browser().open(new).is_headed("guide.title")


def test_nobody_but_the_bound_tenants_administrator_changes_the_link(world: World, bound: Bound) -> None:
    fields = wish(bound.person.browser.open(bound.page.url), "revoke")
    target = fields.pop("")
    origin = {"Origin": world.host}
    failure(Browser().post(target, fields, **origin), 403, "visit_missing")

    finder = Browser()
    page = finder.open(bound.link)
    own = {**fields, "form_token": page.form("/sign-in")["form_token"]}
    failure(finder.post(target, own, **origin), 403, "session_missing")

    elsewhere = world.customer("vignobles-chastel")
    other = Person(world, elsewhere.account)
    failure(other.signs_in(other.opens(bound.link)), 403, "bound_to_another")
    failure(other.browser.post(target, fields, **origin), 403, "form_forged")

    person = bound.person.browser
    failure(person.post(target, fields, Origin="https://evil.example"), 403, "form_forged")
    failure(person.post(target, {**fields, "form_token": "x"}, **origin), 403, "form_forged")
    failure(person.post(target, {**fields, "share": "give"}, **origin), 400, "request_invalid")
    assert Browser().open(bound.share).status == 200
    assert events(world, bound, "share_revoked") == []


def test_a_session_before_the_binding_has_no_link_to_change(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    person = Person(world, customer.account)
    page = person.signs_in(person.opens(world.invites(customer)))
    fields = {"form_token": page.form("/consent")["form_token"], "share": "renew", "number": "0"}
    failure(person.browser.post(f"{page.url}/renew", fields, Origin=world.host), 409, "not_bound")


def test_the_link_stands_in_no_log(world: World, bound: Bound) -> None:
    page = press(bound.person, bound.person.browser.open(bound.page.url), "renew")
    press(bound.person, page, "revoke")
    logged = world.logged()
    for link in (bound.share, shown(page)):
        (token,) = re.findall(r"k=([\w-]{43})", link)
        assert token not in logged
