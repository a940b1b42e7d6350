"""Attacks on the trips to Microsoft: `state` replayed, stolen, tampered with, used late or elsewhere."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from azure.data.tables import TableClient

from tests.walks.browser import Browser, Page
from tests.walks.people import Person
from tests.walks.world import World, query_of


def prepared(world: World) -> tuple[dict[str, Any], Person, Page]:
    """An order, and somebody in front of its progress page."""
    customer = world.customer("menuiserie-lambert")
    order = world.orders(customer)
    person = Person(world, customer.account)
    return order, person, person.opens(world.link(order))


def events(world: World, order: dict[str, Any]) -> list[str]:
    """The history but for what became of mails, whose notes come when the server is asked."""
    found = world.support(order_number=order["order_number"])
    return [event["what"] for event in found["events"] if event["what"] not in ("mail_sent", "mail_failed")]


def is_signed_in(browser: Browser) -> bool:
    return any(name.startswith("session-") for name in browser.cookie_names())


def session_value(browser: Browser) -> str:
    (value,) = [value for (name, _), value in browser.cookies.kept.items() if name.startswith("session-")]
    return value


def test_a_sign_in_callback_that_comes_twice_shows_its_outcome_and_does_nothing_twice(world: World) -> None:
    order, person, page = prepared(world)
    callback = person.passes(person.leaves(page, "/sign-in"))
    first = person.browser.open(callback)
    told = events(world, order)

    second = person.browser.open(callback)

    assert first.is_headed("consent.title")
    assert (second.url, second.heading) == (first.url, first.heading)
    assert events(world, order) == told
    assert told.count("signed_in") == 1


def test_a_consent_callback_that_comes_twice_shows_its_outcome_and_does_nothing_twice(world: World) -> None:
    order, person, page = prepared(world)
    page = person.signs_in(page)
    callback = person.passes(person.leaves(page, "/consent"))
    first = person.browser.open(callback)
    told = events(world, order)

    second = person.browser.open(callback)

    assert first.is_headed("done.title")
    assert second.is_headed("done.title")
    assert events(world, order) == told
    assert told.count("bound") == 1


def test_a_state_that_was_used_is_refused_to_another_browser(world: World) -> None:
    order, person, page = prepared(world)
    callback = person.passes(person.leaves(page, "/sign-in"))
    person.browser.open(callback)
    thief = Browser()

    stolen = thief.open(callback)

    assert (stolen.status, stolen.is_headed("error.browser_unknown.title")) == (400, True)
    assert not is_signed_in(thief)
    assert order["company_name"] not in stolen.text


def test_a_state_stolen_with_its_code_opens_nothing_and_stays_its_owners(world: World) -> None:
    order, person, page = prepared(world)
    callback = person.passes(person.leaves(page, "/sign-in"))
    thief = Person(world, "")
    opened = thief.opens(world.link(order))
    # a flow of their own gives the thief a flow cookie, though not this flow's
    thief.leaves(opened, "/sign-in")

    stolen = thief.browser.open(callback)

    assert (stolen.status, stolen.is_headed("error.browser_unknown.title")) == (400, True)
    assert not is_signed_in(thief.browser)
    assert "signed_in" not in events(world, order)
    assert person.browser.open(callback).is_headed("consent.title")


def test_a_callback_slipped_to_somebody_else_does_not_sign_them_in(world: World) -> None:
    """Sign-in forgery: the victim would go on under the attacker's account without noticing."""
    order, attacker, page = prepared(world)
    callback = attacker.passes(attacker.leaves(page, "/sign-in"))
    victim = Person(world, "")
    victim.opens(world.link(order))

    slipped = victim.browser.open(callback)

    assert slipped.status == 400
    assert not is_signed_in(victim.browser)


def test_text_appended_to_the_state_is_ignored(world: World) -> None:
    _, person, page = prepared(world)
    callback = person.passes(person.leaves(page, "/sign-in"))
    state = query_of(callback)["state"]
    assert len(state) == 43

    landed = person.browser.open(callback.replace(state, f"{state}Sign+in+to+your+account"))

    assert landed.is_headed("consent.title")


@pytest.mark.parametrize("part", [42, 1, 0])
def test_part_of_a_state_is_refused(world: World, part: int) -> None:
    order, person, page = prepared(world)
    callback = person.passes(person.leaves(page, "/sign-in"))
    state = query_of(callback)["state"]

    landed = person.browser.open(callback.replace(state, state[:part]))

    assert (landed.status, landed.is_headed("error.state_unknown.title")) == (400, True)
    assert "signed_in" not in events(world, order)


