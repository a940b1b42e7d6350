"""Every cause that stops the checks, told apart: found, evidence, who acts, the place to go, « Revérifier ».

Each has a tenant of its own in that situation; mending the tenant and pressing the button goes on.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.walks.browser import Page
from tests.walks.people import Person
from tests.walks.world import Customer, World

GLOBAL_ADMINISTRATOR = "Global Administrator"
STANDARD, BASIC, P1, P2 = "O365_BUSINESS_PREMIUM", "O365_BUSINESS_ESSENTIALS", "AAD_PREMIUM", "AAD_PREMIUM_P2"
BOTH = [{"product": STANDARD, "units": 5}, {"product": P1, "units": 5}]

Change = dict[str, Any]


def bought(product: str, status: str = "Enabled", **more: Any) -> dict[str, Any]:
    return {"product": product, "units": 5, "status": status, **more}


def founded(
    world: World,
    subscriptions: list[dict[str, Any]],
    licences: list[Any],
    **user: Any,
) -> tuple[Customer, Person, str]:
    """A customer whose tenant has bought this, with one person, who is administrator if `user` is silent."""
    customer = world.customer("cabinet-faure")
    person = {"upn": customer.account, "name": "Anne Faure", "roles": [GLOBAL_ADMINISTRATOR], **user}
    world.found_tenant(
        name=customer.tenant,
        display_name="Cabinet Faure SAS",
        domains=[customer.account.rpartition("@")[2]],
        subscriptions=subscriptions,
        users=[{**person, "licences": licences}],
    )
    return customer, Person(world, customer.account), world.invites(customer)


def found_checks(world: World, customer: Customer) -> dict[str, dict[str, str]]:
    """The checks as support sees them, by name."""
    found = world.support(order_number=customer.order["order_number"])
    return {check["check"]: check for check in found["checks"]}


def row(page: Page, key: str) -> str:
    """The words of one check's row on the page."""
    rows = page.document.find_class("check")
    return " ".join(rows[["administrator", "premium", "subscription"].index(key)].text_content().split())


def is_explained(page: Page, world: World, customer: Customer, **causes: str) -> bool:
    """Whether page and support tell exactly these causes as failed, each with who acts and what to do."""
    found = world.support(order_number=customer.order["order_number"])
    failed = {check["check"]: check["cause"] for check in found["checks"] if check["result"] == "failed"}
    told = all(
        page.says(f"check.{key}.{cause}.{part}")
        for key, cause in causes.items()
        for part in ("found", "who", "remedy")
    )
    evidence = all(check["evidence"] in row(page, check["check"]) for check in found["checks"])
    is_stopped = (found["step"], found["cause"]) == ("prerequisites", "checks_failed")
    return failed == causes and told and evidence and is_stopped and page.offers("button.check_again")


def is_done(page: Page) -> bool:
    return page.status == 200 and page.is_headed("done.title")


