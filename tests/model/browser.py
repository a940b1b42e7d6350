"""Browsers before the product's own handlers: cookies, the pages that lie open, trips to Microsoft."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import azure.functions as func

from association.facts import Record
from functions.services import ROOT
from sandbox.host.indexing import index_app
from tests.model.microsoft import LOGIN
from tests.model.stage import PRESENT

FORM = re.compile(r'<form method="post" action="([^"]+)" class="([^"]*)"[^>]*>(.*?)</form>', re.DOTALL)
STEP = re.compile(r'<li class="step (\w+)"( aria-current="step")?>')
NARROW = re.compile(r'<details class="narrow (\w+)">')
FIELD = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
MOST_PAGES = 3
MOST_SPENT = 6
JSON = {"content-type": "application/json", "x-functions-key": "k"}
Handler = Callable[..., Awaitable[Any]]


@cache
def routes() -> tuple[tuple[re.Pattern[str], tuple[str, ...], Handler], ...]:
    """Every HTTP function of the app: its path, its methods, and the handler."""
    found = []
    for each in index_app(ROOT):
        if each.kind == "httpTrigger":
            path = re.sub(r"\{\*?(\w+)\}", r"(?P<\1>[^/]+)", each.trigger["route"])
            found.append((re.compile(path), tuple(each.trigger["methods"]), each.handler))
    return tuple(found)


async def ask(
    address: str, method: str, uri: str, *, headers: dict[str, str] | None = None, body: bytes = b""
) -> func.HttpResponse:
    """What the product answers; `uri` is a path with its query."""
    path = urlsplit(uri).path.strip("/")
    for route, methods, handler in routes():
        matched = route.fullmatch(path)
        if matched and method in methods:
            request = func.HttpRequest(
                method=method,
                url=f"{address}{uri}",
                headers=headers or {},
                params={},
                route_params=matched.groupdict(),
                body=body,
            )
            response: func.HttpResponse = await handler(request)
            return response
    raise AssertionError(f"no function for {method} {path}")


@dataclass(frozen=True)
class Form:
    """A form of a page: where it posts, what it carries, whether it is the page's one primary button."""

    action: str
    fields: dict[str, str]
    is_primary: bool

    @property
    def verb(self) -> str:
        """What its address ends with."""
        return self.action.split("/", 3)[-1]


@dataclass(frozen=True)
class Page:
    """A page as it was shown: `stood` is how its association stood when it was made, at the time `at`."""

    reference: str
    status: int
    text: str
    forms: tuple[Form, ...]
    stood: tuple[Record, ...] = ()
    at: Any = None

    def steps(self) -> list[str]:
        """The states of the steps, of both its lists."""
        return [state for state, _ in STEP.findall(self.text)]

    def here(self) -> tuple[list[str], list[str]]:
        """The states of the steps marked as the present one, and what stands above the narrow list."""
        return [state for state, mark in STEP.findall(self.text) if mark], NARROW.findall(self.text)

    def primary(self) -> Form | None:
        """The form of its primary button."""
        return next((form for form in self.forms if form.is_primary), None)


@dataclass(frozen=True)
class Trip:
    """The browser is at Microsoft's: to sign in (at `tenant`), or to consent there to `client_id`."""

    tenant: str
    kind: str
    state: str
    leg: str = ""
    is_silent: bool = False
    client_id: str = ""
    begun_at: Any = None


