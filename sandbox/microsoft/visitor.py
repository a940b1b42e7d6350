"""A person at Microsoft's pages without a browser: picks accounts, accepts or declines, is sent back."""

from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import requests


@dataclass(frozen=True, slots=True)
class Page:
    """A page of Microsoft's: its name (`data-page`), its error code if any, its hidden fields, its text."""

    name: str
    code: str | None
    fields: dict[str, str]
    text: str


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.name, self.code = "", ""
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "body":
            self.name, self.code = given.get("data-page", ""), given.get("data-code", "")
        elif tag == "input" and given.get("type") == "hidden":
            self.fields[given["name"]] = given["value"]


class Visitor:
    """One browser with its cookies. What comes back is either a Page or the address it is redirected to."""

    def __init__(self, session: requests.Session) -> None:
        self.session = session

    def open(self, url: str) -> Page | str:
        """GET."""
        return _read(self.session.get(url, allow_redirects=False, timeout=30))

    def pick(self, url: str, account: str) -> Page | str:
        """Opens the address and picks an account, whether or not somebody is signed in."""
        self.open(url)
        return self.post(url, account=account)

    def decide(self, url: str, account: str, decision: str) -> Page | str:
        """Picks an account and answers the page that follows with `accept` or `cancel`."""
        shown = self.pick(url, account)
        return self.post(url, **shown.fields, consent=decision) if isinstance(shown, Page) else shown

    def post(self, url: str, **fields: str) -> Page | str:
        """Posts a form to the address it was shown at."""
        return _read(self.session.post(url, data=fields, allow_redirects=False, timeout=30))


def returned(location: Page | str) -> dict[str, str]:
    """The query of the address somebody was sent back to; raises TypeError if a page was shown instead."""
    if isinstance(location, Page):
        raise TypeError(f"the page {location.name} {location.code} was shown instead of a redirect")
    query = parse_qs(urlsplit(location).query, keep_blank_values=True, strict_parsing=True)
    return {name: values[0] for name, values in query.items()}


def _read(response: requests.Response) -> Page | str:
    if response.is_redirect:
        return response.headers["Location"]
    reader = _Reader()
    reader.feed(response.text)
    return Page(reader.name, reader.code or None, reader.fields, response.text)
