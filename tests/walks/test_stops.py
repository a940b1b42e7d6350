"""What stops an administrator, and how each stop is lifted: mend the tenant, press « Revérifier »."""

from tests.walks.browser import Browser, Page
from tests.walks.people import Person
from tests.walks.world import Customer, World

GLOBAL_ADMINISTRATOR = "Global Administrator"


def is_done(page: Page) -> bool:
    return page.status == 200 and page.is_headed("done.title")


def invited(world: World, name: str) -> tuple[Customer, Person, str]:
    """A customer, the one who signs in for them, and the mailed link."""
    customer = world.customer(name)
    return customer, Person(world, customer.account), world.invites(customer)


def cause(world: World, customer: Customer) -> tuple[str, str, str]:
    """The step, its cause and who acts, as support sees them."""
    found = world.support(order_number=customer.order["order_number"])
    return found["step"], found["cause"], found["who"]


def checks(world: World, customer: Customer) -> dict[str, str]:
    """The cause of each check, as support sees it."""
    found = world.support(order_number=customer.order["order_number"])
    return {check["check"]: check["cause"] for check in found["checks"]}


def has_failed(page: Page, *check_causes: str) -> bool:
    """Whether the prerequisites' page explains exactly these as failed: found, why, who and remedy."""
    explained = all(
        page.says(f"check.{cause}.found") and page.says(f"check.{cause}.who") for cause in check_causes
    )
    return explained and len(page.document.find_class("failed")) == len(check_causes)


# Not an administrator


def test_who_is_no_administrator_is_told_before_microsoft_is_asked(world: World) -> None:
    customer, person, link = invited(world, "boulangerie-morel")
    page = person.signs_in(person.opens(link))
    assert page.is_headed("not_administrator.title")
    for part in ("found", "why", "who", "not_enough.roles", "pim", "continue"):
        assert page.says(f"not_administrator.{part}")
    assert page.says("pass_on.how")
    for button in ("change_account", "role_activated", "continue_anyway"):
        assert page.offers(f"button.{button}")
    assert cause(world, customer) == ("authorisation", "not_seen_as_administrator", "administrator")


def test_a_role_that_was_activated_goes_on_after_signing_in_again(world: World) -> None:
    customer, person, link = invited(world, "boulangerie-morel")
    page = person.signs_in(person.opens(link))
    world.change_tenant(customer.tenant, give_role=GLOBAL_ADMINISTRATOR, to=customer.account)
    page = person.signs_in(page)
    assert page.is_headed("consent.title")
    assert is_done(person.consents(page))


def test_continuing_anyway_ends_on_microsofts_approval_page(world: World) -> None:
    customer, person, link = invited(world, "boulangerie-morel")
    page = person.signs_in(person.opens(link))
    page = person.browser.submit(page, "/consent")
    assert page.is_headed("consent.title")
    asked = person.browser.submit(page, "/consent")
    asked = person.browser.submit(asked, "/adminconsent", account=person.account)
    assert asked.document.body.get("data-page") == "approval"
    assert cause(world, customer)[1] == "left_for_microsoft"
    assert Browser().open(link).says("progress.left.approval")

    world.change_tenant(customer.tenant, give_role=GLOBAL_ADMINISTRATOR, to=customer.account)
    page = person.signs_in(person.opens(link))
    assert page.is_headed("consent.title")
    assert is_done(person.consents(page))


def test_coming_back_from_the_approval_page_without_approval_counts_as_refused(world: World) -> None:
    customer, person, link = invited(world, "boulangerie-morel")
    page = person.browser.submit(person.signs_in(person.opens(link)), "/consent")
    assert person.consents(page, "cancel").is_headed("consent.refused")
    assert cause(world, customer) == ("authorisation", "consent_refused", "administrator")


def test_a_role_given_by_a_group_goes_on_by_continuing_anyway(world: World) -> None:
    """An id_token need not tell such a role; the reads after the consent do."""
    customer, person, link = invited(world, "boulangerie-morel")
    page = person.signs_in(person.opens(link))
    world.change_tenant(customer.tenant, give_role=GLOBAL_ADMINISTRATOR, to=customer.account)
    page = person.browser.submit(page, "/consent")
    assert is_done(person.consents(page))


def test_a_colleague_who_is_administrator_does_it_with_the_same_link(world: World) -> None:
    customer, person, link = invited(world, "boulangerie-morel")
    person.signs_in(person.opens(link))
    claire = Person(world, customer.address("claire.morel"))
    assert is_done(claire.walks_to_the_end(link))
    assert world.support(order_number=customer.order["order_number"])["account"] == claire.account


def test_a_role_lost_after_the_consent_is_seen_and_its_return_too(world: World) -> None:
    customer, person, link = invited(world, "transports-girard")
    page = person.walks_to_the_end(link)
    world.change_tenant(customer.tenant, take_role=GLOBAL_ADMINISTRATOR, **{"from": customer.account})
    page = person.checks_again(page)
    assert has_failed(page, "administrator.not_held", "premium.absent")
    world.change_tenant(customer.tenant, give_role=GLOBAL_ADMINISTRATOR, to=customer.account)
    assert has_failed(person.checks_again(page), "premium.absent")


# No P1


