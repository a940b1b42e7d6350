"""A Chromium profile of its own for somebody: their language, their cookies, and an ear at the console."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, Route, WebError

from tests.browser.way import Arrival

LOCALES = {"fr": "fr-FR", "en": "en-GB"}
HEIGHT = 800
PATIENCE_MILLISECONDS = 10_000


class Console:
    """What a profile's console says that it shouldn't: errors, warnings, refusals of the content policy."""

    def __init__(self, context: BrowserContext) -> None:
        self._said: list[tuple[str, str]] = []
        self._refused: set[str] = set()
        context.on("console", self._hear)
        context.on("weberror", self._fail)
        context.on("response", self._answer)

    @property
    def complaints(self) -> list[str]:
        """All but Chromium's line about a page that is meant to answer with an error's status."""
        status = "Failed to load resource: the server responded with a status of"
        return [
            f"{url}: {text}"
            for url, text in self._said
            # Microsoft's redirects end with an empty fragment
            if not (text.startswith(status) and url.removesuffix("#") in self._refused)
        ]

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._said.append((message.location["url"], message.text))

    def _fail(self, error: WebError) -> None:
        self._said.append(("script", str(error.error)))

    def _answer(self, response: Response) -> None:
        if response.status >= 400 and response.request.is_navigation_request():
            self._refused.add(response.url.removesuffix("#"))


@contextmanager
def profile(
    chromium: Browser, *, language: str = "fr", width: int = 1280, javascript: bool = True
) -> Iterator[BrowserContext]:
    """A profile without cookies. Its console must have been quiet when it is closed."""
    context = chromium.new_context(
        locale=LOCALES[language],
        viewport={"width": width, "height": HEIGHT},
        java_script_enabled=javascript,
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    console = Console(context)
    try:
        yield context
        assert not console.complaints, console.complaints
    finally:
        context.close()


@contextmanager
def opened(
    chromium: Browser, arrival: Arrival, language: str, width: int = 1280, javascript: bool = True
) -> Iterator[Page]:
    """The page at which somebody has arrived, with the cookies they have."""
    with profile(chromium, language=language, width=width, javascript=javascript) as context:
        if not arrival.scripted:
            context.route("**/assets/site.js", _without_its_script)
        context.add_cookies(
            [
                {"name": name, "value": value, "domain": str(urlsplit(arrival.url).hostname), "path": path}
                for (name, path), value in arrival.browser.cookies.kept.items()
            ]
        )
        page = context.new_page()
        page.goto(arrival.url)
        if arrival.press:
            arrival.press(page)
        yield page


def _without_its_script(route: Route) -> None:
    route.fulfill(body="", content_type="text/javascript")


def reads(page: Page) -> str:
    """The language the page says it is in."""
    return page.locator("html").get_attribute("lang") or ""
