"""What people at their browsers can do next, each a worker's whole request."""

from functools import partial
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

from association.answer import Answer
from association.microsoft_errors import MicrosoftUnavailableError
from association.rows import Leg
from tests.model.browser import Browser, Form, Page, Trip
from tests.model.microsoft import met
from tests.model.stage import Worker
from tests.model.world import PEOPLE, World

REFUSALS = (
    Answer.DENIED,
    Answer.CANCELLED,
    Answer.NEEDS_ADMINISTRATOR,
    Answer.PROVISIONING,
    Answer.BLOCKED_BY_POLICY,
    Answer.UNKNOWN,
)


def advance(world: World, browser: Browser) -> Worker:
    """What somebody willing does next: come back, press the page's one button, or open the mail's link."""
    if browser.trips:
        return willing(world, browser, browser.trips[-1])
    page = browser.pages[-1] if browser.pages and browser.statuses[-1][1] < 400 else None
    form = next_form(page) if page else None
    if page is None:
        return open_link(browser, links(world, browser.target)[-1:] or [""])
    if form is None:
        return Worker(f"{browser.name} reloads", partial(browser.open, f"/a/{page.reference}"))
    return press(world, browser, form)


def next_form(page: Page) -> Form | None:
    by_verb = {form.verb: form for form in page.forms}
    wanted = by_verb.get("code") or page.primary() or by_verb.get("check")
    if wanted is None and "consent" in by_verb:
        wanted = by_verb["consent"]
    return wanted


def press(world: World, browser: Browser, form: Form, *, code: str = "", domain: str = "") -> Worker:
    """Send a form; the code is the one mailed last unless another is typed."""
    typed: dict[str, str] = {}
    if form.verb == "code":
        typed["code"] = code or mailed_code(world, form.action.split("/")[2])
    if domain:
        typed["domain"] = domain
    worker = Worker(f"{browser.name} {form.verb} {typed}", partial(browser.press, form, **typed))
    worker.notes |= typed
    return worker


def open_link(browser: Browser, mailed: list[str]) -> Worker:
    """Open the link of a mail."""
    return Worker(f"{browser.name} opens a link", partial(browser.open, mailed[-1] or "/a?k=none"))


def links(world: World, association_id: str = "") -> list[str]:
    base = world.settings.public_base_url
    return [
        mail.values["link"].removeprefix(base)
        for mail in world.posted
        if mail.kind == "invitation" and mail.association_id.startswith(association_id)
    ]


def mailed_code(world: World, reference: str) -> str:
    codes = [
        mail.values["code"]
        for mail in world.posted
        if mail.kind == "code" and mail.values["reference"] == reference
    ]
    return codes[-1] if codes else "000000"


def willing(world: World, browser: Browser, trip: Trip) -> Worker:
    if trip.kind == "adminconsent":
        return consent(world, browser, trip)
    return sign_in(world, browser, trip, browser.person)


def twice(world: World, browser: Browser, trip: Trip) -> tuple[Worker, Worker]:
    """Come back by one address, at once in two tabs: with the same code."""
    one = willing(world, browser, trip)
    other = Worker(f"{browser.name} once more", one.act)
    other.notes["trip"] = trip
    return one, other


def sign_in(world: World, browser: Browser, trip: Trip, person: str) -> Worker:
    """Come back from signing in as `person`, at home or where the trip leads."""
    home = world.home_of(person).tenant_id
    tenant_id = trip.tenant if trip.tenant in world.microsoft.tenants else home
    if person not in world.microsoft.tenants[tenant_id].members:
        return _back(world, browser, trip, error=Answer.NOT_IN_TENANT)

    code = world.microsoft.code(tenant_id, person)

    async def act() -> None:
        await browser.back(trip, code=code)

    return _on(trip, Worker(f"{browser.name} back from {trip.leg} as {person}", act))


def consent(world: World, browser: Browser, trip: Trip) -> Worker:
    """An administrator consents."""
    tenant = world.microsoft.tenants[trip.tenant]

    async def act() -> None:
        tenant.consents.setdefault(trip.client_id, world.clock() + tenant.delay)
        await browser.back(trip, admin_consent="True", tenant=trip.tenant)

    return _on(trip, Worker(f"{browser.name} consents to {trip.client_id[:4]}", act))


