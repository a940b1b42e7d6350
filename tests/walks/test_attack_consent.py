"""Attacks on consent and binding: forged redirects, other people's links, people without the role."""

from typing import Any
from urllib.parse import quote, urlencode

import requests

from tests.walks.browser import Page
from tests.walks.people import Person
from tests.walks.world import Customer, World, query_of, until

GLOBAL_ADMINISTRATOR = {"roles": ["Global Administrator"], "licences": ["SPB"]}


def back(world: World, **answer: str) -> str:
    """The address of a consent callback of the attacker's own making."""
    return f"{world.host}/consent/callback?{urlencode(answer)}"


def signs_in(world: World, customer: Customer, account: str = "") -> tuple[dict[str, Any], Person, Page]:
    """The customer's order, and somebody who opened its link and signed in."""
    order = world.orders(customer)
    person = Person(world, account or customer.account)
    return order, person, person.signs_in(person.opens(world.link(order)))


def stranger(world: World, domain: str) -> Person:
    """The Global Administrator of a fitting tenant that no customer's address leads to."""
    upn = f"admin@{domain}"
    user = {"upn": upn, "name": "Camille Intrus", **GLOBAL_ADMINISTRATOR}
    world.found_tenant(
        name=domain,
        display_name="Intrus SARL",
        domains=[domain],
        subscriptions=[{"product": "SPB", "units": 5}],
        users=[user],
    )
    return Person(world, upn)


def is_bound(world: World, order: dict[str, Any]) -> bool:
    found = world.support(order_number=order["order_number"])
    return found["generation"] > 0 or found["bound_at"] is not None


def consented_without_binding(world: World) -> tuple[Customer, dict[str, Any]]:
    """A customer whose Microsoft 365 has given its consent, and isn't bound for want of a licence."""
    customer = world.customer("transports-girard")
    order, administrator, page = signs_in(world, customer)
    assert administrator.consents(page).is_headed("prerequisites.one_open")
    assert world.tenant(customer.tenant)["consents"]
    return customer, order


def test_a_consent_callback_forged_for_another_tenant_that_consented_binds_nothing(world: World) -> None:
    victim, victims_order = consented_without_binding(world)
    order, attacker, page = signs_in(world, world.customer("menuiserie-lambert"))
    state = query_of(attacker.leaves(page, "/consent"))["state"]
    stolen = world.tenant(victim.tenant)["tenant_id"]

    landed = attacker.browser.open(back(world, admin_consent="True", tenant=stolen, state=state))

    assert (landed.status, landed.is_headed("error.account_changed.title")) == (409, True)
    found = world.support(order_number=order["order_number"])
    assert found["tenant_id"] != stolen
    assert found["cause"] == "consent_to_give"
    assert not is_bound(world, order)
    assert not is_bound(world, victims_order)


