"""What must hold of a change whoever makes it: history grows, facts stay, Microsoft's word is true."""

from collections.abc import Iterator
from dataclasses import replace

from association.facts import Facts, Record
from association.partition import Grant, MailStatus
from tests.memory import ROLES
from tests.model.stage import Worker
from tests.model.world import CONSENT_ROLES

CONSTANT = ("association_id", "reference", "created_at", "customer_number", "company_name")
COUNTED = ("link_number", "share_number", "code_number", "generation")
BOUND = ("bound_tenant_id", "bound_at", "bound_by")
ROWS = ("people", "orders", "grants", "checks", "bindings", "outbox")
MAY_FOLLOW = {
    MailStatus.DUE: {MailStatus.SENDING, MailStatus.FAILED},
    MailStatus.SENDING: {MailStatus.SENT, MailStatus.FAILED, MailStatus.DUE},
    MailStatus.FAILED: {MailStatus.DUE},
    MailStatus.SENT: set(),
}


def wrong(*findings: tuple[object, str]) -> Iterator[str]:
    """The texts of those findings that are so."""
    yield from (text for is_so, text in findings if is_so)


def grows(before: Record | None, after: Record) -> Iterator[str]:
    """The history only grows, by one event a version."""
    events = before.events if before else ()
    is_same = before is not None and after.facts.version == before.facts.version
    numbers = [event.version for event in after.events]
    yield from wrong(
        (numbers != list(range(1, after.facts.version + 1)), "the history has gaps"),
        (after.events[: len(events)] != events, "the history was rewritten"),
        (after.facts.version - len(events) > 1, "more than one version at once"),
        (is_same and _without_mails(after) != _without_mails(before), "facts changed without a version"),
    )


def keeps(before: Record, after: Record) -> Iterator[str]:
    """What was there stays; what is counted never goes back; a sent mail is final."""
    old, new = before.facts, after.facts
    yield from wrong(
        *((getattr(old, name) != getattr(new, name), f"{name} changed") for name in CONSTANT),
        *((getattr(old, name) > getattr(new, name), f"{name} went back") for name in COUNTED),
        *(
            (old.generation and getattr(old, name) != getattr(new, name), f"a binding's {name} changed")
            for name in BOUND
        ),
        *((getattr(before, name).keys() - getattr(after, name).keys(), f"{name} were lost") for name in ROWS),
        *(
            (after.bindings.get(number) != binding, "a binding's row changed")
            for number, binding in before.bindings.items()
        ),
    )
    for key, mail in before.outbox.items():
        now = after.outbox.get(key, mail)
        if now.status != mail.status and now.status not in MAY_FOLLOW[mail.status]:
            yield f"mail {mail.kind} went from {mail.status} to {now.status}"


def was_told(worker: Worker, before: Record, after: Record) -> Iterator[str]:
    """What is noted as Microsoft's word was told to the one who notes it."""
    old, new = before.facts, after.facts
    is_proven = new.access_proven_at and new.access_proven_at != old.access_proven_at
    yield from wrong(
        (
            new.signed_in_at != old.signed_in_at and not _was_shown(worker, new),
            "signed in without an identity",
        ),
        (is_proven and not _had_roles(worker, new), "access proven without a token that has the roles"),
        *(
            (
                check != before.checks.get(key)
                and (check.tenant_id, check.object_id) != (new.tenant_id, new.object_id),
                "a check of somebody who isn't signed in",
            )
            for key, check in after.checks.items()
        ),
    )
    for key, grant in after.grants.items():
        yield from _grant(worker, before.grants.get(key), grant)


def starts_anew(before: Facts, after: Facts) -> Iterator[str]:
    """What was found out about one tenant says nothing about the next."""
    if after.tenant_id == before.tenant_id:
        return
    names = ("accepted_at", "consented_at", "access_proven_at", "conflict_at")
    yield from wrong(
        (before.generation, "somebody of another tenant disturbs a binding"),
        *(
            (
                getattr(after, name) and getattr(after, name) == getattr(before, name),
                f"{name} of another tenant",
            )
            for name in names
        ),
    )


def _grant(worker: Worker, before: Grant | None, after: Grant) -> Iterator[str]:
    is_proven = after.proven_at and (before is None or before.proven_at != after.proven_at)
    is_waived = after.waived_at and (before is None or not before.waived_at)
    is_told = any(
        what == "applications" and of == after.tenant_id and CONSENT_ROLES in answer.values()
        for what, of, answer in worker.reads
    )
    yield from wrong(
        (is_proven and not is_told, "an application proven without its roles"),
        (
            is_waived and worker.notes.get("support") != "waive-application",
            "an application waived by nobody",
        ),
    )


def _was_shown(worker: Worker, facts: Facts) -> bool:
    return any(
        what == "identity" and (answer.tenant_id, answer.object_id) == (facts.tenant_id, facts.object_id)
        for what, _, answer in worker.reads
    )


def _had_roles(worker: Worker, facts: Facts) -> bool:
    return any(
        (answer if what == "roles" else answer.roles) >= ROLES
        for what, of, answer in worker.reads
        if what in ("roles", "tenant") and of == facts.tenant_id
    )


def _without_mails(record: Record | None) -> Record | None:
    return replace(record, etag="", outbox={}) if record else None
