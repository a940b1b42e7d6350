"""The tables beside the associations: links, look-up hints, counts. Nobody renews, revokes or erases in a
storm: what stands there follows from the facts alone.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC

from adapters.storage.links import DAYS
from adapters.storage.links import ROW_KEY as LINK
from adapters.storage.row_keys import digest
from association.keys import Keys, token_hash
from association.limits import MOST_PER_HOUR
from association.links import link_id
from association.rows import Purpose
from tests.storm.found import Evidence, Row, held, rows_of

# What is begun by pressing a button; the confirming trip, and one that is repeated by itself, follow alone.
PRESSED = ("sign_in", "consent", "application")


def tables(found: Evidence) -> Iterator[str]:
    """What is lost, doubled or led astray there."""
    yield from _links(found)
    yield from _hints(found)
    yield from _limits(found)


def _links(found: Evidence) -> Iterator[str]:
    """One live link of each purpose that the facts tell, under the hash of its token and on the list of the
    day it ends; and no other link at all.
    """
    expected: dict[str, str] = {}
    links = list(found.links)
    marks = {(row["PartitionKey"], row["RowKey"]) for row in links}
    for identifier, facts, _ in held(found):
        for purpose, number in _issued(facts):
            if number != 1:
                yield f"association {identifier} has its {purpose} link for the {number}th time"
            expected[_hash(found.keys, identifier, purpose, number)] = identifier
    standing = {row["PartitionKey"]: row for row in links if row["RowKey"] == LINK}
    for hashed, identifier in expected.items():
        row = standing.pop(hashed, None)
        if row is None or row["association_id"] != identifier:
            yield f"association {identifier} has lost a link"
        elif row.get("revoked_at"):
            yield f"link {row['link_id']} is revoked"
        elif (f"{DAYS}{row['expires_at'].astimezone(UTC):%Y%m%d}", hashed) not in marks:
            yield f"link {row['link_id']} is not listed under the day it ends"
    yield from (f"link {row['link_id']} is nobody's" for row in standing.values())


def _issued(facts: Row) -> list[tuple[Purpose, int]]:
    numbers = {Purpose.ASSOCIATION: facts.get("link_number", 0), Purpose.SHARE: facts.get("share_number", 0)}
    needed = {Purpose.ASSOCIATION: True, Purpose.SHARE: bool(facts.get("generation"))}
    return [(purpose, number) for purpose, number in numbers.items() if number or needed[purpose]]


def _hash(keys: Keys, identifier: str, purpose: Purpose, number: int) -> str:
    return token_hash(keys.link_token(keys.kid, link_id(identifier, purpose, number)))


def _hints(found: Evidence) -> Iterator[str]:
    """Each association is found by every address recorded for it, and no hint leads anywhere else."""
    expected = {
        (row["email"], identifier)
        for identifier, _, rows in held(found)
        for row in rows_of(rows, "person")
        if row.get("email")
    }
    led = {(email, identifier) for email, found_by in found.hints.items() for identifier in found_by}
    yield from (f"association {one} is not found by an address of its own" for _, one in expected - led)
    yield from (f"association {one} is found by somebody else's address" for _, one in led - expected)
    if found.hint_rows != len(led):
        yield f"{found.hint_rows} hints stand there, and {len(led)} are found by the addresses"


def _limits(found: Evidence) -> Iterator[str]:
    """Every trip that somebody began by a button was counted before, and nothing is counted of nobody."""
    begun: Counter[tuple[str, str]] = Counter()
    for flow in found.flows:
        if flow["leg"] in PRESSED and not flow.get("is_retry"):
            begun["post", flow["association_id"]] += 1
        if flow["leg"] == "sign_in":
            begun["sign_in", flow["association_id"]] += 1
    for (what, identifier), trips in begun.items():
        if (counted := found.limits.get(digest(f"{what}.{identifier}"), 0)) < trips:
            yield f"association {identifier} has {trips} trips of {what} and {counted} counted"
    known = {digest(f"{what}.{identifier}") for what in MOST_PER_HOUR for identifier in found.associations}
    strange = found.limits.keys() - known
    if strange:
        yield f"{len(strange)} counts are nobody's"
