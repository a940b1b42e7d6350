"""Support releases an unexpected tenant on the telephone."""

from tests.walks.people import Person
from tests.walks.world import World


def test_support_releases_the_signed_in_tenant_with_a_reason_and_the_person_goes_on(world: World) -> None:
    customer = world.customer("imprimerie-roussel")
    order = world.orders(customer)
    person = Person(world, customer.account)
    page = person.signs_in(person.opens(world.link(order)))
    tenant_id = world.tenant(customer.tenant)["tenant_id"]
    release = f"/support/associations/{order['association_id']}/release-tenant"

    assert world.post(release, {"tenant_id": tenant_id}).json()["errors"][0]["field"] == "reason"
    other = world.post(release, {"tenant_id": order["association_id"], "reason": "rappel"})
    assert other.json()["errors"][0]["code"] == "not_signed_in"
    answer = world.post(release, {"tenant_id": tenant_id, "reason": "rappel au siège"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["accepted_by"] == "support"

    page = person.consents(person.browser.open(page.url))
    assert "/sage-contact.xml" in page.text
    newest = world.support(association_id=order["association_id"])["events"]
    accepted = next(event for event in newest if event["what"] == "tenant_accepted")
    assert (accepted["by"], accepted["old"]) == ("support", "rappel au siège")
