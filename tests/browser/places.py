"""Every page that people see, with its states, and how one comes there: a table for whatever looks at all."""

from collections.abc import Callable
from urllib.parse import urlencode

from playwright.sync_api import Page as Shown

from tests.browser.way import Arrival, Way
from tests.walks.world import World, query_of

GLOBAL_ADMINISTRATOR = "Global Administrator"
MOST_SIGN_INS = 60
Press = Callable[[Shown], object]
Reach = Callable[[Way], Arrival]


def sends(form: str, field: str = "", value: str = "") -> Press:
    """Send the form that the CSS selector `form` names, folded away or not, with one field filled in."""

    def send(page: Shown) -> None:
        if field:
            page.locator(form).evaluate("(form, [name, value]) => form[name].value = value", [field, value])
        with page.expect_navigation():
            page.locator(form).evaluate("form => HTMLFormElement.prototype.submit.call(form)")

    return send


def left_for_microsoft(way: Way) -> Arrival:
    way.person.leaves(way.signed_in(), "/consent")
    return Arrival(way.link, way.stranger())


def consent_left(way: Way) -> Arrival:
    page = way.signed_in()
    way.person.leaves(page, "/consent")
    return way.at(page)


def access_missing(way: Way) -> Arrival:
    page = way.checked()
    way.change(withdraw_consent=way.world.settings["Values"]["MICROSOFT_CLIENT_ID"])
    return way.at(way.checks_again(page))


def access_refused(way: Way) -> Arrival:
    way.world.condition(f"tenants/{way.customer.tenant}", "application_disabled")
    return way.at(way.checked(), scripted=False)


def access_lost_to_refusal(way: Way) -> Arrival:
    page = way.checked()
    way.world.condition(f"tenants/{way.customer.tenant}", "application_disabled")
    return way.at(way.checks_again(page))


def several_failed(way: Way) -> Arrival:
    page = way.checked()
    way.change(take_role=GLOBAL_ADMINISTRATOR, **{"from": way.customer.account})
    return way.at(way.checks_again(page))


def one_refused(way: Way) -> Arrival:
    page = way.authorises(way.checked(), "contact", answer="cancel")
    return way.at(way.authorises(page, "automate"))


def awaited(way: Way) -> Arrival:
    return way.at(way.authorises(way.checks_again(way.spread()), "contact", "automate"), scripted=False)


def conflict(way: Way) -> Arrival:
    way.finished()
    other = way.of_another_customer()
    page = other.checked()
    assert page.is_headed("conflict.title", way.language), page.heading
    return other.at(page)


def guide(way: Way) -> Arrival:
    user = way.stranger()
    return Arrival(user.open(associated(way).share_link).url, user)


def eligible(way: Way) -> Arrival:
    """The role was active for the consent, and has run out since."""
    way.change(give_role=GLOBAL_ADMINISTRATOR, to=way.customer.account)
    page = way.checked()
    way.change(take_role=GLOBAL_ADMINISTRATOR, **{"from": way.customer.account})
    return way.at(way.checks_again(page))


def nobody_recorded(way: Way) -> Arrival:
    way.support("erase-person", email=way.customer.order["administrator_email"])
    return way.at(way.signed_in())


def link_revoked(way: Way) -> Arrival:
    link = way.link
    way.support("renew-link")
    return Arrival(link, way.stranger())


def sign_in_refused(way: Way) -> Arrival:
    """Microsoft sends the browser back with an error, which only says its class."""
    state = query_of(way.person.leaves(way.opened(), "/sign-in"))["state"]
    told = urlencode({"error": "access_denied", "error_description": "AADSTS53003: blocked", "state": state})
    return Arrival(f"{way.world.host}/sign-in/callback?{told}", way.browser)


def not_provisioned(way: Way) -> Arrival:
    """The tenant isn't ready, and still isn't when the consent has been asked for once more."""
    page = way.signed_in()
    way.world.condition(f"tenants/{way.customer.tenant}", "not_provisioned", times=2)
    first = way.person.passes(way.person.leaves(page, "/consent"))
    once_more = str(way.browser.hold(first).headers["Location"])
    return Arrival(way.person.passes(once_more), way.browser)


def limit_reached(way: Way) -> Arrival:
    page = way.opened()
    for _ in range(MOST_SIGN_INS):
        way.person.leaves(page, "/sign-in")
    return way.at(page, sends("form.leading"))


_associated: dict[tuple[str, str], Way] = {}


def associated(way: Way) -> Way:
    """A finished way of the same world and language; one for all who only look at it."""
    kept = (way.world.host, way.language)
    if kept not in _associated:
        way.finished()
        _associated[kept] = way
    return _associated[kept]


