"""The organisation's name on the pages, before and after the binding."""

from dataclasses import replace

from association.facts import AcceptedBy
from association.organisation import organisation
from association.partition import Binding, Person
from tests.memory import NOW, TENANT, Memory, ordered, signed_in


async def test_a_member_reads_the_domain_they_signed_in_with() -> None:
    memory = Memory()
    record, _ = await signed_in(memory, await ordered(memory))
    assert organisation(record) == record.person(record.facts.account).username.partition("@")[2]


async def test_a_guest_never_reads_the_organisation_they_come_from() -> None:
    memory = Memory()
    record, _ = await signed_in(memory, await ordered(memory))
    guest = Person(number=record.facts.account, username="bob@infogerance.example")
    record = replace(record, people={**record.people, guest.number: guest})
    recorded = record.person(record.facts.administrator).email.partition("@")[2]
    for accepted_by, shown in ((AcceptedBy.DOMAIN, recorded), (AcceptedBy.SUPPORT, TENANT)):
        facts = replace(record.facts, is_guest=True, accepted_by=accepted_by)
        assert organisation(replace(record, facts=facts)) == shown


async def test_microsofts_name_is_shown_once_bound() -> None:
    memory = Memory()
    record, _ = await signed_in(memory, await ordered(memory))
    named = {"tenant_id": TENANT, "object_id": "x", "organisation": "Dupont SA"}
    binding = Binding(generation=1, person=1, at=NOW, **named)
    bound = replace(record, facts=replace(record.facts, generation=1), bindings={1: binding})
    assert organisation(bound) == "Dupont SA"


async def test_a_guest_reads_the_tenant_once_the_address_that_accepted_it_is_erased() -> None:
    memory = Memory()
    record, _ = await signed_in(memory, await ordered(memory))
    facts = replace(record.facts, is_guest=True, accepted_by=AcceptedBy.DOMAIN, administrator=0)
    assert organisation(replace(record, facts=facts)) == TENANT
