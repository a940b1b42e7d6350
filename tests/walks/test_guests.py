"""A guest who administers the customer's organisation: Microsoft signs them in at its own address only."""

import uuid
from typing import Any

from tests.walks.browser import Page
from tests.walks.people import Person
from tests.walks.world import Customer, World

LICENCES = {"licences": ["SPB"]}


def consultant(world: World, customer: Customer, **changes: Any) -> Person:
    """Somebody of another organisation, whom the customer's has invited and made Global Administrator."""
    domain = customer.account.partition("@")[2]
    home = f"conseil-{uuid.uuid4().hex[:8]}.example"
    account = f"camille@{home}"
    world.found_tenant(
        display_name="Conseil", domains=[home], users=[{"upn": account, "name": "Camille Conseil"}]
    )
    world.found_tenant(
        name=customer.tenant,
        tenant_id=world.tenant(customer.tenant)["tenant_id"],
        display_name="Menuiserie Lambert SARL",
        domains=[domain],
        subscriptions=[{"product": "SPB", "units": 5}],
        users=[
            {
                "upn": f"camille_conseil#EXT#@{domain}",
                "name": "Camille Conseil",
                "user_type": "Guest",
                "home_account": account,
                "roles": ["Global Administrator"],
                **LICENCES,
                **changes,
            }
        ],
    )
    return Person(world, account)


def signs_in_as_guest(person: Person, page: Page, domain: str) -> Page:
    form = page.document.xpath("//form[.//input[@name='domain']]")[0]
    fields = {name: value or "" for name, value in form.fields.items()}
    chosen = person.browser.post(
        f"{person.world.host}{form.get('action')}", {**fields, "domain": domain}, Origin=person.world.host
    )
    if chosen.document.body.get("data-page") != "accounts":
        return chosen
    return person.browser.submit(chosen, "/authorize", account=person.account)


def test_a_guest_who_names_the_organisation_walks_to_the_end(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    person = consultant(world, customer)
    page = person.opens(world.invites(customer))
    page = signs_in_as_guest(person, page, customer.account.partition("@")[2].upper())
    assert page.is_headed("consent.title")
    assert person.consents(page).is_headed("done.title")
    found = world.support(order_number=customer.order["order_number"])
    assert (found["tenant_id"], found["accepted_by"]) == (
        world.tenant(customer.tenant)["tenant_id"],
        "domain",
    )


def test_whoever_signed_in_at_home_first_is_offered_the_guests_way(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    person = consultant(world, customer)
    page = person.signs_in(person.opens(world.invites(customer)))
    assert page.is_headed("unexpected_tenant.title")
    assert page.says("guest.title")
    page = signs_in_as_guest(person, page, customer.account.partition("@")[2])
    assert page.is_headed("consent.title")


def test_a_domain_that_is_nobodys_is_named_and_kept_on_the_page(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    person = consultant(world, customer)
    page = person.opens(world.invites(customer))
    for typed in ("nobody.example", "not a domain", '"><b>', "x" * 300):
        answer = signs_in_as_guest(person, page, typed)
        assert answer.status == 400
        assert answer.is_headed("progress.title")
        assert answer.says("guest.domain.unknown")
        (kept,) = answer.document.xpath("//input[@name='domain']/@value")
        assert kept == typed
    assert world.support(order_number=customer.order["order_number"])["cause"] == "not_started"


def test_a_guest_of_another_organisation_than_the_orders_goes_no_further(world: World) -> None:
    customer, other = world.customer("menuiserie-lambert"), world.customer("menuiserie-lambert")
    person = consultant(world, other)
    page = person.opens(world.invites(customer))
    page = signs_in_as_guest(person, page, other.account.partition("@")[2])
    assert page.status == 403
    assert page.is_headed("error.guest_unexpected.title")
    assert world.mails(customer.order["administrator_email"], "code") == []


def test_somebody_unknown_to_the_organisation_stays_with_microsoft(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    stranger = consultant(world, world.customer("menuiserie-lambert"))
    page = stranger.opens(world.invites(customer))
    page = signs_in_as_guest(stranger, page, customer.account.partition("@")[2])
    assert page.document.body.get("data-page") == "failure"
    assert page.document.body.get("data-code") == "AADSTS50020"
