"""What has expired is deleted, by a nightly timer: Table Storage forgets nothing by itself (rule S11)."""

from datetime import datetime, timedelta

from association.erase import erase
from association.facts import Record
from association.limits import codes_of_link
from association.partition import Event
from association.ports import Ports
from association.rows import EndedLink, Link, Purpose

FLOWS_KEPT = timedelta(days=1)
COUNTERS_KEPT = timedelta(days=1)  # whole days after the day they counted
AT_ONCE = 1000


async def purge(ports: Ports) -> None:
    """Delete expired flows, counters of the days before yesterday, links that ended `RETENTION_DAYS` ago.

    With the last link of an association that never came to its end, the people in it are erased. At most
    a thousand rows of each kind; the next night goes on. A link that fails, or is kept for a later order,
    stops none of the others, and has its next turn after them; the error is raised at the end.
    """
    now = ports.now()
    await ports.flows.purge(now - FLOWS_KEPT, AT_ONCE)
    await ports.limits.purge(now - COUNTERS_KEPT, AT_ONCE)
    kept = timedelta(days=ports.settings.retention_days)
    failed: Exception | None = None
    for ended in await ports.links.ended(now - kept, AT_ONCE):
        try:
            await _take_turn(ports, ended, now - kept)
        except Exception as error:  # noqa: BLE001 - nor does what nobody foresaw stop the others
            failed = error
    if failed:
        raise failed


async def _take_turn(ports: Ports, ended: EndedLink, kept_since: datetime) -> None:
    is_over = False
    try:
        # what the link was the reason for goes first: who is interrupted finds the link again
        is_over = await _end(ports, ended.link, kept_since)
    finally:
        if is_over:
            await ports.links.forget(ended)
        else:
            await ports.links.postpone(ended, kept_since)


async def _end(ports: Ports, link: Link, kept_since: datetime) -> bool:
    """Whether nothing hangs on the link any more: not while a later order of its association is kept."""
    if link.purpose is not Purpose.ASSOCIATION:
        return True
    number = int(link.link_id.rpartition(".")[2])
    await ports.limits.forget(*codes_of_link(link.association_id, number))
    record = await ports.associations.read(link.association_id)
    if record is None or not _is_abandoned(record, number):
        return True
    if _has_later_order(record, kept_since):
        return False
    people = tuple(person for person in record.people.values() if person.addresses or person.name)
    if people:
        event = Event(what="people_erased", at=ports.now(), by="retention")
        await erase(ports, record, people, event, lambda now: _may_be_erased(now, number, kept_since))
        # or an order came meanwhile, and keeps them
        record = await ports.associations.read(link.association_id)
    return record is None or not _is_abandoned(record, number) or not _has_later_order(record, kept_since)


def _may_be_erased(record: Record, number: int, kept_since: datetime) -> bool:
    return _is_abandoned(record, number) and not _has_later_order(record, kept_since)


def _is_abandoned(record: Record, number: int) -> bool:
    """Whether link `number` was the last, and nobody associated a tenant through it."""
    return not record.facts.is_bound and record.facts.link_number == number


def _has_later_order(record: Record, kept_since: datetime) -> bool:
    return any(order.received_at >= kept_since for order in record.orders.values())
