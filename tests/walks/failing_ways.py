"""How people and systems reach each error there is, over HTTP."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import requests

from adapters.storage.row_keys import digest
from tests.walks.browser import Page
from tests.walks.failing import ACCEPTED, Case, Scene
from tests.walks.people import Person
from tests.walks.test_guests import signs_in_as_guest
from tests.walks.world import query_of

NOBODYS = "A" * 43
# The hosts, by what their settings have otherwise than the sandbox's.
USUAL, MUTE, UNSTORED, UNSET = "usual", "without Microsoft and mail", "without storage", "without keys"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to the error `code`, as somebody goes it who reads a language; `says` are the texts of the
    page where that isn't the page of failures, `answer` is what Microsoft's answer came to, if it gave one.
    """

    code: str
    status: int
    go: Callable[[Scene, str], Page]
    host: str = USUAL
    says: tuple[str, ...] = ()
    answer: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts of the page of failures, its title first."""
        told = f"answer.{self.answer}" if self.answer else f"error.{self.code}"
        parts = ("cause", "remedy", "who") if self.answer else ("remedy", "who")
        return (f"error.{self.code}.title", f"error.{self.code}.cause", *(f"{told}.{one}" for one in parts))

    def __str__(self) -> str:
        return self.code


def goes(scene: Scene, language: str, path: str) -> Page:
    """A stranger opens an address."""
    return scene.stranger(language).open(scene.world.host + path)


def asks(scene: Scene, language: str, method: str, path: str, **sent: Any) -> Page:
    """What a system is answered, with the key unless other headers are sent; its JSON stands in `text`."""
    headers = {"Accept-Language": ACCEPTED[language], **sent.pop("headers", scene.world.key)}
    url = scene.world.host + path
    answer = requests.request(method, url, headers=headers, timeout=30, **sent)
    known = {name.lower(): value for name, value in answer.headers.items()}
    return Page(url, answer.status_code, answer.text, known, answer.content)


def press(scene: Scene, case: Case, language: str, action: str, **fields: str) -> Page:
    """Post to `action` of the case's association, as its page's forms do."""
    token = case.page.document.xpath("//input[@name='form_token']/@value")[0]
    url = f"{scene.world.host}/a/{case.order['reference']}/{action}"
    browser = scene.reader(case, language).browser
    return browser.post(url, {"form_token": token, **fields}, Origin=scene.world.host)


def visits(scene: Scene, case: Case, language: str, path: str = "") -> Page:
    """Open a page of the case's association."""
    url = f"{scene.world.host}/a/{case.order['reference']}{path}"
    return scene.reader(case, language).browser.open(url)


def follows(scene: Scene, case: Case, language: str) -> Page:
    """Open the case's link."""
    return scene.reader(case, language).browser.open(case.link)


def comes_back(
    scene: Scene, language: str, change: Callable[[str], None] = lambda state: None, **answer: str
) -> Page:
    """Leave to sign in and come back: with Microsoft's answer, or with `answer` beside the state."""
    person = scene.reader(scene.opened, language)
    left = person.leaves(scene.opened.page, "/sign-in")
    state = query_of(left)["state"]
    callback = f"{scene.world.host}/sign-in/callback?{urlencode({**answer, 'state': state})}"
    url = callback if answer else person.passes(left)
    change(digest(state))
    return person.browser.open(url)


def after_the_session(scene: Scene, language: str) -> Page:
    """Go on with the link's visit alone, where a session is needed."""
    case = scene.signed
    browser = scene.reader(case, language).browser
    del browser.cookies.kept[(f"session-{case.order['reference']}", "/")]
    alone = Person(scene.world, "", browser)
    page = browser.open(case.link)
    return press(scene, Case(case.customer, case.order, case.link, alone, page), language, "consent")


def with_the_older_code(scene: Scene, language: str) -> Page:
    assert scene.told_again.page.status == 200
    return press(scene, scene.unexpected, language, "code", code="12345")


def in_another_browser(scene: Scene, language: str) -> Page:
    person = scene.reader(scene.opened, language)
    return scene.stranger(language).open(person.passes(person.leaves(scene.opened.page, "/sign-in")))


def too_late(scene: Scene, language: str) -> Page:
    past = datetime.now(UTC) - timedelta(seconds=1)
    return comes_back(scene, language, lambda flow: scene.store("flows", flow, "flow", expires_at=past))


def with_another_nonce(scene: Scene, language: str) -> Page:
    def change(flow: str) -> None:
        (row,) = scene.world.rows("flows", flow)
        scene.store("flows", flow, "flow", msal=json.dumps({**json.loads(row["msal"]), "nonce": "other"}))

    return comes_back(scene, language, change)


def from_elsewhere(scene: Scene, language: str) -> Page:
    """Somebody of another organisation opens the link of a bound one, and signs in."""
    other = scene.world.customer("vignobles-chastel")
    person = Person(scene.world, other.account, scene.reader(scene.opened, language).browser)
    return person.signs_in(person.opens(scene.bound.link))


