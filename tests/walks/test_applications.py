"""Step 4: further applications, each consented to by itself and proven app-only."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from sandbox.running import running_parts
from tests.walks.browser import Page
from tests.walks.people import Person
from tests.walks.world import Customer, World, running_product, running_world, until

LISTED = json.loads(Path("sandbox/applications.json").read_text(encoding="utf-8"))
CONTACT, AUTOMATE = (application["client_id"] for application in LISTED)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world whose settings list the demonstration's two further applications."""
    folder = tmp_path_factory.mktemp("applications")
    with running_world(folder, FURTHER_APPLICATIONS=json.dumps(LISTED)) as started:
        yield started


def arrived(world: World, name: str = "menuiserie-lambert") -> tuple[Customer, Person, Page]:
    """A customer whose prerequisites are met: the page of the applications."""
    customer = world.customer(name)
    person = Person(world, customer.account)
    return customer, person, person.walks_to_the_end(world.invites(customer))


def stands(world: World, customer: Customer) -> tuple[str, str, str]:
    found = world.support(order_number=customer.order["order_number"])
    return found["step"], found["cause"], found["who"]


def consent_at_microsoft(world: World, customer: Customer, person: Person, client_id: str) -> None:
    """Consent to an application without us: what comes back is not opened."""
    tenant_id = world.tenant(customer.tenant)["tenant_id"]
    query = {
        "client_id": client_id,
        "scope": "https://graph.microsoft.com/.default",
        "redirect_uri": f"{world.host}/consent/callback",
        "state": "x",
    }
    person.passes(f"{world.parts['microsoft']}/{tenant_id}/v2.0/adminconsent?{urlencode(query)}")


def states(page: Page) -> list[str]:
    """The standing of each application on the page, in the page's words."""
    return [
        element.text_content() for element in page.document.xpath("//ul[@class='checks']//*[@class='result']")
    ]


def test_each_application_is_asked_for_by_itself_and_the_last_one_finishes(world: World) -> None:
    customer, person, page = arrived(world)
    assert page.is_headed("applications.some")
    assert "Sage Contact" in page.words
    assert LISTED[0]["why"]["fr"] in page.words
    assert page.says("permission.User.ReadBasic.All")
    assert stands(world, customer) == ("applications", "applications_to_consent", "administrator")
    assert world.support(order_number=customer.order["order_number"])["bound_at"] is None

    page = person.authorises(page, "contact")
    assert page.is_headed("applications.one")
    assert states(page) == ["autorisée", "à autoriser"]
    assert [consent["client_id"] for consent in world.tenant(customer.tenant)["consents"]].count(
        AUTOMATE
    ) == 0

    page = person.authorises(page, "automate")
    assert page.is_headed("done.title")
    assert stands(world, customer) == ("done", "", "nobody")


def test_what_one_refuses_leaves_the_others(world: World) -> None:
    customer, person, page = arrived(world)
    page = person.authorises(page, "contact", "cancel")
    assert states(page) == ["refusée", "à autoriser"]
    assert stands(world, customer) == ("applications", "applications_refused", "administrator")
    page = person.authorises(page, "automate")
    assert page.is_headed("applications.one")
    assert page.says("applications.refused.found")
    assert page.says("applications.refused.who")
    assert states(page) == ["refusée", "autorisée"]
    assert person.authorises(page, "contact").is_headed("done.title")


def test_what_support_waives_is_required_no_longer(world: World) -> None:
    customer, person, page = arrived(world)
    page = person.authorises(page, "contact")
    page = person.authorises(page, "automate", "cancel")
    assert page.says("applications.why_all")
    assert stands(world, customer)[1] == "applications_refused"
    identifier = world.support(order_number=customer.order["order_number"])["association_id"]
    waive, reason = f"/support/associations/{identifier}/waive-application", "agendas non liés"

    refused = world.post(waive, {"application": "automate"}).json()["errors"][0]
    assert (refused["field"], refused["code"]) == ("reason", "missing")
    other = world.post(waive, {"application": "nobody", "reason": reason}).json()["errors"][0]
    assert (other["field"], other["code"]) == ("application", "application_unknown")
    answer, again = (world.post(waive, {"application": "automate", "reason": reason}) for _ in range(2))
    assert answer.status_code == 200, answer.text
    assert answer.json() == again.json()
    assert answer.json()["missing"] == ["binding"]
    assert answer.json()["applications"][1]["standing"] == "waived"
    (waived,) = [event for event in answer.json()["events"] if event["what"] == "application_waived"]
    assert (waived["by"], waived["old"]) == ("support", reason)

    shown = person.browser.open(page.url)
    assert shown.is_headed("applications.settled")
    assert states(shown) == ["autorisée", "non requise"]
    assert shown.says("applications.waived.at")
    # the page that was open all the while ends it, too
    done = person.checks_again(page)
    assert done.is_headed("done.title")
    assert f"{LISTED[0]['name']} est autorisée" in granted(done)
    assert LISTED[1]["name"]["fr"] not in granted(done)
    assert not done.says("done.missing")
    # and the customer may think again
    page = person.browser.open(f"{done.url}/applications")
    assert states(person.authorises(page, "automate")) == ["autorisée", "autorisée"]
    assert LISTED[1]["name"]["fr"] in granted(person.browser.open(done.url))


