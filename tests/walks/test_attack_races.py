"""Races: the same thing wanted twice at the same moment happens once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, TypeVar
from urllib.parse import urljoin

from tests.walks.browser import Page
from tests.walks.people import Person
from tests.walks.test_attack_consent import sent_code
from tests.walks.world import World

T = TypeVar("T")


def at_once(*acts: Callable[[], T]) -> list[T]:
    """Do all of it at the same moment."""
    barrier = Barrier(len(acts))

    def act(one: Callable[[], T]) -> T:
        barrier.wait(10)
        return one()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(act, acts))


def at_the_last_door(world: World, person: Person, link: str) -> str:
    """Signed in and consented: the address of the confirming callback, which binds when it is opened."""
    page = person.signs_in(person.opens(link))
    if page.is_headed("prerequisites.ready"):
        return person.passes(person.leaves(page, "/check"))
    consented = person.passes(person.leaves(page, "/consent"))
    onward = person.browser.hold(consented).headers["Location"]
    return person.passes(urljoin(world.host, onward))


def told(world: World, order: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    found = world.support(order_number=order["order_number"])
    return found, [event["what"] for event in found["events"]]


def test_a_confirming_callback_opened_many_times_at_once_binds_once(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    order = world.orders(customer)
    person = Person(world, customer.account)
    callback = at_the_last_door(world, person, world.link(order))
    copies = [person.browser.copy() for _ in range(6)]

    answers = at_once(*(lambda copy=copy: copy.hold(callback) for copy in copies))

    assert {answer.status_code for answer in answers} == {303}
    assert person.browser.open(callback).is_headed("done.title")
    found, events = told(world, order)
    assert (found["generation"], events.count("bound"), events.count("checked")) == (1, 1, 1)
    world.mail(order["administrator_email"], "associé")
    assert len(world.mails(order["administrator_email"], "associé")) == 1


def test_two_confirming_legs_at_once_bind_once(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    order = world.orders(customer)
    one, other = Person(world, customer.account), Person(world, customer.account)
    link = world.link(order)
    doors = [(person, at_the_last_door(world, person, link)) for person in (one, other)]

    at_once(*(lambda person=person, door=door: person.browser.hold(door) for person, door in doors))

    found, events = told(world, order)
    assert (found["generation"], events.count("bound"), found["cause"]) == (1, 1, "")
    world.mail(order["administrator_email"], "associé")
    assert len(world.mails(order["administrator_email"], "associé")) == 1


def test_of_two_customers_who_bind_one_tenant_at_once_one_wins_and_the_other_sees_the_conflict(
    world: World,
) -> None:
    customer = world.customer("menuiserie-lambert")
    number = customer.order["order_number"]
    orders = [
        world.orders(customer, order_number=f"{mark}-{number}", customer_number=f"C-{mark}-{number}")
        for mark in ("A", "B")
    ]
    people = [Person(world, customer.account) for _ in orders]
    doors = [
        at_the_last_door(world, person, world.link(order))
        for person, order in zip(people, orders, strict=True)
    ]

    pages: list[Page] = at_once(
        *(
            lambda person=person, door=door: person.browser.open(door)
            for person, door in zip(people, doors, strict=True)
        )
    )

    found = [told(world, order)[0] for order in orders]
    assert sorted(one["generation"] for one in found) == [0, 1]
    loser = next(number for number, one in enumerate(found) if one["generation"] == 0)
    assert (found[loser]["cause"], found[loser]["who"]) == ("tenant_bound_elsewhere", "support")
    assert pages[loser].is_headed("conflict.title")
    assert pages[1 - loser].is_headed("done.title")
    # what the winner has is not the loser's to see
    assert orders[1 - loser]["reference"] not in pages[loser].text
    assert people[loser].browser.open(f"{pages[loser].url}/sage-contact.xml").status == 409
    owner = world.support(tenant_id=world.tenant(customer.tenant)["tenant_id"])
    assert owner["association_id"] == found[1 - loser]["association_id"]


def test_guesses_at_the_code_all_at_once_count_each(world: World) -> None:
    customer = world.customer("imprimerie-roussel")
    order = world.orders(customer)
    person = Person(world, customer.account)
    page = person.signs_in(person.opens(world.link(order)))
    code = sent_code(world, order)
    fields = {"form_token": page.form("/sign-in")["form_token"]}
    wrong = [f"{(int(code) + number) % 1_000_000:06d}" for number in range(1, 13)]
    copies = [person.browser.copy() for _ in wrong]

    at_once(
        *(
            lambda copy=copy, guess=guess: copy.hold(
                f"{page.url}/code", "POST", {**fields, "code": guess}, Origin=world.host
            )
            for copy, guess in zip(copies, wrong, strict=True)
        )
    )

    assert told(world, order)[1].count("code_tried") == 5
    late = person.browser.post(f"{page.url}/code", {**fields, "code": code}, Origin=world.host)
    assert late.status == 403
    assert told(world, order)[0]["accepted_by"] == ""


def test_two_orders_of_one_customer_at_once_meet_in_one_association_and_one_mail(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    second = {**customer.order, "order_number": f"{customer.order['order_number']}-2"}

    answers = at_once(
        *(lambda body=body: world.post("/orders", body) for body in (customer.order, second, customer.order))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["association_id"] for answer in answers}) == 1
    world.link({**customer.order, **answers[0].json()})
    assert len(world.mails(customer.order["administrator_email"])) == 1