def ends(page: Page) -> list[int]:
    """In how many days what the page says to end does."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    shown = page.document.xpath("//p[@class='until']//time/@datetime")
    return [(datetime.fromisoformat(moment) - today).days for moment in shown]


# The role


def test_a_role_that_has_run_out_is_told_as_eligible_and_activating_it_goes_on(world: World) -> None:
    eligible = {"role": GLOBAL_ADMINISTRATOR, "eligible": True}
    customer, person, link = founded(
        world, [bought(STANDARD), bought(P2)], [], roles=[GLOBAL_ADMINISTRATOR, eligible]
    )
    page = person.walks_to_the_end(link)
    assert is_explained(page, world, customer, premium="not_assigned")
    world.change_tenant(customer.tenant, take_role=GLOBAL_ADMINISTRATOR, **{"from": customer.account})

    page = person.checks_again(page)
    assert is_explained(page, world, customer, administrator="eligible", premium="not_assigned")
    assert page.says("path.pim")

    world.change_tenant(customer.tenant, give_role=GLOBAL_ADMINISTRATOR, to=customer.account)
    world.change_tenant(customer.tenant, assign=P2, to=customer.account)
    assert is_done(person.checks_again(page))


def test_without_p2_in_the_tenant_nobody_is_told_to_be_eligible(world: World) -> None:
    """Microsoft does not answer about eligible roles there, so the page keeps to its general advice."""
    eligible = {"role": GLOBAL_ADMINISTRATOR, "eligible": True}
    customer, person, link = founded(world, [bought(STANDARD)], [], roles=[GLOBAL_ADMINISTRATOR, eligible])
    page = person.walks_to_the_end(link)
    world.change_tenant(customer.tenant, take_role=GLOBAL_ADMINISTRATOR, **{"from": customer.account})
    page = person.checks_again(page)
    assert is_explained(page, world, customer, administrator="not_held", premium="absent")
    assert "PIM" in row(page, "administrator")


def test_other_roles_are_named_and_are_not_enough(world: World) -> None:
    customer, person, link = founded(world, [bought(STANDARD)], [])
    page = person.walks_to_the_end(link)
    for role in ("Application Administrator", "Global Reader"):
        world.change_tenant(customer.tenant, give_role=role, to=customer.account)
    world.change_tenant(customer.tenant, take_role=GLOBAL_ADMINISTRATOR, **{"from": customer.account})

    page = person.checks_again(page)

    assert is_explained(page, world, customer, administrator="other_roles", premium="absent")
    assert "Application Administrator, Global Reader" in row(page, "administrator")
    assert page.says("path.administrators")


def test_a_role_that_a_group_gives_counts_and_the_group_is_named(world: World) -> None:
    customer = world.customer("cabinet-faure")
    group = {"name": "Direction", "members": ["Informatique"], "roles": [GLOBAL_ADMINISTRATOR]}
    inner = {"name": "Informatique", "members": [customer.account]}
    anne = {"upn": customer.account, "name": "Anne Faure", "licences": []}
    world.found_tenant(
        name=customer.tenant,
        display_name="Cabinet Faure SAS",
        domains=[customer.account.rpartition("@")[2]],
        subscriptions=BOTH,
        users=[anne],
        groups=[group, inner],
    )
    person = Person(world, customer.account)
    page = person.walks_to_the_end(world.invites(customer))
    assert is_explained(page, world, customer, premium="not_assigned")
    assert page.says("check.administrator.by_group.found")
    check = found_checks(world, customer)["administrator"]
    assert (check["result"], check["cause"], check["evidence"]) == ("ok", "by_group", "Direction")
    assert page.says("check.administrator.by_group.evidence")
    world.change_tenant(customer.tenant, assign=P1, to=customer.account)
    assert is_done(person.checks_again(page))


def test_a_guests_role_counts_and_their_licence_is_looked_for_here(world: World) -> None:
    customer, person, link = founded(world, BOTH, [], user_type="Guest")
    page = person.walks_to_the_end(link)
    assert is_explained(page, world, customer, premium="guest")
    assert page.says("check.administrator.guest.found")
    assert page.says("path.assign")
    assert "Microsoft Entra ID P1" in row(page, "premium")
    assert found_checks(world, customer)["administrator"]["cause"] == "guest"
    world.change_tenant(customer.tenant, assign=P1, to=customer.account)
    assert is_done(person.checks_again(page))


def test_somebody_who_acts_there_without_being_a_user_is_told_so(world: World) -> None:
    customer, person, link = founded(world, BOTH, [P1], foreign=True)
    page = person.walks_to_the_end(link)
    assert is_explained(page, world, customer, administrator="no_user_object", premium="no_user_object")
    assert page.offers("button.change_account")


# Licences and subscriptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What was bought and assigned, what it comes to, and the changes that mend it.

    `causes` are those of the checks that aren't plainly ok; `failed` of them stop; `until` says in how many
    days something ends; `places` are the paths that the page shows.
    """

    name: str
    subscriptions: list[dict[str, Any]]
    licences: list[Any] = field(default_factory=list)
    causes: dict[str, str]
    failed: tuple[str, ...]
    evidence: str
    until: int | None = None
    places: tuple[str, ...]
    remedy: tuple[Change, ...]


def anew(product: str) -> tuple[Change, ...]:
    """Take a licence away and assign it again, with everything in it."""
    return ({"unassign": product, "from": "person"}, {"assign": product, "to": "person"})


