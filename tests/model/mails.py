"""What must hold of the mails: none left out, each once, to whom it is for, about nobody else."""

from collections import Counter
from collections.abc import Iterator
from urllib.parse import quote

from association.facts import Record
from association.partition import Mail, MailStatus
from tests.model.changes import wrong
from tests.model.stage import Worker
from tests.model.world import World

FOR_PARTNERS = ("order_incomplete", "unexpected")


def message_id(world: World, record: Record, mail: Mail) -> str:
    """The Message-ID under which it has to leave."""
    domain = world.settings.mail_from.rpartition("@")[2].strip("> ")
    return f"<{record.facts.association_id}.{quote(mail.key, safe='')}@{domain}>"


def judge_mails(world: World) -> Iterator[str]:
    """What is wrong with the mails now."""
    for record in world.records():
        yield from (f"{what} ({record.facts.association_id[:6]})" for what in _left_out(world, record))
    for identifier, times in Counter(mail.message_id for mail in world.posted).items():
        if times > 1 + world.deaths.get(identifier, 0):
            yield f"mail {identifier[34:]} was accepted {times} times"
    for mail in world.posted[world.judged_mails :]:
        record = world.history[mail.association_id][-1]
        if mail.to not in _readers(world, mail.association_id, mail.kind):
            yield f"mail {mail.kind} to somebody else"
        if (mail.values["company_name"], mail.values["reference"]) != (
            record.facts.company_name,
            record.facts.reference,
        ):
            yield f"mail {mail.kind} about another association"
    world.judged_mails = len(world.posted)


def _readers(world: World, association_id: str, kind: str) -> set[str]:
    """The addresses of all to whom a mail of that kind may ever go: support, partners, or administrators."""
    if kind == "conflict":
        return {world.settings.support_email}
    found = set()
    for record in world.history[association_id]:
        contacts = {record.facts.partner_contact, *(each.partner_contact for each in record.orders.values())}
        numbers = contacts if kind in FOR_PARTNERS else {record.facts.administrator}
        found |= {record.person(number).email for number in numbers}
    return found - {""}


def note_deaths(world: World, workers: tuple[Worker, ...]) -> None:
    """Whoever dies between the server's acceptance and our own note repeats the mail, and only they."""
    rows = {
        message_id(world, record, mail): mail for record in world.records() for mail in record.outbox.values()
    }
    for worker in workers:
        for identifier in worker.posted if worker.is_dead else ():
            if rows[identifier].status is not MailStatus.SENT:
                world.deaths[identifier] = world.deaths.get(identifier, 0) + 1


def _left_out(world: World, record: Record) -> Iterator[str]:
    """The rows that the facts ask for; that each of them leaves, or says why not, is seen at the end."""
    facts = record.facts
    there = {(mail.kind, mail.number or mail.about) for mail in record.outbox.values()}
    was_closed = any(event.what == "closed" for event in record.events)
    incomplete = [order.order_number for order in record.orders.values() if order.missing]
    is_for_somebody = facts.administrator and not incomplete and not was_closed
    yield from wrong(
        (is_for_somebody and not facts.link_number, "all that an order needs is there, and no link"),
        (facts.link_number and ("invitation", facts.link_number) not in there, "a link, and nobody invited"),
        (
            _bound_for_somebody(world, record) and ("associated", facts.generation) not in there,
            "bound, and nobody was told",
        ),
        (facts.code_number and ("code", facts.code_number) not in there, "a code, and no mail of it"),
        (
            facts.conflict_at and f"conflict-{facts.tenant_id}" not in record.outbox,
            "a conflict, and support wasn't told",
        ),
        *(
            (not was_closed and ("order_incomplete", number) not in there, "incomplete, and nobody asked")
            for number in incomplete
        ),
    )


def _bound_for_somebody(world: World, record: Record) -> bool:
    """Whether the present binding was made while somebody was recorded who could be told."""
    generation = record.facts.generation
    bound = [
        each for each in world.history[record.facts.association_id] if each.facts.generation == generation
    ]
    return generation > 0 and bound[0].facts.administrator > 0
