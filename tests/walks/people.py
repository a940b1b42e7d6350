"""Somebody at a browser, on the way that the pages lead."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.walks.browser import Browser, Page
from tests.walks.world import World


@dataclass(slots=True)
class Person:
    """Somebody at a browser, who does what the page in front of them says."""

    world: World
    account: str
    browser: Browser = field(default_factory=Browser)

    def opens(self, link: str) -> Page:
        return self.browser.open(link)

    def signs_in(self, page: Page, account: str = "") -> Page:
        """Press the page's sign-in button and pick the account at Microsoft's."""
        chosen = self.browser.submit(page, "/sign-in")
        return self.browser.submit(chosen, "/authorize", account=account or self.account)

    def consents(self, page: Page, answer: str = "accept") -> Page:
        """Press « Autoriser », pick the account again, and answer Microsoft's question."""
        return self.answers(self.browser.submit(page, "/consent"), answer)

    def authorises(self, page: Page, key: str, answer: str = "accept") -> Page:
        """Press the button of one further application, and answer Microsoft's question."""
        return self.answers(self.browser.submit(page, f"/applications/{key}"), answer)

    def answers(self, asked: Page, answer: str = "accept") -> Page:
        """Pick the account again if Microsoft asks for it, and answer its question."""
        if asked.document.body.get("data-page") == "accounts":
            asked = self.browser.submit(asked, "/adminconsent", account=self.account)
        return self.browser.submit(asked, "/adminconsent", consent=answer)

    def leaves(self, page: Page, action: str, **changes: str) -> str:
        """Press a button and stop before Microsoft's: the address the browser is sent to."""
        fields = page.form(action)
        target = fields.pop("")
        answer = self.browser.hold(target, "POST", {**fields, **changes}, Origin=self.world.host)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["Location"])

    def passes(self, url: str, consent: str = "accept") -> str:
        """Do what Microsoft asks at `url` and stop on the way back: the callback's address, not opened."""
        answer = self.browser.hold(url)
        if not answer.is_redirect:
            answer = self.browser.hold(url, "POST", {"account": self.account})
        if not answer.is_redirect:
            page = Page(url, answer.status_code, answer.text, {}, answer.content)
            fields = page.form(urlsplit(url).path)
            answer = self.browser.hold(fields.pop(""), "POST", {**fields, "consent": consent})
        assert answer.is_redirect, answer.text
        return str(answer.headers["Location"])

    def checks_again(self, page: Page) -> Page:
        return self.browser.submit(page, "/check")

    def walks_to_the_end(self, link: str) -> Page:
        return self.consents(self.signs_in(self.opens(link)))