def cases() -> Iterator[Case]:
    """One for each cause that a tenant can show from the beginning."""
    yield Case(
        name="P1 suspended",
        subscriptions=[bought(STANDARD), bought(P1, "Suspended", ends_in_days=24)],
        licences=[P1],
        causes={"premium": "suspended"},
        failed=("premium",),
        evidence="Microsoft Entra ID P1",
        until=24,
        places=("path.products",),
        remedy=({"buy": P1},),
    )
    yield Case(
        name="P1 over",
        subscriptions=[bought(STANDARD), bought(P1, "LockedOut")],
        licences=[P1],
        causes={"premium": "ended"},
        failed=("premium",),
        evidence="Microsoft Entra ID P1",
        places=("path.buy", "path.buy_formerly"),
        remedy=({"buy": P1},),
    )
    yield Case(
        name="P1 switched off in its product",
        subscriptions=[bought("SPB")],
        licences=[{"product": "SPB", "disabled": [P1]}],
        causes={"premium": "plan_disabled"},
        failed=("premium",),
        evidence="Microsoft 365 Business Premium",
        places=("path.assign",),
        remedy=anew("SPB"),
    )
    yield Case(
        name="P1 on its way",
        subscriptions=[bought("SPB")],
        licences=[{"product": "SPB", "pending": [P1]}],
        causes={"premium": "pending"},
        failed=("premium",),
        evidence="Microsoft 365 Business Premium",
        places=(),
        remedy=anew("SPB"),
    )
    yield Case(
        name="P1 on trial, nothing else",
        subscriptions=[bought(P1, trial=True, ends_in_days=18)],
        licences=[P1],
        causes={"premium": "trial", "subscription": "absent"},
        failed=("subscription",),
        evidence="Microsoft Entra ID P1",
        until=18,
        places=("path.buy",),
        remedy=({"buy": STANDARD},),
    )
    yield Case(
        name="P2 in its grace time, apps without mailboxes",
        subscriptions=[bought(P2, "Warning", ends_in_days=12), bought("O365_BUSINESS")],
        licences=[P2],
        causes={"premium": "ending", "subscription": "no_mailbox"},
        failed=("subscription",),
        evidence="Microsoft 365 Apps for business",
        until=12,
        places=("path.buy",),
        remedy=({"buy": "STANDARDPACK"},),
    )
    yield Case(
        name="P2, Business Basic without Teams",
        subscriptions=[bought(P2), bought("Microsoft_365_Business_Basic_EEA_(no_Teams)")],
        licences=[P2],
        causes={"premium": "p2", "subscription": "incompatible"},
        failed=("subscription",),
        evidence="Microsoft 365 Business Basic EEA (no Teams)",
        places=("path.buy",),
        remedy=({"buy": "Office_365_E1_(no_Teams)"},),
    )
    yield Case(
        name="F3",
        subscriptions=[bought("SPE_F1")],
        licences=["SPE_F1"],
        causes={"subscription": "incompatible"},
        failed=("subscription",),
        evidence="Microsoft 365 F3",
        places=("path.buy",),
        remedy=({"buy": "O365_w/o_Teams_Bundle_E3"},),
    )
    yield Case(
        name="compatible, suspended",
        subscriptions=[bought(BASIC), bought(STANDARD, "Suspended", ends_in_days=40), bought(P1)],
        licences=[P1],
        causes={"subscription": "suspended"},
        failed=("subscription",),
        evidence="Microsoft 365 Business Standard",
        until=40,
        places=("path.products",),
        remedy=({"buy": STANDARD},),
    )
    yield Case(
        name="compatible, over",
        subscriptions=[bought(STANDARD, "Deleted"), bought(P1)],
        licences=[P1],
        causes={"subscription": "ended"},
        failed=("subscription",),
        evidence="Microsoft 365 Business Standard",
        places=("path.buy",),
        remedy=({"buy": STANDARD},),
    )
    yield Case(
        name="compatible on trial, no P1",
        subscriptions=[bought(STANDARD, trial=True, ends_in_days=9)],
        causes={"premium": "absent", "subscription": "trial"},
        failed=("premium",),
        evidence="Microsoft 365 Business Standard",
        until=9,
        places=("path.buy", "path.buy_formerly"),
        remedy=({"buy": P1}, {"assign": P1, "to": "person"}),
    )
    yield Case(
        name="compatible in its grace time, no P1",
        subscriptions=[bought("ENTERPRISEPACK", "Warning", ends_in_days=6)],
        causes={"premium": "absent", "subscription": "ending"},
        failed=("premium",),
        evidence="Office 365 E3",
        until=6,
        places=("path.products",),
        remedy=({"buy": P1}, {"assign": P1, "to": "person"}),
    )


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.name)
def test_what_was_bought_is_told_with_its_end_and_mending_it_goes_on(world: World, case: Case) -> None:
    customer, person, link = founded(world, case.subscriptions, case.licences)

    page = person.walks_to_the_end(link)

    assert is_explained(page, world, customer, **{key: case.causes[key] for key in case.failed})
    told = {key: check["cause"] for key, check in found_checks(world, customer).items()}
    assert {key: cause for key, cause in told.items() if cause != "ok"} == case.causes
    assert all(page.says(f"check.{key}.{cause}.found") for key, cause in case.causes.items())
    assert case.evidence in " ".join(row(page, key) for key in case.causes)
    assert all(page.says(place) for place in case.places)
    assert ends(page) == ([case.until] if case.until else [])

    for change in case.remedy:
        world.change_tenant(
            customer.tenant, **{k: customer.account if v == "person" else v for k, v in change.items()}
        )
    assert is_done(person.checks_again(page))
