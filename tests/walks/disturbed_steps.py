"""Where a fault can strike on the journey: each step, who stands before it, and how it is taken."""

import hashlib
import re
import time
from collections.abc import Callable
from typing import Any

from sandbox.faults.listed import Part
from tests.walks.browser import Page
from tests.walks.disturbed import Stand, Step
from tests.walks.people import Person
from tests.walks.world import World, query_of


def ordered(world: World, name: str = "menuiserie-lambert") -> Stand:
    """A customer who has opened the link."""
    customer = world.customer(name, language="fr")
    order = world.orders(customer)
    stand = Stand(world, customer, order, Person(world, customer.account))
    stand.page = stand.person.opens(world.link(order))
    return stand


def signed_in(world: World) -> Stand:
    stand = ordered(world)
    stand.page = stand.person.signs_in(stand.shown())
    return stand


def consented(world: World) -> Stand:
    """Back from the consent, and not on to the confirming leg."""
    stand = signed_in(world)
    answer = stand.one(stand.away("/consent"))
    assert answer.status == 303, answer.text
    return stand


def at_applications(world: World) -> Stand:
    stand = signed_in(world)
    stand.page = stand.person.consents(stand.shown())
    assert stand.page.document.forms, stand.page.words
    return stand


def bound(world: World) -> Stand:
    stand = at_applications(world)
    stand.page = stand.person.authorises(stand.shown(), "contact")
    assert stand.rows()["facts"].get("bound_at"), stand.page.words
    return stand


def stopped(world: World) -> Stand:
    """Signed in at another organisation than the order's: a code is on its way to the recorded address."""
    stand = ordered(world, "imprimerie-roussel")
    stand.page = stand.person.signs_in(stand.shown())
    assert stand.page.is_headed("unexpected_tenant.title"), stand.page.words
    return stand


def shared(world: World) -> Stand:
    """Done, and the share link opened."""
    stand = bound(world)
    assert leads_on(stand.one(share_link(stand)))
    return stand


def leads_on(page: Page) -> bool:
    return page.status == 303


def is_shown(page: Page) -> bool:
    return page.status == 200


def opens(stand: Stand, url: str) -> Page:
    return stand.one(url)


def reads(path: str) -> Callable[[Stand, Any], Page]:
    """What opens the address below the association's own."""
    return lambda stand, _: stand.one(f"{stand.address}{path}")


def form_of(action: str) -> Callable[[Stand], dict[str, str]]:
    """What leads up to pressing the button of the association's page for `action`."""
    return lambda stand: stand.shown().form(action)


def presses(stand: Stand, form: dict[str, str]) -> Page:
    return stand.press(form)


def last_leg(stand: Stand) -> str:
    """The callback that writes the binding: after the last consent, or once more after it has failed."""
    actions = [form.get("action") or "" for form in stand.shown().document.forms]
    if not any(action.endswith("/applications/contact") for action in actions):
        return stand.away("/check")
    onward = stand.one(stand.away("/applications/contact"))
    return stand.person.passes(onward.text)


def mailed_link(stand: Stand) -> str:
    return stand.world.link(stand.order)


def share_link(stand: Stand) -> str:
    (link,) = stand.shown().document.xpath("//section[@id='share']//code/text()")
    return str(link)


def row_of(link: Callable[[Stand], str]) -> Callable[[Stand], str]:
    """The key of the row of a link, by which it is looked for before anything else is known."""
    return lambda stand: hashlib.sha256(query_of(link(stand))["k"].encode()).hexdigest()


def mailed_code(stand: Stand) -> dict[str, str]:
    """The form of the code as it was mailed."""
    mail = stand.world.mail(stand.order["administrator_email"], "code")
    found = re.search(r"^\s*(\d{6})\s*$", mail["text"], re.MULTILINE)
    assert found, mail["text"]
    return {**stand.shown().form("/code"), "code": found.group(1)}


def guests_domain(stand: Stand) -> dict[str, str]:
    """The form in which a guest names the organisation."""
    page = stand.shown()
    (form,) = page.document.xpath("//form[.//input[@name='domain']]")
    fields = {name: value or "" for name, value in form.fields.items()}
    domain = stand.customer.account.rpartition("@")[2]
    return {"": f"{stand.world.host}{form.get('action')}", **fields, "domain": domain}