def of_associated(path: str, press: Press | None = None, *, scripted: bool = True) -> Reach:
    """How to come to a page below an association's own, once it is associated."""

    def reach(way: Way) -> Arrival:
        done = associated(way)
        address = f"{way.world.host}/a/{done.order['reference']}{path}"
        return Arrival(address, done.browser, press, scripted)

    return reach


# The name of a page or of one of its states: the demonstration customer, and what happens before.
PLACES: dict[str, tuple[str, Reach]] = {
    "progress": ("menuiserie-lambert", lambda way: way.at(way.opened())),
    "progress-left-for-microsoft": ("menuiserie-lambert", left_for_microsoft),
    "progress-signed-out": (
        "menuiserie-lambert",
        lambda way: way.at(way.browser.submit(way.signed_in(), "/sign-out")),
    ),
    "progress-guest-domain-unknown": (
        "menuiserie-lambert",
        lambda way: way.at(way.opened(), sends("form:has([name=domain])", "domain", "nobody.example")),
    ),
    "not-administrator": ("boulangerie-morel", lambda way: way.at(way.signed_in())),
    "unexpected-tenant": ("imprimerie-roussel", lambda way: way.at(way.signed_in())),
    "unexpected-tenant-code": (
        "imprimerie-roussel",
        lambda way: way.at(way.browser.submit(way.signed_in(), "/code/new")),
    ),
    "unexpected-tenant-code-wrong": (
        "imprimerie-roussel",
        lambda way: way.at(
            way.browser.submit(way.signed_in(), "/code/new"), sends("form:has(#code)", "code", "000000")
        ),
    ),
    "unexpected-tenant-nobody": ("imprimerie-roussel", nobody_recorded),
    "consent": ("menuiserie-lambert", lambda way: way.at(way.signed_in())),
    "consent-refused": ("vignobles-chastel", lambda way: way.at(way.refused())),
    "consent-left-for-microsoft": ("menuiserie-lambert", consent_left),
    "consent-access-missing": ("cabinet-faure", access_missing),
    "consent-access-refused": ("cabinet-faure", access_lost_to_refusal),
    "verifying-refused": ("menuiserie-lambert", access_refused),
    "verifying": ("mont-blanc-outdoor", lambda way: way.at(way.checked(), scripted=False)),
    "prerequisites-ready": ("mont-blanc-outdoor", lambda way: way.at(way.spread())),
    "prerequisites-not-assigned": ("cabinet-faure", lambda way: way.at(way.checked())),
    "prerequisites-several": ("transports-girard", several_failed),
    "prerequisites-eligible": ("etudes-valmont", eligible),
    "prerequisites-suspended": ("pharmacie-delorme", lambda way: way.at(way.checked())),
    "prerequisites-incompatible": ("atelier-nogues", lambda way: way.at(way.checked())),
    "conflict": ("menuiserie-lambert", conflict),
    "applications": ("menuiserie-lambert", lambda way: way.at(way.checked())),
    "applications-refused": ("menuiserie-lambert", one_refused),
    "applications-awaited": ("mont-blanc-outdoor", awaited),
    "done": ("menuiserie-lambert", of_associated("")),
    "done-share-revoked": (
        "menuiserie-lambert",
        lambda way: way.at(way.finished(), sends("form:has([name=share][value=revoke])")),
    ),
    "handover": (
        "menuiserie-lambert",
        of_associated("", sends("form[action$='/portal']"), scripted=False),
    ),
    "guide": ("menuiserie-lambert", guide),
    "guide-of-the-administrator": ("menuiserie-lambert", of_associated("/guide")),
    "new-link": ("menuiserie-lambert", lambda way: way.browse("/new-link")),
    "new-link-refused": (
        "menuiserie-lambert",
        lambda way: way.browse("/new-link", sends("form:has(#asked)", "asked", "?")),
    ),
    "new-link-sent": (
        "menuiserie-lambert",
        lambda way: way.browse("/new-link", sends("form:has(#asked)", "asked", way.order["reference"])),
    ),
    "privacy": ("menuiserie-lambert", lambda way: way.browse("/privacy")),
    "error-page-unknown": ("menuiserie-lambert", lambda way: way.browse("/nowhere")),
    "error-link-revoked": ("menuiserie-lambert", link_revoked),
    "error-state-unknown": ("menuiserie-lambert", lambda way: way.browse("/sign-in/callback?state=x")),
    "error-form-forged": (
        "menuiserie-lambert",
        lambda way: way.at(way.opened(), sends("form.leading", "form_token", "forged")),
    ),
    "error-sign-in-refused": ("menuiserie-lambert", sign_in_refused),
    "error-not-provisioned": ("menuiserie-lambert", not_provisioned),
    "error-limit-reached": ("menuiserie-lambert", limit_reached),
}


def arrive(world: World, name: str, language: str) -> Arrival:
    """Go to the place called `name` with a new customer who reads `language`."""
    customer, reach = PLACES[name]
    return reach(Way(world, world.customer(customer, language=language), language))
