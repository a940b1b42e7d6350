"""The customers of whom each is at one failing, and whoever reads what they are told."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from azure.data.tables import TableClient

from adapters.storage.row_keys import digest, escape
from association.keys import Keys
from association.limits import MOST_PER_HOUR
from association.links import link_id
from association.rows import Purpose
from association.settings import Settings
from tests.walks.browser import Browser, Page
from tests.walks.people import Person
from tests.walks.test_guests import consultant
from tests.walks.world import Customer, World

# what their browsers ask for; a customer's order is in French, so its English readers switch as well
ACCEPTED = {"fr": "fr-FR,fr;q=0.9", "en": "en-GB,en;q=0.9,fr;q=0.5"}


@dataclass(frozen=True, slots=True)
class Case:
    """A customer's order, its link, and somebody in front of the page `page`."""

    customer: Customer
    order: dict[str, Any]
    link: str
    person: Person
    page: Page

    @property
    def association_id(self) -> str:
        return str(self.order["association_id"])


@dataclass
class Scene:
    """The customers of one host, each brought to where it fails only once."""

    world: World
    switched: dict[tuple[str, str], str] = field(default_factory=dict)

    def ordered(self, name: str = "menuiserie-lambert") -> Case:
        """A customer of its own, who has opened the link."""
        customer = self.world.customer(name, language="fr")
        order = self.world.orders(customer)
        link = f"{self.world.host}/a?k={self.token(order, Purpose.ASSOCIATION)}"
        person = Person(self.world, customer.account)
        return Case(customer, order, link, person, person.opens(link))

    def token(self, order: dict[str, Any], purpose: Purpose) -> str:
        """The token of an order's first link; the mail with it may be unable to leave."""
        keys = Keys(Settings.from_mapping(self.world.settings["Values"]).signing_keys)
        return keys.link_token(keys.kid, link_id(order["association_id"], purpose, 1))

    def signed_in(self, name: str = "menuiserie-lambert") -> Case:
        """A customer whose administrator has signed in."""
        case = self.ordered(name)
        return self._at(case, case.person.signs_in(case.page))

    def stranger(self, language: str) -> Browser:
        """A browser that has opened nothing of ours."""
        return Browser(language=ACCEPTED[language])

    def reader(self, case: Case, language: str) -> Person:
        """The case's person, with the same cookies, reading `language`."""
        browser = case.person.browser.copy()
        browser.language = ACCEPTED[language]
        if language == "en":
            browser.cookies.kept |= self._switched()
        return Person(self.world, case.person.account, browser)

    def store(self, table: str, partition_key: str, row_key: str, **properties: Any) -> None:
        """Change a row behind the product's back, or add it: what a walk can't wait for."""
        row = {"PartitionKey": partition_key, "RowKey": row_key, **properties}
        with TableClient.from_connection_string(self.world.parts["storage"], table) as client:
            client.upsert_entity(row)

    @cached_property
    def opened(self) -> Case:
        return self.ordered()

    @cached_property
    def signed(self) -> Case:
        return self.signed_in()

    @cached_property
    def bound(self) -> Case:
        case = self.ordered()
        page = case.person.walks_to_the_end(case.link)
        return self._at(case, case.person.authorises(page, "contact"))

    @cached_property
    def colleague(self) -> Case:
        """Somebody of a bound organisation who administers nothing, signed in."""
        case = self.bound
        hugo = Person(self.world, case.customer.address("hugo.marchand"))
        page = hugo.signs_in(hugo.opens(case.link))
        return Case(case.customer, case.order, case.link, hugo, page)

    @cached_property
    def unmet(self) -> Case:
        case = self.ordered("cabinet-faure")
        return self._at(case, case.person.walks_to_the_end(case.link))

    @cached_property
    def unexpected(self) -> Case:
        return self.signed_in("imprimerie-roussel")

    @cached_property
    def told_again(self) -> Case:
        """Whoever was sent a code before somebody else signed in, who was sent another one."""
        first, later = self.unexpected, Person(self.world, self.unexpected.customer.account)
        page = later.signs_in(later.opens(first.link))
        return Case(first.customer, first.order, first.link, later, page)

    @cached_property
    def overtaken(self) -> Case:
        """Somebody signed in, and then a colleague with the same link."""
        case = self.signed_in("boulangerie-morel")
        colleague = Person(self.world, case.customer.address("claire.morel"))
        colleague.signs_in(colleague.opens(case.link))
        return case

    @cached_property
    def advised(self) -> Case:
        """A link's holder who is a guest in another organisation than the order's."""
        other = self.world.customer("menuiserie-lambert")
        guest = consultant(self.world, other)
        case = self.ordered()
        page = guest.opens(case.link)
        return Case(other, case.order, case.link, guest, page)

    @cached_property
    def expired(self) -> Case:
        case = self.ordered()
        token = self.token(case.order, Purpose.ASSOCIATION)
        self.store("links", digest(token), "link", expires_at=datetime.now(UTC) - timedelta(seconds=1))
        return case

    @cached_property
    def renewed(self) -> Case:
        return self._after("renew-link")

    @cached_property
    def closed(self) -> Case:
        return self._after("close")

    @cached_property
    def busy(self) -> Case:
        """An association that has posted as often in this hour, and the next, as one may."""
        case = self.ordered()
        self.has_posted_enough(case.association_id)
        return case

    def has_posted_enough(self, association_id: str) -> None:
        for hour in range(2):
            window = f"{datetime.now(UTC) + timedelta(hours=hour):%Y-%m-%dT%H}"
            row_key = f"{escape(window)}.{digest(f'post.{association_id}')}"
            self.store("limits", escape(window[:10]), row_key, count=MOST_PER_HOUR["post"])

    @cached_property
    def contended(self) -> Case:
        """An association whose next changes others have made each time."""
        case = self.ordered()
        (facts,) = (
            row for row in self.world.rows("associations", case.association_id) if row["RowKey"] == "facts"
        )
        for version in range(facts["version"] + 1, facts["version"] + 8):
            self.store(
                "associations",
                case.association_id,
                f"event.{version:010}",
                what="changed",
                at=datetime.now(UTC),
                version=version,
            )
        return case

    @cached_property
    def broken(self) -> Case:
        """An association whose facts hold a value that this release can't read."""
        case = self.ordered()
        self.store("associations", case.association_id, "facts", accepted_by="nobody we know")
        return case

    def _after(self, verb: str) -> Case:
        case = self.ordered()
        answer = self.world.post(
            f"/support/associations/{case.association_id}/{verb}", {"reason": "une preuve"}
        )
        assert answer.status_code == 200, answer.text
        return case

    def _switched(self) -> dict[tuple[str, str], str]:
        """The cookie that the switch to English leaves."""
        if not self.switched:
            browser = Browser()
            browser.open(f"{self.world.host}/privacy?language=en")
            self.switched |= browser.cookies.kept
        return self.switched

    def _at(self, case: Case, page: Page) -> Case:
        return Case(case.customer, case.order, case.link, case.person, page)
