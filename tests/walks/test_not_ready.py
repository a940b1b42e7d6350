"""Microsoft isn't ready, or keeps the person: asked once more by itself, then said; and seen by support."""

from tests.walks.test_stops import cause, invited, is_done
from tests.walks.world import World


def test_a_tenant_that_is_not_ready_is_asked_once_more_by_itself(world: World) -> None:
    """650051 once: Microsoft's question comes again at once, and the second answer goes through."""
    customer, person, link = invited(world, "menuiserie-lambert")
    world.condition(f"tenants/{customer.tenant}", "not_provisioned", times=1)
    page = person.signs_in(person.opens(link))
    again = person.consents(page)
    assert again.document.body.get("data-page"), again.words
    assert is_done(person.answers(again))
    found = world.support(order_number=customer.order["order_number"])
    retried = [event for event in found["events"] if event["old"] == "provisioning"]
    assert [event["what"] for event in retried] == ["left_for_microsoft"]


def test_the_second_time_the_page_says_to_wait_and_offers_to_go_on(world: World) -> None:
    customer, person, link = invited(world, "menuiserie-lambert")
    world.condition(f"tenants/{customer.tenant}", "not_provisioned", times=2)
    page = person.answers(person.consents(person.signs_in(person.opens(link))))
    assert page.status == 503
    assert page.is_headed("error.microsoft_unavailable.title")
    assert page.says("answer.provisioning.cause")
    assert page.says("answer.provisioning.who")
    assert int(page.headers["retry-after"]) > 0
    (button,) = page.document.xpath("//a[@class='primary']/@href")
    assert is_done(person.consents(person.opens(f"{world.host}{button}")))


def test_whoever_microsoft_keeps_is_seen_as_gone_at_each_leg(world: World) -> None:
    customer, person, link = invited(world, "menuiserie-lambert")
    page = person.opens(link)
    person.leaves(page, "/sign-in")
    page = person.opens(link)
    assert page.says("progress.left")
    assert page.says("progress.left.assigned")
    assert cause(world, customer)[:2] == ("identification", "left_for_microsoft")
    page = person.signs_in(page)
    person.leaves(page, "/consent")
    page = person.opens(page.url)
    assert page.is_headed("consent.title")
    assert page.says("progress.left")
    assert page.says("progress.left.approval")
    assert cause(world, customer)[:2] == ("authorisation", "left_for_microsoft")
    found = world.support(order_number=customer.order["order_number"])["sign_in"]
    assert (found["left_leg"], bool(found["left_at"])) == ("consent", True)
    page = person.consents(page, "cancel")
    assert page.is_headed("consent.refused")
    assert page.says("answer.cancelled.remedy")
    person.leaves(page, "/consent")
    assert person.opens(page.url).says("progress.left")
    assert cause(world, customer)[1] == "left_for_microsoft"
    view = world.support(order_number=customer.order["order_number"])["consent"]
    assert view["refusal"] == "cancelled"
    assert view["refusal_in_words"]
