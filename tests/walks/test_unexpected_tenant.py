"""Another organisation than the recorded address's: nothing goes on until that address agrees (rule S4)."""

import re
from dataclasses import dataclass

import pytest

from tests.walks.browser import Page, tells
from tests.walks.people import Person
from tests.walks.test_link import failure
from tests.walks.test_stops import cause, is_done
from tests.walks.test_support_actions import acts, done
from tests.walks.world import Customer, World, until

WRONG_TRIES = 5


@dataclass
class Stopped:
    """Somebody signed in with an organisation that wasn't expected; `page` is what they see."""

    customer: Customer
    person: Person
    link: str
    page: Page

    @property
    def recorded(self) -> str:
        return str(self.customer.order["administrator_email"])


@pytest.fixture
def stopped(world: World) -> Stopped:
    customer = world.customer("imprimerie-roussel")
    partner = f"licences@{customer.order['order_number'].lower()}.example"
    customer.order["partner"] = {**customer.order["partner"], "email": partner}
    person = Person(world, customer.account)
    link = world.invites(customer)
    return Stopped(customer, person, link, person.signs_in(person.opens(link)))


def association(world: World, customer: Customer) -> dict[str, str]:
    """What support finds of this customer's order."""
    found: dict[str, str] = world.support(order_number=customer.order["order_number"])
    return found


def code(world: World, stopped: Stopped, number: int = 1) -> str:
    """The `number`th code that was sent to the recorded address."""
    mails = until(
        lambda: world.mails(stopped.recorded, "code")[number - 1 :], f"code number {number} in a mail"
    )
    found = re.search(r"^\s*(\d{6})\s*$", mails[0]["text"], re.MULTILINE)
    assert found, mails[0]["text"]
    return found.group(1)


