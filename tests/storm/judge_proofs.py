"""What a binding stands on: the three checks of the very person and tenant, every further application
proven, and the people themselves, each once.
"""

from collections.abc import Iterable, Iterator

from association.partition import Prerequisite
from tests.storm.found import Evidence, Partition, Row, Wanted, held, rows_of

CHECKS = {str(each) for each in Prerequisite}


def proofs(wanted: Iterable[Wanted], found: Evidence) -> Iterator[str]:
    """What is missing or too much under each association that was wanted."""
    customers = {one.customer_number: one for one in wanted}
    for identifier, facts, rows in held(found):
        one = customers.get(facts.get("customer_number", ""))
        if one is None:
            yield f"association {identifier} is of no customer that was wanted"
            continue
        yield from _people(one, identifier, facts, rows)
        yield from _checks(one, identifier, rows)
        yield from _applications(one, identifier, rows)


def _people(one: Wanted, identifier: str, facts: Row, rows: Partition) -> Iterator[str]:
    """The recorded administrator, the partner's contact and whoever signed in, and nobody twice."""
    people = rows_of(rows, "person")
    by_number = {row["number"]: row for row in people}
    expected = {
        "administrator": ("email", one.administrator),
        "partner_contact": ("email", one.partner),
        **({"account": ("username", one.administrator)} if one.tenant_id else {}),
    }
    for fact, (name, value) in expected.items():
        if by_number.get(facts.get(fact), {}).get(name) != value:
            yield f"association {identifier} has lost its {fact}"
    named = {facts.get(fact) for fact in expected}
    if len(people) != len(named) or set(by_number) != named:
        yield f"association {identifier} knows the people {sorted(by_number)}, and not {named}"


def _checks(one: Wanted, identifier: str, rows: Partition) -> Iterator[str]:
    """All three are ok, of the person who bound and the tenant that is bound."""
    checks = rows_of(rows, "check")
    if {row["key"] for row in checks} != (CHECKS if one.tenant_id else set()):
        yield f"association {identifier} has the checks {sorted(row['key'] for row in checks)}"
    for binding in rows_of(rows, "binding"):
        right = ("ok", binding["tenant_id"], binding["object_id"])
        for check in checks:
            if (check["result"], check["tenant_id"], check["object_id"]) != right:
                yield f"association {identifier}: check {check['key']} is {check['result']}, or not its own"


def _applications(one: Wanted, identifier: str, rows: Partition) -> Iterator[str]:
    """Every application that was asked for is proven, of the tenant that is bound."""
    grants = rows_of(rows, "app")
    expected = {(key, one.tenant_id) for key in one.applications if one.tenant_id}
    if {(row["key"], row["tenant_id"]) for row in grants} != expected:
        yield f"association {identifier} has the applications {sorted(row['key'] for row in grants)}"
    for row in grants:
        if not row.get("proven_at") or row.get("missing"):
            yield f"association {identifier}: its application {row['key']} is not proven"