def granted(page: Page) -> str:
    """What the last page lists as working."""
    return " ".join(element.text_content() for element in page.document.xpath("//ul[@class='ticks']"))


def test_only_what_is_missing_is_asked_for(world: World) -> None:
    customer, person, page = arrived(world)
    page = person.authorises(page, "contact")
    again = person.browser.open(page.url)
    form = {"form_token": again.form("/applications/automate")["form_token"]}
    answer = person.browser.hold(f"{page.url}/contact", "POST", form, Origin=world.host)
    assert (answer.status_code, answer.headers["Location"]) == (303, page.url.removeprefix(world.host))
    # consented to at Microsoft's behind our back: seen at the next check, and not asked for again
    consent_at_microsoft(world, customer, person, AUTOMATE)
    assert person.checks_again(again).is_headed("done.title")


def test_an_application_listed_later_is_newly_missing_for_those_associated_before(tmp_path: Path) -> None:
    with running_parts(tmp_path) as parts:
        with running_product(parts, FURTHER_APPLICATIONS=json.dumps(LISTED[:1])) as world:
            customer, person, page = arrived(world)
            page = person.authorises(page, "contact")
            assert page.is_headed("done.title")
        with running_product(parts, FURTHER_APPLICATIONS=json.dumps(LISTED)) as world:
            done = person.browser.open(page.url)
            assert done.is_headed("done.title")
            assert done.says("done.missing")
            assert LISTED[1]["name"]["fr"] in done.words
            assert stands(world, customer)[0] == "done"
            page = person.browser.open(f"{done.url}/applications")
            assert page.is_headed("applications.one")
            page = person.authorises(page, "automate")
            assert page.is_headed("applications.granted")
            done = person.browser.open(done.url)
            assert done.is_headed("done.title")
            assert not done.says("done.missing")


def test_a_consent_withdrawn_before_the_end_is_asked_for_again(world: World) -> None:
    customer, person, page = arrived(world)
    page = person.authorises(page, "contact")
    world.change_tenant(customer.tenant, withdraw_consent=CONTACT)
    page = person.authorises(page, "automate")
    # a moment after the consent this may as well be Microsoft still spreading it
    assert page.is_headed("applications.awaited")
    assert states(page) == ["en attente de Microsoft", "autorisée"]
    assert stands(world, customer)[:2] == ("applications", "applications_awaited")
    consent_at_microsoft(world, customer, person, CONTACT)
    assert person.checks_again(person.browser.open(page.url)).is_headed("done.title")


def test_while_microsoft_spreads_the_consent_the_page_waits_and_the_background_sees_it(world: World) -> None:
    customer = world.customer("mont-blanc-outdoor", language="fr")
    person = Person(world, customer.account)
    page = person.walks_to_the_end(world.invites(customer))
    world.advance_microsoft(20)
    page = until(lambda: _past_verifying(person, page), "access seen")
    page = person.checks_again(page)
    assert page.is_headed("applications.some")
    page = person.authorises(page, "contact")
    assert states(page) == ["en attente de Microsoft", "à autoriser"]
    page = person.authorises(page, "automate")
    assert page.is_headed("applications.awaited")
    assert stands(world, customer) == ("applications", "applications_awaited", "microsoft")
    world.advance_microsoft(20)
    until(lambda: stands(world, customer)[1] == "ready_to_bind", "the background saw both")
    page = person.browser.open(page.url)
    assert page.is_headed("applications.granted")
    assert person.checks_again(page).is_headed("done.title")


def _past_verifying(person: Person, page: Page) -> Page | None:
    seen = person.browser.open(page.url)
    return seen if seen.is_headed("prerequisites.ready") else None


def test_an_application_is_not_asked_for_before_the_prerequisites_are_met(world: World) -> None:
    customer = world.customer("cabinet-faure")
    person = Person(world, customer.account)
    page = person.walks_to_the_end(world.invites(customer))
    form = {"form_token": page.form("/check")["form_token"]}
    for key, status in (("contact", 409), ("nobody", 404)):
        answer = person.browser.hold(f"{page.url}/applications/{key}", "POST", form, Origin=world.host)
        assert answer.status_code == status
    assert person.browser.open(f"{page.url}/applications").is_headed("prerequisites.one_open")


def test_a_forged_redirect_grants_nothing(world: World) -> None:
    customer, person, page = arrived(world)
    leaving = person.leaves(page, "/applications/contact")
    state = leaving.partition("state=")[2]
    tenant = world.tenant(customer.tenant)["tenant_id"]
    forged = f"{world.host}/consent/callback?admin_consent=True&tenant={tenant}&state={state}"
    page = person.browser.open(forged)
    assert states(page)[0] == "en attente de Microsoft"
    assert stands(world, customer)[1] != "done"
    found = world.support(order_number=customer.order["order_number"])
    assert found["bound_at"] is None