def test_a_consent_callback_forged_for_the_own_tenant_without_consent_binds_nothing(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    order, attacker, page = signs_in(world, customer)
    state = query_of(attacker.leaves(page, "/consent"))["state"]
    own = world.tenant(customer.tenant)["tenant_id"]

    landed = attacker.browser.open(back(world, admin_consent="True", tenant=own, state=state))

    assert landed.is_headed("verifying.title")
    again = attacker.browser.post(
        f"{page.url}/check", {"form_token": landed.form("/sign-out")["form_token"]}, Origin=world.host
    )
    assert again.is_headed("verifying.title")
    found = world.support(order_number=order["order_number"])
    assert (found["cause"], found["checks"]) == ("access_awaited", [])
    assert not is_bound(world, order)


def test_a_refusal_that_says_admin_consent_true_is_a_refusal(world: World) -> None:
    victim, _ = consented_without_binding(world)
    person = Person(world, victim.account)
    order = world.orders(victim, order_number=f"CMD-{victim.tenant}", customer_number=f"C-{victim.tenant}")
    page = person.signs_in(person.opens(world.link(order)))
    state = query_of(person.leaves(page, "/consent"))["state"]
    own = world.tenant(victim.tenant)["tenant_id"]

    landed = person.browser.open(
        back(world, error="access_denied", admin_consent="True", tenant=own, state=state)
    )

    assert landed.is_headed("consent.refused")
    assert world.support(order_number=order["order_number"])["cause"] == "consent_refused"


def test_somebody_who_is_no_administrator_of_a_consented_tenant_binds_nothing(world: World) -> None:
    customer, order = consented_without_binding(world)
    member = Person(world, customer.address("lea.fontaine"))
    world.change_tenant(customer.tenant, buy="AAD_PREMIUM", units=1)
    world.change_tenant(customer.tenant, assign="AAD_PREMIUM", to=member.account)
    page = member.signs_in(member.opens(world.link(order)))
    token = page.form("/sign-out")["form_token"]

    # « Revérifier » without its page, for access is there already
    landed = member.browser.post(f"{page.url}/check", {"form_token": token}, Origin=world.host)

    assert landed.is_headed("prerequisites.one_open")
    results = {
        check["check"]: (check["result"], check["cause"])
        for check in world.support(order_number=order["order_number"])["checks"]
    }
    assert results["administrator"] == ("failed", "not_held")
    assert (results["premium"][0], results["subscription"][0]) == ("ok", "ok")
    assert not is_bound(world, order)


def test_a_consent_forged_by_somebody_who_is_no_administrator_binds_nothing(world: World) -> None:
    customer, order = consented_without_binding(world)
    member = Person(world, customer.address("lea.fontaine"))
    world.change_tenant(customer.tenant, buy="AAD_PREMIUM", units=1)
    world.change_tenant(customer.tenant, assign="AAD_PREMIUM", to=member.account)
    page = member.signs_in(member.opens(world.link(order)))
    token = page.form("/sign-out")["form_token"]
    left = member.browser.hold(
        f"{page.url}/consent", "POST", {"form_token": token}, Origin=world.host
    ).headers["Location"]
    own = world.tenant(customer.tenant)["tenant_id"]

    landed = member.browser.open(back(world, admin_consent="True", tenant=own, state=query_of(left)["state"]))

    assert landed.is_headed("prerequisites.one_open")
    assert world.support(order_number=order["order_number"])["checks"][0]["cause"] == "not_held"
    assert not is_bound(world, order)


def test_an_administrator_of_another_kind_consents_and_binds_nothing(world: World) -> None:
    """Microsoft lets a Privileged Role Administrator consent to anything; Sage asks for more."""
    customer = world.customer("menuiserie-lambert")
    order = world.orders(customer)
    other = Person(world, customer.address("hugo.marchand"))
    world.change_tenant(customer.tenant, give_role="Privileged Role Administrator", to=other.account)
    page = other.signs_in(other.opens(world.link(order)))
    assert page.is_headed("not_administrator.title")
    fields = {"form_token": page.form("/sign-out")["form_token"], "continue": "1"}
    page = other.browser.post(f"{page.url}/consent", fields, Origin=world.host)

    landed = other.consents(page)

    assert landed.is_headed("prerequisites.one_open")
    assert world.tenant(customer.tenant)["consents"]
    found = world.support(order_number=order["order_number"])
    assert [check["cause"] for check in found["checks"]] == ["other_roles", "ok", "ok"]
    assert not is_bound(world, order)


def test_a_colleague_with_the_role_cannot_stand_in_at_the_confirming_leg(world: World) -> None:
    customer = world.customer("boulangerie-morel")
    order, member, page = signs_in(world, customer)
    administrator = Person(world, customer.address("claire.morel"))
    own = world.tenant(customer.tenant)["tenant_id"]
    consented_elsewhere(world, customer, administrator)
    token = page.form("/sign-out")["form_token"]
    left = member.browser.hold(f"{page.url}/check", "POST", {"form_token": token}, Origin=world.host)
    confirm = left.headers["Location"]
    assert f"/{own}/" in confirm

    # the address is the attacker's to change: a page instead of silence, and the colleague picked there
    swapped = confirm.replace("prompt=none", "prompt=select_account")
    callback = Person(world, administrator.account, member.browser).passes(swapped)
    landed = member.browser.open(callback)

    assert (landed.status, landed.is_headed("error.account_changed.title")) == (409, True)
    assert not is_bound(world, order)


def consented_elsewhere(world: World, customer: Customer, administrator: Person) -> None:
    """The tenant's consent to the same application, given by its administrator at Microsoft's own address."""
    settings = world.settings["Values"]
    query = {
        "client_id": settings["MICROSOFT_CLIENT_ID"],
        "scope": "https://graph.microsoft.com/.default",
        "redirect_uri": f"{settings['PUBLIC_BASE_URL']}/consent/callback",
        "state": "x",
    }
    tenant_id = world.tenant(customer.tenant)["tenant_id"]
    address = f"{settings['MICROSOFT_LOGIN_ORIGIN']}/{tenant_id}/v2.0/adminconsent?{urlencode(query)}"
    assert "admin_consent=True" in administrator.passes(address)


def test_an_account_of_another_tenant_cannot_stand_in_at_the_confirming_leg(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    order, person, page = signs_in(world, customer)
    other = stranger(world, f"ailleurs.{customer.account.partition('@')[2]}")
    own = world.tenant(customer.tenant)["tenant_id"]
    consented_elsewhere(world, customer, Person(world, customer.account))
    token = page.form("/sign-out")["form_token"]
    confirm = person.browser.hold(
        f"{page.url}/check", "POST", {"form_token": token}, Origin=world.host
    ).headers["Location"]

    swapped = confirm.replace("prompt=none", "prompt=select_account").replace(f"/{own}/", "/organizations/")
    landed = person.browser.open(Person(world, other.account, person.browser).passes(swapped))

    assert landed.status in (409, 502)
    assert not is_bound(world, order)


def test_an_own_link_sent_to_another_companys_administrator_consents_and_binds_nothing(world: World) -> None:
    attackers = world.customer("menuiserie-lambert")
    order = world.orders(attackers)
    domain = f"victime.{attackers.account.partition('@')[2]}"
    victim = stranger(world, domain)

    page = victim.signs_in(victim.opens(world.link(order)))

    assert page.is_headed("unexpected_tenant.title")
    assert order["administrator_email"] not in page.text
    token = page.form("/sign-out")["form_token"]
    for action in ("consent", "check"):
        for fields in ({}, {"continue": "1"}):
            refused = victim.browser.post(
                f"{page.url}/{action}", {"form_token": token, **fields}, Origin=world.host
            )
            assert (refused.status, refused.is_headed("error.tenant_unexpected.title")) == (403, True)
    code = sent_code(world, order)
    assert not [mail for mail in world.mails(victim.account) if code in mail["text"]]
    # the attacker reads the code, but has to type it in the victim's session, and has only their own
    attacker = Person(world, attackers.account)
    opened = attacker.opens(world.link(order))
    assert typed(attacker, opened, code).status == 403
    assert not world.tenant(domain)["consents"]
    assert not is_bound(world, order)


def test_a_found_link_with_ones_own_tenant_binds_nothing(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    order = world.orders(customer)
    finder = stranger(world, f"trouve.{customer.account.partition('@')[2]}")

    page = finder.signs_in(finder.opens(world.link(order)))
    assert page.is_headed("unexpected_tenant.title")
    code = sent_code(world, order)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    for left in (4, 3, 2, 1):
        page = finder.browser.submit(page, "/code", code=wrong)
        assert page.status == 403
        assert f"Essais restants : {left}." in page.words
    page = finder.browser.submit(page, "/code", code=wrong)
    assert page.status == 403

    # the right one comes too late
    assert typed(finder, page, code).status == 403
    found = world.support(order_number=order["order_number"])
    assert (found["cause"], found["accepted_by"]) == ("tenant_unexpected", "")
    assert not is_bound(world, order)

    # and the customer's own administrator isn't kept out by it
    rightful = Person(world, customer.account)
    assert rightful.walks_to_the_end(world.link(order)).is_headed("done.title")


def test_a_code_opens_only_the_session_that_it_was_sent_for(world: World) -> None:
    customer = world.customer("imprimerie-roussel")
    order = world.orders(customer)
    first, second = Person(world, customer.account), Person(world, customer.account)
    page = first.signs_in(first.opens(world.link(order)))
    code_of_the_first = sent_code(world, order)
    other = second.signs_in(second.opens(world.link(order)))
    until(lambda: len(codes(world, order)) == 2, "the second code")
    code_of_the_second = sent_code(world, order)

    for code in (code_of_the_first, code_of_the_second):
        assert typed(first, page, code).status == 403
    assert not world.support(order_number=order["order_number"])["accepted_by"]
    assert typed(second, other, code_of_the_second).is_headed("consent.title")
    assert world.support(order_number=order["order_number"])["accepted_by"] == "code"


def test_a_found_link_does_not_bomb_the_recorded_address_with_codes(world: World) -> None:
    """Nor does each new code bring five more guesses for ever."""
    order = world.orders(world.customer("menuiserie-lambert"))
    finder = stranger(world, f"insiste.{order['administrator_email'].partition('@')[2]}")
    link = world.link(order)

    for _ in range(8):
        page = finder.signs_in(finder.opens(link))
        assert page.is_headed("unexpected_tenant.title")
    for _ in range(8):
        refused = new_code(finder, order)
    assert (refused.status, refused.is_headed("error.limit_reached.title")) == (429, True)

    found = world.support(order_number=order["order_number"])
    assert len([mail for mail in found["mails"] if mail["key"].startswith("code-")]) <= 10


def new_code(person: Person, order: dict[str, Any]) -> Page:
    """Ask for another code from the association's page."""
    page = person.browser.open(f"{person.world.host}/a/{order['reference']}")
    fields = {"form_token": page.form("/sign-in")["form_token"]}
    return person.browser.post(f"{page.url}/code/new", fields, Origin=person.world.host)


def codes(world: World, order: dict[str, Any]) -> list[str]:
    """The one-time codes that went to the recorded address, oldest first."""
    found = []
    for mail in world.mails(order["administrator_email"]):
        digits = [word.strip(" .") for word in mail["text"].splitlines()]
        found += [word for word in digits if len(word) == 6 and word.isdecimal()]
    return found


def sent_code(world: World, order: dict[str, Any]) -> str:
    """The newest code, waited for."""
    return str(until(lambda: codes(world, order), "a one-time code")[-1])


def typed(person: Person, page: Page, code: str) -> Page:
    """What comes of posting a code from the page, whether or not the page asks for one."""
    fields = page.form("/sign-in")
    address = fields[""].removesuffix("/sign-in") + "/code"
    fields = {"form_token": fields["form_token"], "code": code}
    return person.browser.post(address, fields, Origin=person.world.host)


def test_a_guest_is_signed_in_as_their_home_tenant_and_is_not_the_customers(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    domain = customer.account.partition("@")[2]
    consultant = stranger(world, f"conseil.{domain}")
    world.found_tenant(
        name=customer.tenant,
        tenant_id=world.tenant(customer.tenant)["tenant_id"],
        display_name="Menuiserie Lambert SARL",
        domains=[domain],
        subscriptions=[{"product": "SPB", "units": 5}],
        users=[
            {
                "upn": f"admin_conseil#EXT#@{domain}",
                "name": "Camille Intrus",
                "user_type": "Guest",
                "home_account": consultant.account,
                **GLOBAL_ADMINISTRATOR,
            }
        ],
    )
    order = world.orders(customer)

    page = consultant.signs_in(consultant.opens(world.link(order)))

    assert page.is_headed("unexpected_tenant.title")
    assert not is_bound(world, order)


def test_a_personal_account_signs_nobody_in(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    upn = f"quelquun@{customer.tenant}outlook.example"
    world.found_tenant(
        name=f"consumers-{customer.tenant}",
        tenant_id="9188040d-6c67-4c5b-b112-36a304b66dad",
        display_name="Personal",
        domains=[upn.partition("@")[2]],
        users=[{"upn": upn, "name": "Quelqu'un"}],
    )
    order = world.orders(customer)
    person = Person(world, upn)
    page = person.opens(world.link(order))
    url = person.leaves(page, "/sign-in")

    person.browser.post(url, {"account": upn})

    assert not [name for name in person.browser.cookie_names() if name.startswith("session-")]
    found = world.support(order_number=order["order_number"])
    assert (found["tenant_id"], found["account"]) == ("", "")


def test_two_members_of_one_tenant_do_not_borrow_each_others_checks(world: World) -> None:
    """The administrator's checks are all met but one; a member who lacks the role inherits none of them."""
    customer, order = consented_without_binding(world)
    member = Person(world, customer.address("lea.fontaine"))
    administrators = Person(world, customer.account)
    page = administrators.signs_in(administrators.opens(world.link(order)))
    assert page.is_headed("prerequisites.one_open")

    page = member.signs_in(member.opens(world.link(order)))

    assert world.support(order_number=order["order_number"])["checks"] == []
    assert not is_bound(world, order)
    old = administrators.browser.open(page.url)
    assert old.says("progress.notice.account_changed")
    assert member.account not in old.text


def test_a_consent_redirect_without_a_flow_is_refused(world: World) -> None:
    customer, _ = consented_without_binding(world)
    tenant_id = world.tenant(customer.tenant)["tenant_id"]
    for state in ("", "x", "A" * 42, "A" * 43, quote("é" * 43)):
        answer = requests.get(
            f"{world.host}/consent/callback?admin_consent=True&tenant={tenant_id}&state={state}", timeout=10
        )
        assert answer.status_code == 400
