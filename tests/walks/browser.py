"""A browser without a screen: cookies, redirects, forms, over real HTTP. It runs no scripts."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
from lxml import html as markup

MOST_REDIRECTS = 20
CATALOGUES: dict[str, dict[str, str]] = {
    language: {
        key: entry
        for file in Path("locales", language).glob("*.json")
        for key, entry in json.loads(file.read_text(encoding="utf-8")).items()
    }
    for language in ("fr", "en")
}


def tells(text: str, key: str, language: str = "fr") -> bool:
    """Whether `text` holds the catalogue entry `key`, whatever fills its placeholders; blanks folded."""
    entry = " ".join(re.sub(r"<[^>]+>", "", CATALOGUES[language][key]).split())
    pattern = ".+?".join(re.escape(part) for part in re.split(r"\{[^}]+\}", entry))
    return re.search(pattern, " ".join(text.split())) is not None


@dataclass(slots=True)
class Page:
    """What a navigation ended at."""

    url: str
    status: int
    text: str
    headers: dict[str, str]
    body: bytes
    _document: markup.HtmlElement | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def document(self) -> markup.HtmlElement:
        if self._document is None:
            self._document = markup.document_fromstring(self.body or b"<html></html>")
        return self._document

    @property
    def words(self) -> str:
        """The visible text, blanks folded."""
        return " ".join(self.document.text_content().split())

    @property
    def heading(self) -> str:
        """The text of the page's one h1."""
        (heading,) = self.document.xpath("//h1")
        return " ".join(heading.text_content().split())

    @property
    def failure_reference(self) -> str:
        """The reference that a failure's page gives the failure."""
        (reference,) = self.document.xpath("//p[@class='failure']//code/text()")
        return str(reference)

    def says(self, key: str, language: str = "fr") -> bool:
        """Whether the catalogue entry `key` stands on the page."""
        return tells(self.words, key, language)

    def is_headed(self, key: str, language: str = "fr") -> bool:
        """Whether the catalogue entry `key` is the page's h1."""
        return tells(self.heading, key, language)

    def offers(self, key: str, language: str = "fr") -> bool:
        """Whether a button or a link bears the catalogue entry `key`."""
        return any(
            tells(element.text_content(), key, language)
            for element in self.document.xpath("//main//button | //main//a | //form//button")
        )

    def form(self, action: str) -> dict[str, str]:
        """The fields of the form posted to an address that ends in `action`, with its address as ``."""
        for form in self.document.forms:
            target = urljoin(self.url, form.get("action") or self.url)
            if urlsplit(target).path.endswith(action):
                fields = {name: value or "" for name, value in form.fields.items()}
                return {"": target, **fields}
        raise AssertionError(f"no form to {action} on {self.url}: {self.words[:300]}")


@dataclass(slots=True)
class Cookies:
    """RFC 6265 as far as one host needs it: an empty Domain is ignored, Max-Age=0 deletes, Path is kept.

    Ports do not separate cookies, so everything on localhost shares them, as in any browser.
    """

    kept: dict[tuple[str, str], str] = field(default_factory=dict)

    def take(self, lines: Iterable[str]) -> None:
        """Keep what these Set-Cookie headers say."""
        for line in lines:
            pair, *attributes = (part.strip() for part in line.split(";"))
            name, _, value = pair.partition("=")
            known = {
                key.strip().lower(): text for key, _, text in (part.partition("=") for part in attributes)
            }
            place = (name, known.get("path") or "/")
            if known.get("max-age") == "0":
                self.kept.pop(place, None)
            else:
                self.kept[place] = value

    def header(self, url: str) -> dict[str, str]:
        path = urlsplit(url).path or "/"
        sent = [f"{name}={value}" for (name, under), value in self.kept.items() if path.startswith(under)]
        return {"Cookie": "; ".join(sent)} if sent else {}


@dataclass(slots=True)
class Browser:
    """One person's browser. Origin and Sec-Fetch-Site are sent as Chromium sends them."""

    cookies: Cookies = field(default_factory=Cookies)
    visited: list[str] = field(default_factory=list)
    language: str = "fr-FR,fr;q=0.9"

    def open(self, url: str, headers: dict[str, str] | None = None) -> Page:
        """Navigate to an address as if it were typed in or clicked in a mail."""
        return self._go("GET", url, None, {"Sec-Fetch-Site": "none", **(headers or {})})

    def submit(self, page: Page, action: str, **changes: str) -> Page:
        """Post the page's form to `action`, with some fields filled in."""
        fields = page.form(action)
        target = fields.pop("")
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(page.url))
        if page.headers.get("referrer-policy") == "no-referrer":
            origin = "null"  # as the Fetch standard has it for a form's POST
        headers = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
        return self._go("POST", target, {**fields, **changes}, headers)

    def post(self, url: str, fields: dict[str, str], **headers: str) -> Page:
        """A POST of a test's own making."""
        return self._go("POST", url, fields, headers)

    def cookie_names(self) -> set[str]:
        return {name for name, _ in self.cookies.kept}

    def copy(self) -> "Browser":
        """Another browser with the same cookies."""
        return Browser(Cookies(dict(self.cookies.kept)), language=self.language)

    def hold(
        self, url: str, method: str = "GET", fields: dict[str, str] | None = None, **headers: str
    ) -> requests.Response:
        """One request, redirects not followed."""
        self.visited.append(url)
        sent = {
            "Accept-Language": self.language,
            **self.cookies.header(url),
            **{name.replace("_", "-"): text for name, text in headers.items()},
        }
        response = requests.request(method, url, data=fields, headers=sent, allow_redirects=False, timeout=30)
        self.cookies.take(response.raw.headers.getlist("Set-Cookie"))
        return response

    def _go(self, method: str, url: str, fields: dict[str, str] | None, headers: dict[str, str]) -> Page:
        for _ in range(MOST_REDIRECTS):
            response = self.hold(url, method, fields, **headers)
            if response.status_code not in (302, 303, 307):
                known = {name.lower(): value for name, value in response.headers.items()}
                return Page(url, response.status_code, response.text, known, response.content)
            url = urljoin(url, response.headers["Location"])
            method, fields, headers = "GET", None, {"Sec-Fetch-Site": "cross-site"}
        raise AssertionError(f"too many redirects, last to {url}")
