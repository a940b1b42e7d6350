"""Table `associations`: everything known of one association is one partition, read and changed as a whole."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from adapters.storage.connection import RowConflictError
from adapters.storage.entities import Row, to_properties, to_value
from adapters.storage.row_keys import escape
from adapters.storage.tables import Operation, Tables
from association.errors import ConcurrentChangeError
from association.facts import Change, Facts, Record
from association.partition import Binding, Check, Event, Grant, Mail, MailStatus, Order, Person

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

TABLE = "associations"
FACTS = "facts"


class Associations:
    """The associations; each call raises StorageUnavailableError when storage does not answer."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def read(self, association_id: str) -> Record | None:
        """All rows of one association in one query, events oldest first; None when there is none."""
        rows = {row.row_key: row async for row in self._tables.query(TABLE, association_id)}
        if FACTS not in rows:
            return None
        return Record(
            facts=to_value(Facts, rows[FACTS]),
            etag=rows[FACTS].etag,
            people={person.number: person for person in _of_kind(rows, "person", Person)},
            orders={order.order_number: order for order in _of_kind(rows, "order", Order)},
            checks={check.key: check for check in _of_kind(rows, "check", Check)},
            grants={(grant.key, grant.tenant_id): grant for grant in _of_kind(rows, "app", Grant)},
            bindings={binding.generation: binding for binding in _of_kind(rows, "binding", Binding)},
            outbox={mail.key: mail for mail in _of_kind(rows, "outbox", Mail)},
            events=tuple(_of_kind(rows, "event", Event)),
        )

    async def commit(self, before: Record | None, change: Change) -> Record:
        """Writes a change as one entity-group transaction and returns the record as it stands then.

        `before` is what the change was worked out from, None for a new association. The version of facts
        and event is set here, one above `before`'s.

        Raises ConcurrentChangeError, with nothing written, when the facts have been changed since
        `before` was read, when the association or one of `change.mails` exists already, or when one of
        `change.updated_mails` does not.
        """
        version = before.facts.version + 1 if before else 1
        change = replace(
            change, facts=replace(change.facts, version=version), event=replace(change.event, version=version)
        )
        if before and before.facts.association_id != change.facts.association_id:
            raise ValueError("a change of another association")
        try:
            etags = await self._tables.transact(TABLE, _operations(before, change))
        except RowConflictError as error:
            raise ConcurrentChangeError(f"association_id={change.facts.association_id}") from error
        return _changed(before or Record(facts=change.facts, etag=""), change, etags[0])

    async def lease_mail(
        self, association_id: str, key: str, *, now: datetime, until: datetime
    ) -> Mail | None:
        """The mail under `key`, leased to the caller until `until`; None when there is nothing to do.

        A mail is leased when it is due and doesn't rest after a failure, or when the lease of an earlier
        attempt has ended at `now`; not when it is sent, failed, absent, leased, or leased by somebody else at
        this very moment.
        """
        row = await self._tables.get(TABLE, association_id, f"outbox.{escape(key)}")
        mail = to_value(Mail, row) if row else None
        if row is None or mail is None or not _is_free(mail, now):
            return None
        leased = replace(mail, status=MailStatus.SENDING, attempts=mail.attempts + 1, leased_until=until)
        try:
            await self._tables.replace(TABLE, replace(row, properties=to_properties(leased)))
        except RowConflictError:
            return None
        return leased


def _is_free(mail: Mail, now: datetime) -> bool:
    is_open = mail.status in (MailStatus.DUE, MailStatus.SENDING)
    return is_open and (mail.leased_until is None or mail.leased_until <= now)


def _of_kind(rows: Mapping[str, Row], kind: str, cls: type[T]) -> list[T]:
    return [to_value(cls, rows[key]) for key in sorted(rows) if key.startswith(f"{kind}.")]


def _operations(before: Record | None, change: Change) -> list[Operation]:
    facts = Row(
        partition_key=change.facts.association_id,
        row_key=FACTS,
        properties=to_properties(change.facts),
        etag=before.etag if before else "",
    )

    def row(row_key: str, value: "DataclassInstance") -> Row:
        return Row(partition_key=facts.partition_key, row_key=row_key, properties=to_properties(value))

    return [
        ("replace" if before else "insert", facts),
        ("insert", row(f"event.{change.event.version:010}", change.event)),
        *(("upsert", row(f"person.{person.number}", person)) for person in change.people),
        *(("upsert", row(f"order.{escape(order.order_number)}", order)) for order in change.orders),
        *(("upsert", row(f"check.{escape(check.key)}", check)) for check in change.checks),
        *(("upsert", row(f"app.{escape(grant.key)}.{grant.tenant_id}", grant)) for grant in change.grants),
        *(("upsert", row(f"binding.{binding.generation}", binding)) for binding in change.bindings),
        *(("insert", row(f"outbox.{escape(mail.key)}", mail)) for mail in change.mails),
        *(("replace", row(f"outbox.{escape(mail.key)}", mail)) for mail in change.updated_mails),
    ]


def _changed(record: Record, change: Change, etag: str) -> Record:
    mails = (*change.mails, *change.updated_mails)
    return Record(
        facts=change.facts,
        etag=etag,
        people={**record.people, **{person.number: person for person in change.people}},
        orders={**record.orders, **{order.order_number: order for order in change.orders}},
        checks={**record.checks, **{check.key: check for check in change.checks}},
        grants={**record.grants, **{(grant.key, grant.tenant_id): grant for grant in change.grants}},
        bindings={**record.bindings, **{binding.generation: binding for binding in change.bindings}},
        outbox={**record.outbox, **{mail.key: mail for mail in mails}},
        events=(*record.events, change.event),
    )