def test_a_state_is_refused_at_another_legs_callback(world: World) -> None:
    order, person, page = prepared(world)
    callback = person.passes(person.leaves(page, "/sign-in"))
    crossed = person.browser.open(callback.replace("/sign-in/callback", "/consent/callback"))
    assert (crossed.status, crossed.is_headed("error.state_unknown.title")) == (400, True)

    page = person.browser.open(callback)
    consent = person.passes(person.leaves(page, "/consent"))
    crossed = person.browser.open(consent.replace("/consent/callback", "/sign-in/callback"))
    assert (crossed.status, crossed.is_headed("error.state_unknown.title")) == (400, True)

    assert "consent_returned" not in events(world, order)
    assert person.browser.open(consent).is_headed("done.title")


def test_a_state_that_has_expired_is_refused(world: World) -> None:
    order, person, page = prepared(world)
    callback = person.passes(person.leaves(page, "/sign-in"))
    expire(world, query_of(callback)["state"])

    late = person.browser.open(callback)

    assert (late.status, late.is_headed("error.flow_expired.title")) == (400, True)
    assert not is_signed_in(person.browser)
    assert "signed_in" not in events(world, order)
    # no dead end: one button starts again
    assert late.offers("button.restart")


def expire(world: World, state: str) -> None:
    """Let the flow's time run out; the walk can't wait for fifteen minutes."""
    with TableClient.from_connection_string(world.parts["storage"], "flows") as table:
        row = table.get_entity(hashlib.sha256(state.encode()).hexdigest(), "flow")
        row["expires_at"] = datetime.now(UTC) - timedelta(seconds=1)
        table.update_entity(row)


def test_a_callback_without_its_flow_cookie_is_refused(world: World) -> None:
    order, person, page = prepared(world)
    callback = person.passes(person.leaves(page, "/sign-in"))
    for place in [place for place in person.browser.cookies.kept if place[0].startswith("flow-")]:
        person.browser.cookies.kept[place] = "A" * 43

    landed = person.browser.open(callback)

    assert (landed.status, landed.is_headed("error.browser_unknown.title")) == (400, True)
    assert "signed_in" not in events(world, order)


def test_a_code_of_another_sign_in_is_refused(world: World) -> None:
    """Code injection: the attacker's own state and cookie with a code that was issued for somebody else."""
    order, victim, page = prepared(world)
    stolen = query_of(victim.passes(victim.leaves(page, "/sign-in")))["code"]
    attacker = Person(world, "")
    state = query_of(attacker.leaves(attacker.opens(world.link(order)), "/sign-in"))["state"]

    answer = urlencode({"code": stolen, "state": state})
    landed = attacker.browser.open(f"{world.host}/sign-in/callback?{answer}")

    assert landed.status >= 400
    assert not is_signed_in(attacker.browser)
    assert "signed_in" not in events(world, order)


def test_an_error_from_a_stranger_changes_nothing(world: World) -> None:
    order, _, _ = prepared(world)
    told = events(world, order)
    answer = urlencode({"error": "access_denied", "error_description": "<b>x</b>", "state": "A" * 43})

    for path in ("sign-in", "consent"):
        landed = Browser().open(f"{world.host}/{path}/callback?{answer}")
        assert (landed.status, landed.is_headed("error.state_unknown.title")) == (400, True)
        assert "<b>x</b>" not in landed.text

    assert events(world, order) == told


def test_two_sign_ins_of_one_browser_do_not_disturb_each_other(world: World) -> None:
    """Two tabs: one cookie per flow, so that either may come back first."""
    _, person, page = prepared(world)
    one = person.leaves(page, "/sign-in")
    other = person.leaves(page, "/sign-in")

    assert person.browser.open(person.passes(other)).is_headed("consent.title")
    assert person.browser.open(person.passes(one)).is_headed("consent.title")


def test_flow_cookies_are_bound_to_the_browser_and_short_lived(world: World) -> None:
    _, person, page = prepared(world)
    fields = page.form("/sign-in")
    answer = person.browser.hold(fields.pop(""), "POST", fields, Origin=world.host)

    (cookie,) = [line for line in answer.raw.headers.getlist("Set-Cookie") if line.startswith("flow-")]
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}

    assert {"httponly", "samesite=lax", "path=/", "max-age=900"} <= attributes
    assert query_of(answer.headers["Location"])["state"] not in cookie
    assert query_of(answer.headers["Location"])["response_mode"] == "query"


def test_the_first_callback_opened_again_at_the_end_leaves_the_present_session(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    person = Person(world, customer.account)
    page = person.opens(world.invites(customer))
    first = person.passes(person.leaves(page, "/sign-in"))
    page = person.consents(person.browser.open(first))
    assert page.is_headed("done.title")

    again = person.browser.open(first)

    assert again.is_headed("done.title")
    assert person.browser.open(f"{page.url}/sage-contact.xml").status == 200
