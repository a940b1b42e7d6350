"""The add-in file: for the bound tenant only, from the administrator's session or the share link."""

import re
from typing import Any
from urllib.parse import urljoin

import pytest
import requests
from lxml import etree

from tests.manifest_rules import findings
from tests.walks.browser import Browser, Page, tells
from tests.walks.people import Person
from tests.walks.test_link import failure
from tests.walks.world import Customer, World, until

FILE = "sage-contact.xml"


class Bound:
    """A customer whose tenant is bound, the administrator's browser at the last page, and the share link."""

    def __init__(self, world: World) -> None:
        self.customer: Customer = world.customer("menuiserie-lambert")
        self.order = world.orders(self.customer)
        self.link = world.link(self.order)
        self.person = Person(world, self.customer.account)
        self.page: Page = self.person.walks_to_the_end(self.link)
        self.confirmation = world.mail(self.order["administrator_email"], "associé")
        self.tenant_id = str(world.tenant(self.customer.tenant)["tenant_id"])
        (self.share,) = [link for link in self.confirmation["links"] if "/addin?k=" in link]

    @property
    def file(self) -> str:
        return f"{self.page.url}/{FILE}"


@pytest.fixture(scope="module")
def bound(world: World) -> Bound:
    """One for all tests that only read."""
    return Bound(world)


def addresses(file: bytes) -> set[str]:
    """Every address in the file that somebody's browser would load."""
    root: Any = etree.fromstring(file)
    texts = root.xpath("//@DefaultValue | //@Value")
    return {str(text) for text in texts if re.match(r"https?://", text)}


def test_the_last_page_offers_the_file_the_share_link_and_what_comes_next(world: World, bound: Bound) -> None:
    page = bound.person.browser.open(bound.page.url)
    assert page.is_headed("done.title")
    assert f"/a/{bound.order['reference']}/{FILE}" in page.document.xpath("//a[@download]/@href")
    assert bound.share in page.words
    assert world.settings["Values"]["CONNECTOR_URL"] in page.document.xpath("//main//a/@href")
    assert page.form("/portal")
    for part in ("works", "users.how", "portal.how", "connector.how", "share.what", "told.partner"):
        assert page.says(f"done.{part}")
    until(lambda: bound.person.browser.open(bound.page.url).says("done.told.sent"), "the mail noted as sent")


def test_the_file_is_downloaded_never_shown_and_never_kept_by_others(bound: Bound) -> None:
    file = bound.person.browser.open(bound.file)
    assert file.status == 200
    assert file.headers["content-type"] == "application/xml; charset=utf-8"
    assert file.headers["content-disposition"] == (
        "attachment; filename=\"sage-contact.xml\"; filename*=UTF-8''Compl%C3%A9ment%20Sage%20Contact.xml"
    )
    assert file.headers["cache-control"] == "private, no-cache"
    assert file.headers["x-content-type-options"] == "nosniff"
    assert file.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert re.fullmatch(r'"[0-9a-f]{64}"', file.headers["etag"])


