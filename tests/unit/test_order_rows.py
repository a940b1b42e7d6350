"""An order as rows: added, met again, completed, refused with the differences named."""

from dataclasses import replace
from typing import Any

import pytest

from association.errors import OrderConflictError
from association.facts import Change, Record
from association.order import OrderRequest, parse_order
from association.order_rows import create, join
from association.partition import Person
from tests.memory import NOW, ORDER

NEEDED_LATER = ("administrator_email", "mpn_id", "office365_users", "azure_ad_users")


def request(*left_out: str, **changes: Any) -> OrderRequest:
    return parse_order({name: value for name, value in {**ORDER, **changes}.items() if name not in left_out})


def stored(change: Change, record: Record | None = None) -> Record:
    base = record or Record(facts=change.facts, etag="1")
    return replace(
        base,
        facts=change.facts,
        people={**base.people, **{person.number: person for person in change.people}},
        orders={**base.orders, **{order.order_number: order for order in change.orders}},
    )


def recorded(*left_out: str, **changes: Any) -> Record:
    return stored(create("a" * 32, request(*left_out, **changes), NOW))


def joined(record: Record, *left_out: str, **changes: Any) -> Record:
    change = join(record, request(*left_out, **changes), NOW)
    assert change is not None
    return stored(change, record)


def test_a_first_order_makes_the_association_with_people_by_number_only() -> None:
    change = create("a" * 32, request(), NOW)
    assert [(person.number, person.email) for person in change.people] == [
        (1, "marie@boulangerie-dupont.example"),
        (2, "contact@partenaire.example"),
    ]
    assert (change.facts.administrator, change.facts.partner_contact) == (1, 2)
    assert "@" not in repr(change.facts) + repr(change.orders) + repr(change.event)


def test_one_address_in_both_roles_is_one_person() -> None:
    both = request(administrator_email="contact@partenaire.example")
    change = create("a" * 32, both, NOW)
    assert len(change.people) == 1
    assert change.facts.administrator == change.facts.partner_contact == 1


def test_a_repeat_changes_nothing() -> None:
    assert join(recorded(), request(), NOW) is None


@pytest.mark.parametrize("left_out", NEEDED_LATER[:2])
def test_a_repeat_may_leave_out_what_is_recorded(left_out: str) -> None:
    assert join(recorded(), request(left_out), NOW) is None


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"company_name": "Autre"}, "company_name"),
        ({"model": "DSU"}, "model"),
        ({"subscription": "elsewhere"}, "subscription"),
        ({"language": "en"}, "language"),
        ({"mpn_id": "999999"}, "mpn_id"),
        ({"administrator_email": "autre@boulangerie-dupont.example"}, "administrator_email"),
        ({"partner": {**ORDER["partner"], "number": "P-2"}}, "partner_number"),
        ({"partner": {**ORDER["partner"], "name": "Autre"}}, "partner_name"),
        ({"partner": {**ORDER["partner"], "email": "x@partenaire.example"}}, "partner_email"),
        ({"customer_number": "C-2"}, "customer_number"),
    ],
)
def test_a_repeat_with_another_content_is_refused_and_the_difference_named(
    changes: dict[str, Any], difference: str
) -> None:
    with pytest.raises(OrderConflictError) as caught:
        join(recorded(), request(**changes), NOW)
    assert caught.value.differences == (difference,)


def test_all_differences_are_named_at_once() -> None:
    with pytest.raises(OrderConflictError) as caught:
        join(recorded(), request(model="DSU", office365_users=9, azure_ad_users=9), NOW)
    assert caught.value.differences == ("model", "office365_users", "azure_ad_users")


def test_a_conflict_names_no_address() -> None:
    with pytest.raises(OrderConflictError) as caught:
        join(recorded(), request(administrator_email="autre@boulangerie-dupont.example"), NOW)
    assert "@" not in str(caught.value)


@pytest.mark.parametrize(
    "missing",
    [("administrator_email",), ("mpn_id",), ("office365_users", "azure_ad_users"), NEEDED_LATER],
    ids=" ".join,
)
def test_a_repeat_completes_what_was_missing(missing: tuple[str, ...]) -> None:
    record = recorded(*missing)
    assert record.orders["CMD-1"].missing == missing
    later = joined(record)
    assert later.orders["CMD-1"].missing == ()
    assert later.orders["CMD-1"].received_at == record.orders["CMD-1"].received_at
    assert later.person(later.facts.administrator).email == ORDER["administrator_email"]


def test_completing_one_field_keeps_the_others() -> None:
    record = joined(recorded("mpn_id", "administrator_email"), "administrator_email")
    assert record.orders["CMD-1"].missing == ("administrator_email",)
    assert record.orders["CMD-1"].mpn_id == ORDER["mpn_id"]
    assert record.facts.administrator == 0
    completed = joined(recorded("mpn_id"), "administrator_email")
    assert completed.orders["CMD-1"].missing == ()
    assert completed.person(completed.facts.administrator).email == ORDER["administrator_email"]


def test_a_second_order_joins_and_the_first_administrator_stays() -> None:
    other = "autre@boulangerie-dupont.example"
    record = joined(recorded(), order_number="CMD-2", administrator_email=other)
    assert set(record.orders) == {"CMD-1", "CMD-2"}
    assert record.person(record.facts.administrator).email == ORDER["administrator_email"]
    assert record.person(record.orders["CMD-2"].administrator).email == other
    assert record.orders["CMD-2"].partner_contact == record.orders["CMD-1"].partner_contact


def test_who_signed_in_is_not_taken_for_the_administrator_an_order_lacks() -> None:
    record = recorded("administrator_email")
    account = Person(number=record.next_person(), name="Marie", username="marie@elsewhere.example")
    record = replace(record, people={**record.people, account.number: account})
    record = joined(record, "administrator_email", order_number="CMD-2")
    assert record.orders["CMD-2"].missing == ("administrator_email",)
    assert record.facts.administrator == 0


def test_a_repeat_that_leaves_the_language_out_is_a_repeat() -> None:
    english = recorded(language="en")
    assert english.facts.language == "en"
    assert join(english, request("language"), NOW) is None
    assert recorded("language").facts.language == "fr"


def erased(record: Record, number: int) -> Record:
    facts = replace(record.facts, administrator=0)
    return replace(record, facts=facts, people={**record.people, number: Person(number=number)})


def test_completing_an_order_does_not_bring_back_whom_it_named_and_support_erased() -> None:
    record = erased(recorded("mpn_id"), 1)
    record = joined(record, "administrator_email")
    assert record.facts.administrator == 0
    assert record.orders["CMD-1"].missing == ("administrator_email",)
    named = joined(record, administrator_email="paul@boulangerie-dupont.example")
    assert named.person(named.facts.administrator).email == "paul@boulangerie-dupont.example"
    assert named.orders["CMD-1"].missing == ()
