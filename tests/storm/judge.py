"""What is right after a storm, held against the rows as they are stored and the mails as they were accepted.

Here: orders, claims and bindings; everything else has a room of its own. Rows are plain properties under
their keys, read without the product, but for what only its signing keys can name.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from adapters.storage.row_keys import escape
from tests.storm.found import Evidence, Row, Wanted, events, held, rows_of
from tests.storm.judge_history import histories
from tests.storm.judge_mails import mails
from tests.storm.judge_proofs import proofs
from tests.storm.judge_tables import tables


def judge(wanted: Iterable[Wanted], found: Evidence) -> list[str]:
    """Everything that is wrong, in words; nothing when nothing was lost or doubled."""
    expected = list(wanted)
    wrong = [*_orders(expected, found), *_claims(found), *_bindings(expected, found)]
    wrong += [*histories(found), *proofs(expected, found), *tables(found), *mails(found)]
    if found.poisoned:
        wrong.append(f"{found.poisoned} tasks were given up")
    return wrong


def _orders(wanted: list[Wanted], found: Evidence) -> Iterator[str]:
    """Each order is one row of one association, which owns the claims of order, customer and reference."""
    owners: dict[str, list[str]] = defaultdict(list)
    for identifier, rows in found.associations.items():
        if "facts" not in rows:
            yield f"association {identifier} has rows and no facts"
        for row in rows_of(rows, "order"):
            owners[row["order_number"]].append(identifier)
    for one in wanted:
        holders = owners.pop(one.order_number, [])
        if len(holders) == 1:
            yield from _owned(one, holders[0], found)
        else:
            yield f"order {one.order_number} is in {len(holders)} associations"
    yield from (f"order {number} was handed in by nobody" for number in owners)


def _owned(one: Wanted, identifier: str, found: Evidence) -> Iterator[str]:
    facts = found.associations[identifier].get("facts", {})
    if facts.get("customer_number") != one.customer_number:
        yield f"order {one.order_number} is another customer's"
    for kind, value in (
        ("order", one.order_number),
        ("customer", one.customer_number),
        ("reference", facts.get("reference", "")),
    ):
        claim = found.claims.get(f"{escape(kind)}.{escape(value)}")
        if claim is None or claim["association_id"] != identifier:
            yield f"the {kind} of order {one.order_number} is not claimed by its association"


def _claims(found: Evidence) -> Iterator[str]:
    """The other way round: every claim is of an association that holds what is claimed. References of
    failures are claimed besides, each of an association that exists.
    """
    holding: set[tuple[str, str]] = set()
    for identifier, facts, rows in held(found):
        holding.add((f"customer.{escape(facts.get('customer_number', ''))}", identifier))
        holding |= {(f"order.{escape(row['order_number'])}", identifier) for row in rows_of(rows, "order")}
    for key, claim in found.claims.items():
        kind, owner = key.partition(".")[0], claim["association_id"]
        is_stranded = owner not in found.associations
        if is_stranded or (kind in ("order", "customer") and (key, owner) not in holding):
            yield f"claim {key} is stranded: association {owner} doesn't hold it"


def _bindings(wanted: list[Wanted], found: Evidence) -> Iterator[str]:
    """Each tenant is bound once, to its own customer, under its claim; and there is no other claim."""
    tenants = {one.customer_number: one.tenant_id for one in wanted}
    claimed = {
        key.removeprefix("tenant."): claim for key, claim in found.claims.items() if key.startswith("tenant.")
    }
    bound: Counter[str] = Counter()
    for identifier, facts, rows in held(found):
        number, made = facts.get("customer_number", ""), rows_of(rows, "binding")
        expected = 1 if tenants.get(number) else 0
        told = sum(event["what"] == "bound" for event in events(rows))
        if (len(made), facts.get("generation"), told) != (expected, expected, expected):
            yield f"customer {number} has {len(made)} bindings, {told} told, {facts.get('generation')}"
        bound.update(binding["tenant_id"] for binding in made)
        for binding in made:
            claim = claimed.pop(escape(binding["tenant_id"]), None)
            yield from _bound(binding, claim, identifier, facts, tenants.get(number))
    yield from (f"tenant {tenant} is bound {times} times" for tenant, times in bound.items() if times > 1)
    yield from (f"tenant {tenant} is claimed without a binding" for tenant in claimed)


def _bound(
    binding: Row, claim: Row | None, identifier: str, facts: Row, tenant_id: str | None
) -> Iterator[str]:
    number = facts.get("customer_number", "")
    if not binding["tenant_id"] == facts.get("bound_tenant_id") == tenant_id:
        yield f"customer {number} is bound to another tenant"
    if claim is None or (claim["association_id"], claim["generation"]) != (identifier, 1):
        yield f"customer {number}: its binding has no claim of its own"
