"""What support does for callers: links withdrawn and sent again, associations closed, people erased."""

import requests

from tests.walks.people import Person
from tests.walks.test_link import failure, sent
from tests.walks.test_orders import problem
from tests.walks.world import World, until


def acts(world: World, order: dict[str, str], verb: str, **body: object) -> requests.Response:
    path = f"/support/associations/{order['association_id']}/{verb}"
    return world.post(path, {"reason": "demandé par téléphone", **body})


def done(answer: requests.Response) -> dict[str, object]:
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_withdrawn_link_ends_what_it_opened(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    order = world.orders(customer)
    link = world.link(order)
    person = Person(world, customer.account)
    page = person.signs_in(person.opens(link))
    assert page.status == 200
    until(lambda: sent(world, order), "the mail noted as sent")
    withdrawn = done(acts(world, order, "revoke-link"))
    assert (withdrawn["cause"], withdrawn["missing"][:1]) == ("link_revoked", ["link"])  # type: ignore[index]
    failure(person.opens(link), 410, "link_revoked")
    failure(person.browser.open(page.url), 410, "link_revoked")
    assert (
        done(acts(world, order, "revoke-link"))["events"]
        == world.support(order_number=order["order_number"])["events"]
    )

    done(acts(world, order, "renew-link"))
    assert person.opens(world.link_after(order, link)).status == 200


def test_a_withdrawn_share_link_is_told_by_its_state(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    order = world.orders(customer)
    Person(world, customer.account).walks_to_the_end(world.link(order))
    until(lambda: sent(world, order), "the mails noted as sent")
    (mail,) = [mail for mail in world.mails(order["administrator_email"]) if "/addin?k=" in mail["text"]]
    (share,) = {link for link in mail["links"] if "/addin?k=" in link}
    assert Person(world, "").opens(share).status == 200
    before = world.support(order_number=order["order_number"])
    assert (before["share"]["state"], before["missing"]) == ("open", [])
    withdrawn = done(acts(world, order, "revoke-link", link="share"))
    assert withdrawn["share"]["state"] == "revoked"  # type: ignore[index]
    assert withdrawn["link"]["state"] == "open"  # type: ignore[index]
    failure(Person(world, "").opens(share), 410, "share_ended")


def test_the_same_link_is_mailed_once_more_after_a_while(world: World) -> None:
    order = world.orders(world.customer("menuiserie-lambert"))
    world.link(order)
    until(lambda: sent(world, order), "the mail noted as sent")
    resent = done(acts(world, order, "resend-link"))
    # within ten minutes of the mail before, one is enough
    assert [mail["key"] for mail in resent["mails"]] == ["invitation-1"]  # type: ignore[attr-defined]
    done(acts(world, order, "revoke-link"))
    problem(acts(world, order, "resend-link"), 410, "link_revoked")


def test_a_closed_association_says_so_and_a_new_link_reopens_it(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    order = world.orders(customer)
    link = world.link(order)
    person = Person(world, customer.account)
    page = person.opens(link)
    closed = done(acts(world, order, "close"))
    assert (closed["cause"], closed["who"], closed["since"]) == (
        "order_closed",
        "support",
        closed["closed_at"],
    )
    failure(person.opens(link), 410, "order_closed")
    assert person.browser.open(page.url).status == 410
    problem(acts(world, order, "resend-link"), 410, "order_closed")

    reopened = done(acts(world, order, "renew-link"))
    assert (reopened["closed_at"], reopened["cause"]) == (None, "not_started")
    assert Person(world, customer.account).opens(world.link_after(order, link)).status == 200


def test_an_erased_person_stands_nowhere_any_more(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    partner = {**customer.order["partner"], "email": f"partenaire@{customer.tenant}.example"}
    order = world.orders(customer, partner=partner)
    person = Person(world, customer.account)
    last = person.walks_to_the_end(world.link(order))
    assert customer.account in last.text
    until(lambda: sent(world, order), "the mails noted as sent")
    people = {one["email"] or one["username"]: one for one in world.support(email=partner["email"])["people"]}
    erased = done(acts(world, order, "erase-person", email=order["administrator_email"].upper()))
    assert people[order["administrator_email"]]["number"] in erased["people"]  # type: ignore[operator]
    left = person.browser.open(last.url)
    assert "/sign-in" in left.text
    assert world.support(order_number=order["order_number"])["tenant_id"] not in left.text
    erased = done(acts(world, order, "erase-person", person=people[partner["email"]]["number"]))
    assert erased == {"people": [people[partner["email"]]["number"]], "mails": []}

    rows = str([world.rows("associations", order["association_id"]), world.rows("lookups")])
    for address in (order["administrator_email"], partner["email"]):
        assert address.lower() not in rows.lower()
        found = world.post("/support/associations/search", {"email": address})
        assert found.json() == {"associations": [], "next": None}
    after = world.support(order_number=order["order_number"])
    assert after["administrator_email"] == after["partner"]["email"] == ""
    assert after["bound_at"]
    told = [event for event in after["events"] if event["what"] == "person_erased"]
    assert [(event["by"], event["new"]) for event in told] == [("support", "demandé par téléphone")] * 2
    again = done(acts(world, order, "erase-person", email=partner["email"]))
    assert again == {"people": [], "mails": []}
    problem(acts(world, order, "renew-link"), 400, "request_invalid")


def test_a_reason_holds_no_address_for_the_history_keeps_it(world: World) -> None:
    order = world.orders(world.customer("menuiserie-lambert"))
    answer = acts(world, order, "close", reason="demandé par marie@dupont.example")
    body = problem(answer, 400, "request_invalid")
    assert [(error["field"], error["code"]) for error in body["errors"]] == [("reason", "address_in_text")]
    assert world.support(order_number=order["order_number"])["closed_at"] is None


def test_every_field_of_an_action_is_one_that_it_knows(world: World) -> None:
    order = world.orders(world.customer("menuiserie-lambert"))
    for verb in ("renew-link", "revoke-link", "resend-link", "close", "release-tenant", "erase-person"):
        body = problem(acts(world, order, verb, colour="green"), 400, "request_invalid")
        assert ("colour", "unknown_field") in {(error["field"], error["code"]) for error in body["errors"]}
    for person in ({}, {"person": 1, "email": "a@b.example"}):
        body = problem(acts(world, order, "erase-person", **person), 400, "request_invalid")
        assert {error["code"] for error in body["errors"]} == {"exactly_one"}
    for number in (0, -1, 2**31, "1", True, 1.5, None):
        body = problem(acts(world, order, "erase-person", person=number), 400, "request_invalid")
        assert [error["code"] for error in body["errors"]] == ["not_a_person"]
