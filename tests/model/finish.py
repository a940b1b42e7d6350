"""The end: with Microsoft, mail server and people willing, whatever was left lying comes to its end."""

from datetime import timedelta

from association.facts import Record
from association.partition import MailStatus
from tests.model import acts, people
from tests.model.flaws import heal
from tests.model.mails import message_id
from tests.model.standing import unexpected
from tests.model.world import World

MOST_MOVES = 30
MOST_MESSAGES = 300
SETTLED = ("link_ended", "address_erased", "overtaken", "never_finished", "drawn")


def settles(world: World) -> None:
    """The queue is worked off without faults: every mail has left or says why not, every claim has its fact.

    Raises AssertionError.
    """
    world.microsoft.faults.clear()
    world.mail_faults.clear()
    for _ in range(MOST_MESSAGES):
        if not world.tasks.messages:
            break
        first = min(world.tasks.messages, key=lambda each: each.due)
        world.clock.at = max(world.clock.at, first.due)
        worker = acts.deliver(world, first)
        world.play(worker)
        world.broken += unexpected(world, (worker,))
    assert not world.tasks.messages, f"the queue never ends: {world.tasks.messages[:3]}"
    for record in world.records():
        for mail in record.outbox.values():
            assert mail.status in (MailStatus.SENT, MailStatus.FAILED), f"mail {mail.key} is {mail.status}"
            key = message_id(world, record, mail)
            is_known = any(each.message_id == key for each in world.posted)
            assert is_known or mail.status is MailStatus.FAILED, f"mail {mail.key} never left"
            assert mail.status is MailStatus.SENT or mail.reason in SETTLED, f"{mail.key}: {mail.reason}"
    for key, claim in world.claims.items():
        kind, _, value = key.partition(".")
        if claim is None or kind == "reference":
            continue
        known = world.history.get(claim.association_id)
        assert known and _holds(known[-1], kind, value), f"a claim without its fact: {key}"


def _holds(record: Record, kind: str, value: str) -> bool:
    facts = record.facts
    plain = value.replace("_20", " ")
    return {
        "tenant": facts.bound_tenant_id == plain,
        "customer": facts.customer_number == plain,
        "order": plain in record.orders,
    }[kind]


def ends_well(world: World) -> None:
    """An administrator who is willing gets every unbound association to its end, or meets the conflict.

    Raises AssertionError.
    """
    for tenant in world.microsoft.tenants.values():
        heal(tenant)
    for record in world.records():
        if not record.facts.generation:
            _ends_well(world, record)


def _ends_well(world: World, record: Record) -> None:
    if not record.person(record.facts.administrator).email:
        return
    tenant_id = next(
        tenant.tenant_id
        for tenant in world.microsoft.tenants.values()
        if tenant.domain == record.person(record.facts.administrator).email.rpartition("@")[2]
    )
    browser = world.new_browser("anne" if tenant_id == world.tenant_id(0) else "paul")
    browser.target = record.facts.association_id
    world.play(acts.support_does(world, record, "renew-link", {"reason": "to end well"}))
    settles(world)
    claim = world.claim_on("tenant", tenant_id)
    taken = claim is not None and claim.association_id != record.facts.association_id
    for _ in range(MOST_MOVES):
        worker = people.advance(world, browser)
        world.play(worker)
        world.broken += unexpected(world, (worker,))
        now = world.history[record.facts.association_id][-1]
        if now.facts.generation or (taken and now.facts.conflict_at):
            break
        if browser.pages and "data-refresh" in browser.pages[-1].text:
            world.clock.at += timedelta(seconds=30)
    now = world.history[record.facts.association_id][-1]
    assert now.facts.generation or (taken and now.facts.conflict_at), (
        f"stuck after {[status[:2] for status in browser.statuses[-12:]]}"
    )
    settles(world)