def as_guest(scene: Scene, language: str, domain: str = "") -> Page:
    person = scene.reader(scene.advised, language)
    page = person.browser.open(scene.advised.link)
    return signs_in_as_guest(person, page, domain or scene.advised.customer.account.partition("@")[2])


def with_another_order(scene: Scene, language: str) -> Page:
    body = {**scene.opened.customer.order, "company_name": "Menuiserie Lambert SA"}
    return asks(scene, language, "POST", "/orders", json=body)


def with_key_in_query(scene: Scene, language: str) -> Page:
    key = scene.world.settings["Host"]["FunctionKey"]
    return asks(scene, language, "GET", f"/orders/none?code={key}", headers={})


WAYS = (
    Way("unexpected", 500, lambda scene, language: visits(scene, scene.broken, language)),
    Way("page_unknown", 404, lambda scene, language: goes(scene, language, "/nulle/part")),
    Way("link_unknown", 404, lambda scene, language: goes(scene, language, f"/a?k={NOBODYS}")),
    Way("link_expired", 410, lambda scene, language: follows(scene, scene.expired, language)),
    Way("link_revoked", 410, lambda scene, language: follows(scene, scene.renewed, language)),
    Way("order_closed", 410, lambda scene, language: follows(scene, scene.closed, language)),
    Way("share_ended", 410, lambda scene, language: goes(scene, language, "/addin/guide")),
    Way("visit_missing", 403, lambda scene, language: goes(scene, language, "/a/0000-0000")),
    Way("session_missing", 403, after_the_session),
    Way(
        "form_forged",
        403,
        lambda scene, language: press(scene, scene.opened, language, "sign-in", form_token="x"),
    ),
    Way("state_unknown", 400, lambda scene, language: goes(scene, language, "/consent/callback?state=x")),
    Way("flow_expired", 400, too_late),
    Way("browser_unknown", 400, in_another_browser),
    Way(
        "sign_in_refused",
        403,
        lambda scene, language: comes_back(scene, language, error="access_denied"),
        answer="denied",
    ),
    Way("id_token_invalid", 403, with_another_nonce),
    Way("account_changed", 409, lambda scene, language: press(scene, scene.overtaken, language, "consent")),
    Way(
        "tenant_unexpected",
        403,
        lambda scene, language: press(scene, scene.unexpected, language, "consent"),
    ),
    Way(
        "domain_unknown",
        400,
        lambda scene, language: as_guest(scene, language, "nobody.example"),
        says=("progress.title", "guest.domain.unknown"),
    ),
    Way("guest_unexpected", 403, as_guest),
    Way("bound_to_another", 403, from_elsewhere),
    Way("limit_reached", 429, lambda scene, language: press(scene, scene.busy, language, "sign-in")),
    Way(
        "code_wrong",
        403,
        lambda scene, language: press(scene, scene.told_again, language, "code", code="12345"),
        says=("unexpected_tenant.title", "unexpected_tenant.code_wrong"),
    ),
    Way(
        "code_ended",
        403,
        with_the_older_code,
        says=(
            "unexpected_tenant.title",
            "unexpected_tenant.code_ended",
            "unexpected_tenant.code_ended.next",
        ),
    ),
    Way(
        "checks_missing",
        409,
        lambda scene, language: press(scene, scene.unmet, language, "applications/contact"),
    ),
    Way("not_bound", 409, lambda scene, language: visits(scene, scene.signed, language, "/sage-contact.xml")),
    Way(
        "administrator_needed",
        403,
        lambda scene, language: press(scene, scene.colleague, language, "portal"),
    ),
    Way("portal_unavailable", 503, lambda scene, language: press(scene, scene.bound, language, "portal")),
    Way("request_invalid", 400, lambda scene, language: goes(scene, language, f"/a?{'x&' * 41}")),
    Way("request_invalid", 400, lambda scene, language: asks(scene, language, "POST", "/orders", json={})),
    Way("key_in_query", 401, with_key_in_query),
    Way("order_conflict", 409, with_another_order),
    Way("association_unknown", 404, lambda scene, language: asks(scene, language, "GET", "/orders/none")),
    Way("concurrent_change", 503, lambda scene, language: press(scene, scene.contended, language, "sign-in")),
    Way(
        "microsoft_refused",
        502,
        lambda scene, language: comes_back(scene, language, code="no-code-of-theirs"),
        answer="code_spent",
    ),
    Way(
        "microsoft_unavailable",
        503,
        lambda scene, language: press(scene, scene.opened, language, "sign-in"),
        host=MUTE,
        answer="unavailable",
    ),
    Way(
        "storage_unavailable",
        503,
        lambda scene, language: goes(scene, language, f"/a?k={NOBODYS}"),
        host=UNSTORED,
    ),
    Way(
        "storage_unavailable",
        503,
        lambda scene, language: asks(scene, language, "GET", "/orders/none"),
        host=UNSTORED,
    ),
    Way(
        "settings_incomplete",
        503,
        lambda scene, language: goes(scene, language, f"/a?k={NOBODYS}"),
        host=UNSET,
    ),
    Way(
        "settings_incomplete",
        503,
        lambda scene, language: asks(scene, language, "GET", "/orders/none"),
        host=UNSET,
    ),
)