def asked_link(stand: Stand) -> dict[str, str]:
    page = stand.person.browser.open(f"{stand.world.host}/new-link")
    return {**page.form("/new-link"), "asked": stand.order["order_number"]}


def asks_support(stand: Stand, _: str) -> Page:
    return asks(stand, "/support/associations/search", {"reference": stand.order["reference"]})


def orders_again(stand: Stand, _: str) -> Page:
    return asks(stand, "/orders", stand.customer.order)


def asks(stand: Stand, path: str, body: dict[str, Any]) -> Page:
    """What a system is answered."""
    began = time.monotonic()
    answer = stand.world.post(path, body)
    stand.took.append(time.monotonic() - began)
    return Page(path, answer.status_code, answer.text, dict(answer.headers), answer.content)


ENTRA, GRAPH, STORAGE, QUEUE = Part.ENTRA, Part.GRAPH, Part.STORAGE, Part.QUEUE
STEPS = (
    Step("link", ordered, opens, leads_on, (STORAGE,), mailed_link, rows=row_of(mailed_link)),
    Step("progress page", ordered, reads(""), is_shown, (STORAGE,)),
    Step("sign-in", ordered, presses, leads_on, (STORAGE,), form_of("/sign-in")),
    Step(
        "sign-in callback",
        ordered,
        opens,
        leads_on,
        (ENTRA, STORAGE),
        lambda stand: stand.away("/sign-in"),
        event="signed_in",
    ),
    Step("guest's sign-in", ordered, presses, leads_on, (ENTRA, STORAGE), guests_domain),
    Step("code", stopped, presses, leads_on, (STORAGE,), mailed_code),
    Step("new code", stopped, presses, leads_on, (STORAGE, QUEUE), form_of("/code/new")),
    Step("consent", signed_in, presses, leads_on, (STORAGE,), form_of("/consent")),
    Step(
        "consent callback",
        signed_in,
        opens,
        leads_on,
        (ENTRA, GRAPH, STORAGE),
        lambda stand: stand.away("/consent"),
        once=(ENTRA, GRAPH),
        event="consent_returned",
    ),
    Step("check", consented, presses, leads_on, (ENTRA, GRAPH, STORAGE), form_of("/check")),
    Step(
        "confirm callback",
        consented,
        opens,
        leads_on,
        (ENTRA, GRAPH, STORAGE),
        lambda stand: stand.away("/check"),
        event="checked",
    ),
    Step("application", at_applications, presses, leads_on, (STORAGE,), form_of("/applications/contact")),
    Step(
        "application callback",
        at_applications,
        opens,
        leads_on,
        (ENTRA, GRAPH, STORAGE),
        lambda stand: stand.away("/applications/contact"),
        once=(ENTRA, GRAPH),
        event="application_returned",
    ),
    Step(
        "binding callback",
        at_applications,
        opens,
        leads_on,
        (ENTRA, GRAPH, STORAGE, QUEUE),
        last_leg,
        once=(QUEUE,),
        event="bound",
    ),
    Step("add-in file", bound, reads("/sage-contact.xml"), is_shown, (STORAGE,)),
    Step("portal", bound, presses, is_shown, (STORAGE,), form_of("/portal")),
    Step("applications page", bound, reads("/applications"), is_shown, (STORAGE,)),
    Step("share renewal", bound, presses, leads_on, (STORAGE,), form_of("/renew")),
    Step("share link", bound, opens, leads_on, (STORAGE,), share_link, rows=row_of(share_link)),
    Step(
        "guide",
        shared,
        lambda stand, _: stand.one(f"{stand.world.host}/addin/guide?of={stand.order['reference']}"),
        is_shown,
        (STORAGE,),
    ),
    Step("sign-out", signed_in, presses, leads_on, (STORAGE,), form_of("/sign-out")),
    Step("new link", ordered, presses, leads_on, (STORAGE, QUEUE), asked_link),
    Step("order", ordered, orders_again, lambda page: page.status in {200, 201}, (STORAGE, QUEUE)),
    Step("support's search", ordered, asks_support, is_shown, (STORAGE,)),
)