def another(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def types(stopped: Stopped, typed: str) -> Page:
    return stopped.person.browser.submit(stopped.page, "/code", code=typed)


def test_an_unexpected_organisation_is_stopped_before_any_consent(world: World, stopped: Stopped) -> None:
    page = stopped.page
    assert page.is_headed("unexpected_tenant.title")
    for part in ("found", "nothing_done", "why", "code_sent", "no_code.next"):
        assert page.says(f"unexpected_tenant.{part}")
    assert stopped.customer.account in page.words
    assert world.tenant(stopped.customer.tenant)["tenant_id"] in page.words
    assert cause(world, stopped.customer) == ("identification", "tenant_unexpected", "administrator")
    assert world.tenant(stopped.customer.tenant)["consents"] == []


def test_the_page_never_shows_the_recorded_address(world: World, stopped: Stopped) -> None:
    pages = [stopped.page, types(stopped, "000000"), stopped.person.opens(stopped.link)]
    for page in pages:
        assert stopped.recorded not in page.text
        assert stopped.recorded.rpartition("@")[2] not in page.text


def test_the_code_goes_to_the_recorded_address_and_word_to_the_partner(
    world: World, stopped: Stopped
) -> None:
    right = code(world, stopped)
    organisation = stopped.customer.account.rpartition("@")[2]
    mail = world.mail(stopped.recorded, "code")
    assert tells(mail["text"], "mail.code.warning")
    assert organisation in mail["text"]
    assert right not in mail["subject"]
    told = world.mail(stopped.customer.order["partner"]["email"])
    assert tells(told["subject"], "mail.unexpected.subject")
    assert organisation in told["text"]
    assert right not in told["text"] + told["html"]
    assert world.mails(stopped.customer.account) == []


def test_the_right_code_goes_on_to_the_end(world: World, stopped: Stopped) -> None:
    page = types(stopped, code(world, stopped))
    assert page.is_headed("consent.title")
    assert is_done(stopped.person.consents(page))
    found = world.support(order_number=stopped.customer.order["order_number"])
    assert found["accepted_by"] == "code"
    assert found["tenant_id"] == world.tenant(stopped.customer.tenant)["tenant_id"]
    assert world.mail(stopped.recorded, "associé")
    assert world.mails(stopped.customer.account) == []


def test_a_wrong_code_says_how_many_tries_are_left(world: World, stopped: Stopped) -> None:
    page = types(stopped, another(code(world, stopped)))
    assert page.status == 403
    assert page.says("unexpected_tenant.code_wrong")
    assert re.search(r"\b4\.", page.words)
    assert cause(world, stopped.customer)[1] == "tenant_unexpected"
    assert stopped.person.browser.submit(page, "/code", code=code(world, stopped)).is_headed("consent.title")


def test_after_five_wrong_tries_the_right_code_no_longer_helps_but_a_new_one_does(
    world: World, stopped: Stopped
) -> None:
    first = code(world, stopped)
    for _ in range(WRONG_TRIES):
        page = types(stopped, another(first))
    assert page.says("unexpected_tenant.code_ended")
    assert page.offers("button.new_code")
    late = types(stopped, first)
    assert (late.status, late.says("unexpected_tenant.code_ended")) == (403, True)

    page = stopped.person.browser.submit(late, "/code/new")
    assert page.says("unexpected_tenant.code_sent")
    second = code(world, stopped, 2)
    if first != second:
        page = stopped.person.browser.submit(page, "/code", code=first)
        assert page.says("unexpected_tenant.code_wrong")
    assert stopped.person.browser.submit(page, "/code", code=second).is_headed("consent.title")


def test_the_partner_hears_once_however_many_codes_are_asked_for(world: World, stopped: Stopped) -> None:
    code(world, stopped)
    stopped.person.browser.submit(stopped.page, "/code/new")
    code(world, stopped, 2)
    partner = stopped.customer.order["partner"]["email"]
    until(lambda: world.mails(partner), "word to the partner")
    assert len(world.mails(partner)) == 1


def test_a_code_is_worth_nothing_in_another_session(world: World, stopped: Stopped) -> None:
    right = code(world, stopped)
    other = Person(world, stopped.customer.account)
    page = other.signs_in(other.opens(stopped.link))
    assert page.is_headed("unexpected_tenant.title")
    second = code(world, stopped, 2)
    if second == right:
        pytest.fail("one code in a million was drawn twice: run again")
    assert other.browser.submit(page, "/code", code=right).says("unexpected_tenant.code_wrong")
    late = types(stopped, second)
    assert late.status == 403
    assert late.says("unexpected_tenant.code_ended")


def test_a_code_may_be_typed_with_a_blank_in_the_middle(world: World, stopped: Stopped) -> None:
    right = code(world, stopped)
    assert types(stopped, f" {right[:3]} {right[3:]} ").is_headed("consent.title")


def test_the_consent_is_refused_before_the_code(world: World, stopped: Stopped) -> None:
    token = stopped.page.form("/code")["form_token"]
    page = stopped.person.browser.post(
        f"{stopped.page.url}/consent", {"form_token": token}, Origin=world.host
    )
    failure(page, 403, "tenant_unexpected")
    assert page.offers("button.continue")


def test_once_the_recorded_address_is_erased_support_is_who_can_confirm(
    world: World, stopped: Stopped
) -> None:
    sent, found = code(world, stopped), association(world, stopped.customer)
    done(acts(world, found, "erase-person", email=stopped.recorded))
    ended = types(stopped, sent)
    assert ended.status == 403
    assert ended.says("unexpected_tenant.code_ended")
    page = stopped.person.browser.open(stopped.page.url)
    for seen in (ended, page):
        assert seen.is_headed("unexpected_tenant.no_address.title")
        assert seen.says("unexpected_tenant.no_address.next")
        assert not seen.says("unexpected_tenant.code_offer")
        assert not re.search(r'action="[^"]*/code', seen.text)
    assert page.offers("button.change_account")
    assert cause(world, stopped.customer) == ("identification", "tenant_unexpected", "support")
    tenant_id = world.tenant(stopped.customer.tenant)["tenant_id"]
    done(acts(world, found, "release-tenant", tenant_id=tenant_id))
    assert stopped.person.browser.open(stopped.page.url).is_headed("consent.title")


def test_the_partner_is_not_told_of_a_code_that_nobody_gets(world: World) -> None:
    customer = world.customer("imprimerie-roussel")
    partner = f"nobody@{customer.order['order_number'].lower()}.example"
    customer.order["partner"] = {**customer.order["partner"], "email": partner}
    link = world.invites(customer)
    found = association(world, customer)
    done(acts(world, found, "erase-person", email=customer.order["administrator_email"]))
    person = Person(world, customer.account)
    assert person.signs_in(person.opens(link)).says("unexpected_tenant.no_address.next")
    told = world.mail(partner)
    assert tells(told["text"], "mail.unexpected.no_address")
    assert tells(told["text"], "mail.unexpected.no_address.next")


def test_the_expected_administrator_goes_on_with_the_same_link(world: World, stopped: Stopped) -> None:
    nathalie = Person(world, stopped.recorded)
    assert is_done(nathalie.walks_to_the_end(stopped.link))
    found = world.support(order_number=stopped.customer.order["order_number"])
    assert (found["accepted_by"], found["account"]) == ("domain", stopped.recorded)
    failure(stopped.person.browser.open(f"{stopped.page.url}/sage-contact.xml"), 403, "session_missing")


def test_a_recorded_address_with_a_public_mail_provider_matches_no_organisation(world: World) -> None:
    customer = world.customer("menuiserie-lambert", administrator_email="menuiserie.lambert@orange.fr")
    person = Person(world, customer.account)
    assert person.signs_in(person.opens(world.invites(customer))).is_headed("unexpected_tenant.title")


def test_a_code_typed_after_somebody_else_signed_in_says_who_goes_on(world: World, stopped: Stopped) -> None:
    typed = code(world, stopped)
    second = Person(world, stopped.recorded)
    second.signs_in(second.opens(stopped.link))
    page = types(stopped, typed)
    assert page.status == 403
    assert page.says("progress.notice.account_changed")
