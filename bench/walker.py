"""A browser that walks a whole journey, lean enough to share two cores with what it measures."""

import re
import time
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import urljoin, urlsplit

from aiohttp import ClientSession

from sandbox.local_settings import FURTHER_APPLICATIONS

MOST_REDIRECTS = 20
# What a customer is asked to authorise beside the association's own application: most have one of them.
APPLICATIONS = FURTHER_APPLICATIONS[:1]
FORM = re.compile(r"<form\b([^>]*)>(.*?)</form>", re.DOTALL)
FIELD = re.compile(r'<input\b[^>]*\bname="([^"]*)"[^>]*\bvalue="([^"]*)"')
ACTION = re.compile(r'\baction="([^"]*)"')
HEADING = re.compile(r"<h1\b[^>]*>(.*?)</h1>", re.DOTALL)
REFERENCE = re.compile(r"/[0-9A-Z]{4}-[0-9A-Z]{4}\b")


class AstrayError(Exception):
    """The journey did not go where it goes; the message says where it ended."""


@dataclass(frozen=True, slots=True)
class Order:
    """A customer who has been invited: the mailed link (whole), who signs in, and where."""

    link: str
    account: str
    tenant_id: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: where from, its status, its body, and where it leads."""

    url: str
    status: int
    text: str
    location: str


@dataclass(slots=True)
class Walker:
    """One person's browser; `origin` is the product's."""

    session: ClientSession
    origin: str
    times: list[tuple[str, float]] = field(default_factory=list)
    cookies: dict[tuple[str, str], str] = field(default_factory=dict)

    async def walk(self, order: Order) -> list[tuple[str, float]]:
        """From the mailed link to the add-in file; (page, milliseconds) of each answer of the product.

        Raises AstrayError.
        """
        page = await self._go("GET", order.link)
        accounts = await self._press(page, "/sign-in")
        page = await self._go("POST", accounts.url, {"account": order.account})
        page = await self._consent(await self._press(page, "/consent"), order)
        for application in APPLICATIONS:
            asked = await self._press(page, f"/applications/{application['key']}")
            page = await self._consent(asked, order)
        file = await self._go("GET", f"{page.url}/sage-contact.xml")
        if "<OfficeApp" not in file.text:
            raise AstrayError(f"no add-in file, but {_told(page)}")
        return self.times

    async def _consent(self, asked: Answer, order: Order) -> Answer:
        """Where Microsoft leads to once it has been told yes."""
        if 'data-page="accounts"' in asked.text:
            asked = await self._go("POST", asked.url, {"account": order.account})
        return await self._press(asked, "/adminconsent", consent="accept")

    async def _press(self, page: Answer, action: str, **more: str) -> Answer:
        """Post the page's form to the address that ends in `action`."""
        for attributes, content in FORM.findall(page.text):
            named = ACTION.search(attributes)
            target = urljoin(page.url, unescape(named[1])) if named else page.url
            if urlsplit(target).path.endswith(action):
                fields = {name: unescape(value) for name, value in FIELD.findall(content)}
                return await self._go("POST", target, {**fields, **more})
        raise AstrayError(f"no form to {action}, but {_told(page)}")

    async def _go(self, method: str, url: str, fields: dict[str, str] | None = None) -> Answer:
        for _ in range(MOST_REDIRECTS):
            answer = await self._ask(method, url, fields)
            if answer.status >= 400:
                raise AstrayError(_told(answer))
            if not answer.location:
                return answer
            url, method, fields = urljoin(url, answer.location), "GET", None
        raise AstrayError("too many redirects")

    async def _ask(self, method: str, url: str, fields: dict[str, str] | None) -> Answer:
        at = urlsplit(url)
        here = f"{at.scheme}://{at.netloc}"
        kept = "; ".join(f"{name}={value}" for (host, name), value in self.cookies.items() if host == here)
        headers = {"Cookie": kept, "Origin": here, "Sec-Fetch-Site": "same-origin"}
        started = time.perf_counter()
        async with self.session.request(
            method, url, data=fields, headers=headers, allow_redirects=False
        ) as response:
            text = await response.text()
        if here == self.origin:
            self.times.append((f"{method} {self._name(url)}", (time.perf_counter() - started) * 1000))
        for line in response.headers.getall("Set-Cookie", []):
            pair, _, attributes = line.partition(";")
            name, _, value = pair.partition("=")
            self.cookies[here, name] = value
            if "max-age=0" in attributes.replace(" ", "").lower().split(";"):
                del self.cookies[here, name]
        return Answer(url, response.status, text, response.headers.get("Location", ""))

    @staticmethod
    def _name(url: str) -> str:
        """The address without what differs from journey to journey."""
        return REFERENCE.sub("/{reference}", urlsplit(url).path)


def _told(page: Answer) -> str:
    heading = HEADING.search(page.text)
    return f"{page.status} {heading[1].strip() if heading else ''!r} at {urlsplit(page.url).path}"