@dataclass
class Browser:
    """One browser and whoever usually sits at it. Its tabs share its cookies."""

    name: str
    person: str
    address: str
    now: Callable[[], Any]
    cookies: dict[str, str] = field(default_factory=dict)
    pages: list[Page] = field(default_factory=list)
    trips: list[Trip] = field(default_factory=list)
    departed: list[Trip] = field(default_factory=list)
    spent: list[str] = field(default_factory=list)
    statuses: list[tuple[str, int, str, tuple[Exception, ...]]] = field(default_factory=list)
    shown: list[Page] = field(default_factory=list)
    target: str = ""
    judged: int = 0

    def is_at_an_end(self) -> bool:
        """Whether the last page has no button that leads on."""
        if self.trips or not self.pages or self.statuses[-1][1] >= 400:
            return False
        return self.pages[-1].primary() is None and not any(
            form.verb in ("check", "consent", "code") for form in self.pages[-1].forms
        )

    async def open(self, uri: str) -> Page | None:
        """Follow an address of ours to its page; None when it ends at Microsoft's."""
        return await self._go("GET", uri)

    async def press(self, form: Form, **typed: str) -> Page | None:
        """Send a form, with what was typed into it."""
        return await self._go("POST", form.action, {**form.fields, **typed})

    async def back(self, trip: Trip, **answer: str) -> Page | None:
        """Come back from Microsoft with its answer."""
        if trip in self.trips:
            self.trips.remove(trip)
        path = "/consent/callback" if trip.kind == "adminconsent" else "/sign-in/callback"
        uri = f"{path}?{urlencode({'state': trip.state, **answer})}"
        self.spent = [*self.spent, uri][-MOST_SPENT:]
        return await self._go("GET", uri)

    async def ask_new_link(self, asked: str) -> None:
        """Ask for a new link on its own page."""
        page = await self._go("GET", "/new-link")
        assert page is not None
        token = re.search(r'name="form_token" value="([^"]*)"', page.text)
        await self._go("POST", "/new-link", {"form_token": token[1] if token else "", "asked": asked})

    async def _go(self, method: str, uri: str, form: dict[str, str] | None = None) -> Page | None:
        for _ in range(4):
            headers = {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
            body = b""
            if form is not None:
                headers |= {"origin": self.address, "content-type": "application/x-www-form-urlencoded"}
                body = urlencode(form).encode()
            response = await ask(self.address, method, uri, headers=headers, body=body)
            self._keep(response)
            text = response.get_body().decode()
            worker = PRESENT.get()
            met = tuple(worker.faults) if worker else ()
            self.statuses.append((f"{method} {urlsplit(uri).path}", response.status_code, text, met))
            if response.status_code != 303:
                return self._shown(uri, response.status_code, text)
            location = response.headers["Location"]
            if location.startswith(LOGIN):
                trip = _trip(location, self.now())
                self.trips = [*self.trips, trip][-MOST_SPENT:]
                self.departed.append(trip)
                return None
            method, uri, form = "GET", location.removeprefix(self.address), None
        raise AssertionError(f"redirected in circles at {uri}")

    def _keep(self, response: func.HttpResponse) -> None:
        for header in response.headers.getlist("Set-Cookie"):
            name, _, value = header.partition(";")[0].partition("=")
            if "Max-Age=0" in header:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value

    def _shown(self, uri: str, status: int, text: str) -> Page:
        forms = tuple(
            Form(
                unescape(action),
                {name: unescape(value) for name, value in FIELD.findall(inner)},
                "leading" in kind.split(),
            )
            for action, kind, inner in FORM.findall(text)
            if action.startswith("/a/")
        )
        parts = urlsplit(uri).path.split("/")
        reference = parts[2] if parts[1] == "a" and len(parts) > 2 else ""
        page = Page(reference, status, text, forms, _stood(reference), self.now())
        if page.reference and forms:
            self.pages = [*self.pages, page][-MOST_PAGES:]
        self.shown.append(page)
        return page


def _stood(reference: str) -> tuple[Record, ...]:
    worker = PRESENT.get()
    known = worker.stood.values() if worker else ()
    return tuple(each for records in known for each in records if each.facts.reference == reference)


def _trip(location: str, now: Any) -> Trip:
    parts = urlsplit(location)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    _, tenant, kind = parts.path.split("/", 2)
    return Trip(
        tenant=tenant,
        kind=kind,
        state=query["state"],
        leg=query.get("leg", ""),
        is_silent=query.get("silent") == "1",
        client_id=query.get("client_id", ""),
        begun_at=now,
    )