@pytest.mark.parametrize("way", ["session", "share link"])
def test_an_unchanged_file_is_not_sent_again(world: World, bound: Bound, way: str) -> None:
    browser, address = bound.person.browser, bound.file
    if way == "share link":
        browser, address = Browser(), f"{world.host}/addin/{FILE}?of={bound.order['reference']}"
        browser.open(bound.share)
    first = browser.hold(address)
    again = browser.hold(address, If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    other = browser.hold(address, If_None_Match='"another"')
    assert (other.status_code, other.content) == (200, first.content)


@pytest.mark.parametrize("way", ["session", "share link"])
def test_head_tells_about_the_file_without_sending_it(world: World, bound: Bound, way: str) -> None:
    browser, address = bound.person.browser, bound.file
    if way == "share link":
        browser, address = Browser(), f"{world.host}/addin/{FILE}?of={bound.order['reference']}"
        browser.open(bound.share)
    head, full = browser.hold(address, "HEAD"), browser.hold(address)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("ETag", "Content-Type", "Content-Disposition", "Cache-Control"):
        assert head.headers[name] == full.headers[name]


def test_no_rule_finds_anything_in_the_downloaded_file(bound: Bound) -> None:
    assert findings(bound.person.browser.open(bound.file).body) == []


def test_the_file_is_of_this_tenant_and_names_no_company_and_no_person(bound: Bound) -> None:
    file = bound.person.browser.open(bound.file).body.decode()
    assert bound.tenant_id in file
    assert bound.order["company_name"] not in file
    assert "@" not in file


def test_every_address_in_the_file_answers(world: World, bound: Bound) -> None:
    found = addresses(bound.person.browser.open(bound.file).body)
    icons = {address for address in found if address.startswith(f"{world.host}/assets/")}
    panes = {address for address in found if f"tenant={bound.tenant_id}" in address}
    assert len(icons) >= 4
    assert len(panes) == 1
    for address in found:
        answer = requests.get(address, verify=world.settings["Values"]["REQUESTS_CA_BUNDLE"], timeout=10)
        assert answer.status_code == 200, address
        if address in icons:
            assert answer.headers["Content-Type"] == "image/png"
            assert answer.content.startswith(b"\x89PNG")


# Refused


def test_a_stranger_gets_no_file(world: World, bound: Bound) -> None:
    stranger = Browser()
    failure(stranger.open(bound.file), 403, "visit_missing")
    failure(stranger.open(f"{world.host}/addin/{FILE}"), 410, "share_ended")
    failure(stranger.open(f"{world.host}/addin/guide"), 410, "share_ended")


def test_the_mailed_link_alone_opens_no_file(bound: Bound) -> None:
    finder = Browser()
    page = finder.open(bound.link)
    assert not page.offers("button.download")
    failure(finder.open(bound.file), 403, "session_missing")


def test_the_administrator_of_another_organisation_neither_signs_in_nor_gets_the_file(
    world: World, bound: Bound
) -> None:
    elsewhere = world.customer("vignobles-chastel")
    other = Person(world, elsewhere.account)
    stopped = failure(other.signs_in(other.opens(bound.link)), 403, "bound_to_another")
    assert bound.tenant_id not in stopped.text
    failure(other.browser.open(bound.file), 403, "session_missing")
    found = world.support(order_number=bound.order["order_number"])
    assert (found["tenant_id"], found["account"]) == (bound.tenant_id, bound.customer.account)


def test_a_session_of_an_association_that_is_not_bound_gets_no_file(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    person = Person(world, customer.account)
    page = person.signs_in(person.opens(world.invites(customer)))
    stopped = failure(person.browser.open(f"{page.url}/{FILE}"), 409, "not_bound")
    assert stopped.offers("button.continue")


def test_the_session_of_one_association_gets_no_file_of_another(world: World, bound: Bound) -> None:
    customer = world.customer("vignobles-chastel")
    order = world.orders(customer)
    other = Person(world, customer.account)
    other.signs_in(other.opens(world.link(order)))
    cookies = other.browser.cookies.kept
    cookies[(f"session-{bound.order['reference']}", "/")] = cookies[(f"session-{order['reference']}", "/")]
    failure(other.browser.open(bound.file), 403, "visit_missing")


# The share link


def test_the_confirmation_mail_names_who_was_associated_and_holds_the_share_link(bound: Bound) -> None:
    mail = bound.confirmation
    assert bound.order["company_name"] in mail["subject"]
    for shown in (mail["text"], mail["html"]):
        assert bound.share in shown
        assert bound.order["reference"] in shown
    assert "Menuiserie Lambert" in mail["text"]


def test_the_confirmation_goes_to_the_recorded_address_once(world: World, bound: Bound) -> None:
    bound.person.browser.open(bound.page.url)
    assert len(world.mails(bound.order["administrator_email"], "associé")) == 1
    mails = world.support(order_number=bound.order["order_number"])["mails"]
    assert sorted(mail["key"] for mail in mails) == ["associated-1", "invitation-1"]


def test_a_user_opens_the_share_link_reads_the_guide_and_downloads_the_same_file(
    world: World, bound: Bound
) -> None:
    user = Browser()
    guide = user.open(bound.share)
    assert guide.url == f"{world.host}/addin/guide?of={bound.order['reference']}"
    assert guide.is_headed("guide.title")
    assert bound.order["company_name"] in guide.words
    for key in ("all.open_html", "step.download_html", "step.open_html", "step.custom", "obstacles"):
        assert guide.says(f"guide.{key}")
    (download,) = guide.document.xpath("//a[@download]/@href")
    assert user.open(f"{world.host}{download}").body == bound.person.browser.open(bound.file).body
    assert bound.share.rpartition("=")[2] not in guide.text
    assert bound.customer.account not in guide.text
    assert bound.tenant_id not in guide.text


def test_a_user_with_an_english_browser_reads_the_guide_in_english(bound: Bound) -> None:
    guide = Browser(language="en-GB,en;q=0.9").open(bound.share)
    assert guide.is_headed("guide.title", "en")
    for key in ("all.open_html", "step.open_classic_html", "step.use.mac", "obstacle.allow.next_html"):
        assert guide.says(f"guide.{key}", "en")


def test_a_user_switches_the_guides_language(bound: Bound) -> None:
    user = Browser()
    guide = user.open(bound.share)
    (switch,) = guide.document.xpath("//p[@class='languages']/a/@href")
    english = user.open(urljoin(guide.url, switch))
    assert (english.url, english.is_headed("guide.title", "en")) == (guide.url, True)


def test_the_administrator_reads_the_same_guide_with_the_way_for_all_opened(
    world: World, bound: Bound
) -> None:
    person = bound.person.browser
    guide = person.open(f"{bound.page.url}/guide")
    assert guide.is_headed("guide.title")
    assert guide.document.xpath("//a[@download]/@href") == [f"/a/{bound.order['reference']}/{FILE}"]
    (opened,) = guide.document.xpath("//details[@open]/summary//strong/text()")
    assert tells(opened, "guide.all.how")
    assert guide.offers("guide.back")
    user = Browser()
    assert not user.open(bound.share).document.xpath("//details[@open]")
    failure(user.open(f"{bound.page.url}/guide"), 403, "visit_missing")
    finder = Browser()
    finder.open(bound.link)
    failure(finder.open(f"{bound.page.url}/guide"), 403, "session_missing")


def test_the_two_kinds_of_link_do_not_open_each_others_pages(world: World, bound: Bound) -> None:
    share, mailed = bound.share.rpartition("=")[2], bound.link.rpartition("=")[2]
    failure(Browser().open(f"{world.host}/a?k={share}"), 404, "link_unknown")
    failure(Browser().open(f"{world.host}/addin?k={mailed}"), 404, "link_unknown")
    failure(Browser().open(f"{world.host}/addin?k={'A' * 43}"), 404, "link_unknown")


def test_a_renewed_share_link_is_mailed_and_the_one_before_opens_nothing_any_more(world: World) -> None:
    bound = Bound(world)
    user = Browser()
    user.open(bound.share)
    path = f"/support/associations/{bound.order['association_id']}/renew-link"
    answer = world.post(path, {"link": "share", "reason": "délai passé"})
    assert answer.status_code == 200, answer.text
    assert "associated-1-2" in [mail["key"] for mail in answer.json()["mails"]]
    (event,) = [event for event in answer.json()["events"] if event["what"] == "share_renewed"]
    assert (event["by"], event["old"], event["new"]) == ("support", "1", "délai passé")

    failure(Browser().open(bound.share), 410, "share_ended")
    of_bound = f"?of={bound.order['reference']}"
    failure(user.open(f"{world.host}/addin/guide{of_bound}"), 410, "share_ended")
    failure(user.open(f"{world.host}/addin/{FILE}{of_bound}"), 410, "share_ended")

    address = bound.order["administrator_email"]
    mails = until(lambda: world.mails(address, "associé")[1:], "the second confirmation")
    (new,) = [link for link in mails[-1]["links"] if "/addin?k=" in link]
    assert new != bound.share
    assert user.open(new).is_headed("guide.title")
    shared = f"{world.host}/addin/{FILE}{of_bound}"
    assert user.open(shared).body == bound.person.browser.open(bound.file).body
    assert new in bound.person.browser.open(bound.page.url).words
