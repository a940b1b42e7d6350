"""A browser of which 2,000 fit into one process: cookies, redirects, forms, over one shared HTTP client."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from random import Random
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

from tests.storm.balancer import OWN
from tests.walks.browser import CATALOGUES, MOST_REDIRECTS, Cookies, Page, tells

BODY_START = 300
ERROR_TITLES = [key for key in CATALOGUES["fr"] if key.startswith("error.") and key.endswith(".title")]


@dataclass(slots=True)
class Seen:
    """What all people have seen of the product at `origin`. `bare` is what nobody should ever see."""

    origin: str
    statuses: Counter[int] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    balancer: Counter[int] = field(default_factory=Counter)
    bare: list[str] = field(default_factory=list)

    def look_at(self, page: Page) -> None:
        """Count an answer of the product's, and note one that is no page, file or redirect with a meaning."""
        self.statuses[page.status] += 1
        if OWN.lower() in page.headers:
            self.balancer[page.status] += 1
        elif page.status >= 400:
            self._look_at_error(page)
        elif "Traceback" in page.text:
            self.bare.append(f"{page.status} with a stack trace")

    def _look_at_error(self, page: Page) -> None:
        references = page.document.xpath("//p[@class='failure']//code/text()")
        if not references or "Traceback" in page.text:
            self.bare.append(f"{page.status} {urlsplit(page.url).path} {page.text[:BODY_START]}")
            return
        self.errors[f"{page.status} {_code(page.heading)}"] += 1


@cache
def _code(heading: str) -> str:
    """The code of the error that a page is headed by; the heading itself where it is none's."""
    told = [key for key in ERROR_TITLES for tongue in CATALOGUES if tells(heading, key, tongue)]
    return told[0].split(".")[1] if told else heading


@dataclass(slots=True)
class StormBrowser:
    """One person's browser. `impatience` is how often a button or an address is pressed twice."""

    client: aiohttp.ClientSession
    seen: Seen
    random: Random
    impatience: float = 0.0
    cookies: Cookies = field(default_factory=Cookies)

    async def open(self, url: str) -> Page:
        """Navigate to an address."""
        return await self._go("GET", url, None, {"Sec-Fetch-Site": "none"})

    async def submit(self, page: Page, action: str, **changes: str) -> Page:
        """Post the page's form to `action`, with some fields filled in."""
        fields = page.form(action)
        target = fields.pop("")
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(page.url))
        if page.headers.get("referrer-policy") == "no-referrer":
            origin = "null"
        headers = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
        return await self._go("POST", target, {**fields, **changes}, headers)

    async def _go(
        self, method: str, url: str, fields: dict[str, str] | None, headers: dict[str, str]
    ) -> Page:
        for _ in range(MOST_REDIRECTS):
            page = await self._ask(method, url, fields, headers)
            if page.status not in (302, 303, 307):
                return page
            url = urljoin(url, page.headers["location"])
            method, fields, headers = "GET", None, {"Sec-Fetch-Site": "cross-site"}
        return page

    async def _ask(
        self, method: str, url: str, fields: dict[str, str] | None, headers: dict[str, str]
    ) -> Page:
        """One request; of an impatient person two at once, of which the second one's answer is shown."""
        if not url.startswith(self.seen.origin) or self.random.random() >= self.impatience:
            return await self._request(method, url, fields, headers)
        _, page = await asyncio.gather(
            self._request(method, url, fields, headers), self._request(method, url, fields, headers)
        )
        return page

    async def _request(
        self, method: str, url: str, fields: dict[str, str] | None, headers: dict[str, str]
    ) -> Page:
        sent = {"Accept-Language": "fr-FR,fr;q=0.9", **self.cookies.header(url), **headers}
        async with self.client.request(
            method, URL(url, encoded=True), data=fields, headers=sent, allow_redirects=False
        ) as answer:
            body = await answer.read()
            known = {name.lower(): value for name, value in answer.headers.items()}
            self.cookies.take(answer.headers.getall("Set-Cookie", []))
            page = Page(url, answer.status, body.decode("utf-8", "replace"), known, body)
        if url.startswith(self.seen.origin):
            self.seen.look_at(page)
        return page