def test_without_any_p1_the_remedy_is_told_and_buying_and_assigning_it_finishes(world: World) -> None:
    customer, person, link = invited(world, "transports-girard")
    page = person.walks_to_the_end(link)
    assert page.is_headed("prerequisites.one_open")
    assert has_failed(page, "premium.absent")
    assert page.says("check.premium.absent.remedy")
    assert page.says("path.buy")
    assert page.says("check.administrator.ok.found")
    assert page.says("check.subscription.ok.found")
    assert page.offers("button.check_again")
    assert cause(world, customer) == ("prerequisites", "checks_failed", "administrator")
    assert checks(world, customer) == {"administrator": "ok", "premium": "absent", "subscription": "ok"}
    assert person.browser.open(f"{page.url}/sage-contact.xml").status == 409

    page = person.checks_again(page)
    assert has_failed(page, "premium.absent")
    world.change_tenant(customer.tenant, buy="AAD_PREMIUM", units=1)
    page = person.checks_again(page)
    assert has_failed(page, "premium.not_assigned")
    assert world.mails(customer.order["administrator_email"], "associé") == []

    world.change_tenant(customer.tenant, assign="AAD_PREMIUM", to=customer.account)
    assert is_done(person.checks_again(page))
    assert cause(world, customer) == ("done", "", "nobody")


def test_p1_that_is_not_assigned_to_this_person_is_assigned_and_checked_again(world: World) -> None:
    customer, person, link = invited(world, "cabinet-faure")
    page = person.walks_to_the_end(link)
    assert has_failed(page, "premium.not_assigned")
    assert page.says("check.premium.not_assigned.remedy")
    assert page.says("path.assign")
    assert "Microsoft Entra ID P1" in page.words
    world.change_tenant(customer.tenant, assign="AAD_PREMIUM", to=customer.account)
    assert is_done(person.checks_again(page))


def test_p2_serves_as_well_as_p1(world: World) -> None:
    customer, person, link = invited(world, "transports-girard")
    page = person.walks_to_the_end(link)
    world.change_tenant(customer.tenant, buy="AAD_PREMIUM_P2")
    world.change_tenant(customer.tenant, assign="AAD_PREMIUM_P2", to=customer.account)
    assert is_done(person.checks_again(page))


def test_the_stop_waits_for_whoever_closes_the_page(world: World) -> None:
    customer, person, link = invited(world, "cabinet-faure")
    person.walks_to_the_end(link)
    other = Person(world, customer.account)
    page = other.opens(link)
    assert page.is_headed("progress.title")
    assert page.says("cause.checks_failed")
    page = other.signs_in(page)
    assert has_failed(page, "premium.not_assigned")
    world.change_tenant(customer.tenant, assign="AAD_PREMIUM", to=customer.account)
    assert is_done(other.checks_again(page))


def test_checking_again_after_microsoft_forgot_the_person_asks_for_the_account(world: World) -> None:
    customer, person, link = invited(world, "cabinet-faure")
    page = person.walks_to_the_end(link)
    world.change_tenant(customer.tenant, assign="AAD_PREMIUM", to=customer.account)
    for name in person.browser.cookie_names():
        if name.startswith("sandbox-entra"):
            del person.browser.cookies.kept[(name, "/")]
    picker = person.checks_again(page)
    assert picker.document.body.get("data-page") == "accounts"
    assert is_done(person.browser.submit(picker, "/authorize", account=customer.account))


def test_without_a_compatible_subscription_the_list_is_shown_and_buying_one_finishes(world: World) -> None:
    customer = world.customer("cabinet-faure")
    anne = {"upn": customer.account, "name": "Anne Faure", "roles": [GLOBAL_ADMINISTRATOR]}
    world.found_tenant(
        name=customer.tenant,
        display_name="Cabinet Faure SAS",
        domains=[customer.account.rpartition("@")[2]],
        subscriptions=[{"product": "AAD_PREMIUM", "units": 1}],
        users=[{**anne, "licences": ["AAD_PREMIUM"]}],
    )
    person = Person(world, customer.account)
    page = person.walks_to_the_end(world.invites(customer))
    assert has_failed(page, "subscription.absent")
    assert page.says("product.business_standard")
    world.change_tenant(customer.tenant, buy="O365_BUSINESS_PREMIUM", units=5)
    assert is_done(person.checks_again(page))


# The consent


def test_a_refused_consent_is_explained_and_can_be_given_afterwards(world: World) -> None:
    customer, person, link = invited(world, "vignobles-chastel")
    page = person.consents(person.signs_in(person.opens(link)), "cancel")
    assert page.is_headed("consent.refused")
    for part in ("refused.found", "refused.why", "refused.who", "blocked.cancel", "blocked.role"):
        assert page.says(f"consent.{part}")
    assert cause(world, customer) == ("authorisation", "consent_refused", "administrator")
    assert world.tenant(customer.tenant)["consents"] == []
    assert is_done(person.consents(page))
    events = world.support(order_number=customer.order["order_number"])["events"]
    (refused,) = [event for event in events if event["what"] == "consent_refused"]
    assert refused["by"] == "microsoft"


def test_a_consent_withdrawn_after_the_checks_is_asked_for_again(world: World) -> None:
    customer, person, link = invited(world, "cabinet-faure")
    page = person.walks_to_the_end(link)
    client_id = world.settings["Values"]["MICROSOFT_CLIENT_ID"]
    world.change_tenant(customer.tenant, withdraw_consent=client_id)
    page = person.checks_again(page)
    assert page.is_headed("consent.access_missing")
    assert cause(world, customer) == ("authorisation", "access_missing", "administrator")

    world.change_tenant(customer.tenant, assign="AAD_PREMIUM", to=customer.account)
    assert is_done(person.consents(page))
