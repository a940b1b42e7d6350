"""What is kept of people, told to everybody; and a computer that several people use."""

import re
from pathlib import Path

import pytest

from tests.walks.browser import Browser, tells
from tests.walks.people import Person
from tests.walks.test_link import failure
from tests.walks.world import World

LANGUAGES = {"fr": "fr-FR", "en": "en-GB"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_leads_to_what_is_kept(world: World, language: str) -> None:
    browser = Browser(language=LANGUAGES[language])
    customer = world.customer("menuiserie-lambert", language=language)
    for address in (f"{world.host}/nothing", f"{world.host}/new-link", world.invites(customer)):
        page = browser.open(address)
        (link,) = page.document.xpath("//footer//a[@href='/privacy']")
        assert tells(link.text_content(), "footer.privacy", language)
    privacy = browser.open(f"{world.host}/privacy")
    assert privacy.status == 200
    for part in ("kept", "never", "why", "long", "cookies", "seen", "erase"):
        assert privacy.says(f"privacy.{part}", language)
    assert world.settings["Values"]["SUPPORT_EMAIL"] in privacy.words


def test_the_times_are_those_of_the_settings(world: World) -> None:
    page = Browser().open(f"{world.host}/privacy")
    values = world.settings["Values"]
    for name, usual in (("LINK_DAYS", "30"), ("SHARE_DAYS", "90")):
        assert f"{values.get(name, usual)} jours ;" in page.words
    assert "RETENTION_DAYS" not in values
    assert "effacés 3 ans après" in page.words


def test_every_cookie_that_is_set_is_told_with_its_true_time(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    order = world.orders(customer)
    person = Person(world, customer.account)
    seen: dict[str, int] = {}
    hold = person.browser.hold

    page = person.walks_to_the_end(world.link(order))
    mail = world.mail(order["administrator_email"], "associé")
    share = next(address for address in mail["links"] if "/addin?k=" in address)
    link = world.link(order)
    leaving = Browser()
    target = leaving.open(link).form("/sign-in")
    for answer in (
        hold(page.url),
        hold(link),
        hold(share),
        hold(f"{world.host}/new-link"),
        hold(f"{world.host}/privacy?language=fr"),
        leaving.hold(target.pop(""), "POST", target, Origin=world.host),
    ):
        for line in answer.raw.headers.getlist("Set-Cookie"):
            name, _, seconds = re.match(r"([^=]+)=(.*?); Max-Age=(\d+)", line, re.I).groups()  # type: ignore[union-attr]
            if int(seconds):
                seen[re.sub(r"^(visit|session|flow|addin)-.*", r"\1-…", name)] = int(seconds)
    told = {
        row.xpath("string(dt)"): row.xpath("string(dd)").rpartition("·")[2].strip()
        for row in Browser().open(f"{world.host}/privacy").document.xpath("//dl/div[dt/code]")
    }
    assert told == {name: in_words(seconds) for name, seconds in seen.items()}


def in_words(seconds: int) -> str:
    if seconds == 365 * 24 * 3600:
        return "1 an"
    return f"{seconds // 3600} heures" if seconds >= 3600 else f"{seconds // 60} minutes"


def test_after_signing_out_a_shared_computer_shows_nothing_of_the_account(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    person = Person(world, customer.account)
    page = person.walks_to_the_end(world.invites(customer))
    tenant = world.tenant(customer.tenant)
    domain = customer.account.partition("@")[2]
    hidden = (customer.account, domain, tenant["tenant_id"], "/addin?k=", "sage-contact.xml")
    assert len([text for text in hidden if text in page.text]) >= 3
    # the back button has nothing to show: no page was to be kept
    assert page.headers["cache-control"] == "no-store"

    out = person.browser.submit(page, "/sign-out")
    back = person.browser.open(page.url)
    for shown in (out, back):
        assert shown.is_headed("progress.bound")
        assert shown.headers["cache-control"] == "no-store"
        assert not [text for text in hidden if text in shown.text]
        assert not shown.document.xpath("//form[contains(@action, '/sign-out')]")
    failure(person.browser.open(f"{page.url}/sage-contact.xml"), 403, "session_missing")
    # the old page's buttons do nothing
    failure(person.browser.submit(page, "/sign-out"), 403, "form_forged")


def test_the_document_for_operations_names_every_table() -> None:
    text = Path("docs/privacy.md").read_text(encoding="utf-8")
    tables = {
        found
        for file in Path("adapters/storage").glob("*.py")
        for found in re.findall(r'^TABLE = "(\w+)"', file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(tables) >= 6
    assert {table for table in tables if f"`{table}`" not in text} == set()