def _back(world: World, browser: Browser, trip: Trip, **answer: str) -> Worker:
    async def act() -> None:
        if answer.get("error") == Answer.PROVISIONING:
            # Microsoft's own trouble, told by the redirect
            met(MicrosoftUnavailableError("told by the redirect"))
        await browser.back(trip, **answer)

    return _on(trip, Worker(f"{browser.name} back with {answer}", act))


def _on(trip: Trip, worker: Worker) -> Worker:
    worker.notes["trip"] = trip
    return worker


def come_back(world: World, chance: Random) -> Worker | None:
    """Come back from any trip, in any way; or once more by an address that has been used."""
    browser: Browser = chance.choice(world.browsers)
    ways: list[tuple[str, Any]] = [("trip", trip) for trip in browser.trips]
    ways += [("spent", uri) for uri in browser.spent]
    if not ways:
        return None
    way, what = chance.choice(ways)
    if way == "spent":
        at: Browser = chance.choice([browser, browser, *world.browsers])
        worker = Worker(f"{at.name} opens {urlsplit(what).path} again", partial(at.open, what))
        worker.notes["trip"] = world.trips.get(parse_qs(urlsplit(what).query)["state"][0])
        return worker
    outcome = chance.choice(["willing", "willing", "willing", "another", "refused", "forged"])
    if outcome == "refused":
        asks = [Answer.INTERACTION_REQUIRED] * 3 if what.leg == Leg.CONFIRM else []
        return _back(world, browser, what, error=chance.choice([*REFUSALS, *asks]))
    if outcome == "another" and what.kind == "authorize":
        return sign_in(world, browser, what, chance.choice(PEOPLE))
    if outcome == "forged" and what.kind == "adminconsent":
        # the redirect's word without anything behind it, or of another tenant
        tenant_id = chance.choice([what.tenant, *world.microsoft.tenants])
        return _back(world, browser, what, admin_consent="True", tenant=tenant_id)
    return willing(world, browser, what)


def click(world: World, chance: Random) -> Worker | None:
    """Press any button of any page that lies open, type anything into its form."""
    browser: Browser = chance.choice(world.browsers)
    forms = [form for page in browser.pages for form in page.forms]
    if not forms:
        return None
    form: Form = chance.choice(forms)
    code = chance.choice(["", "", "000000"])
    domains = ["", world.domain(0), world.domain(1), "nobody.example"]
    return press(
        world, browser, form, code=code, domain=chance.choice(domains) if form.verb == "sign-in" else ""
    )


def end_session(world: World, chance: Random) -> Worker | None:
    """In another tab, sign out or change accounts while the browser is at Microsoft's."""
    ways = [
        (browser, form)
        for browser in world.browsers
        for page in browser.pages[-1:]
        for form in page.forms
        if browser.trips and form.verb in ("sign-out", "sign-in")
    ]
    return press(world, *chance.choice(ways)) if ways else None


def visit(world: World, chance: Random) -> Worker | None:
    """Open any link that was mailed, in any browser."""
    mailed = links(world)
    if not mailed:
        return None
    browser: Browser = chance.choice(world.browsers)
    link = chance.choice(mailed)
    browser.target = next(
        mail.association_id for mail in world.posted if mail.values.get("link", "").endswith(link)
    )
    return open_link(browser, [link])


def new_link(world: World, chance: Random) -> Worker | None:
    """Somebody asks for a new link, by the recorded address or the reference."""
    if not world.records():
        return None
    facts = chance.choice(world.records()).facts
    asked = chance.choice([facts.reference, f"marie@{world.domain(0)}", f"paul@{world.domain(1)}"])
    browser: Browser = chance.choice(world.browsers)

    async def act() -> None:
        await browser.ask_new_link(asked)

    return Worker(f"{browser.name} asks for a new link of {asked}", act)


def go_on(world: World, chance: Random) -> Worker | None:
    """Somebody willing takes one step on."""
    browser: Browser = chance.choice(world.browsers)
    if not browser.trips and not browser.pages and not links(world, browser.target):
        return None
    return advance(world, browser)
