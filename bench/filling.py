"""Many associations as the product itself writes them, into a file that the bench's Azurite loads at once."""

import asyncio
import json
import os
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from azure.data.tables import TableClient

from adapters.storage.associations import Associations
from adapters.storage.claims import Claims
from adapters.storage.entities import Row
from adapters.storage.lookups import Lookups
from adapters.storage.tables import Operation, Tables
from association.facts import Change, Record
from association.invite import receive_order
from association.order import OrderRequest
from association.partition import Binding, Event
from association.ports import Ports
from association.rows import Claim, Link, Task
from functions.services import build

LOADING = "benchload"  # bench/loading.cjs
ORDERS_OF_A_PARTNER = 20


@dataclass(frozen=True, slots=True)
class Known:
    """What a caller may read out of one association."""

    association_id: str
    reference: str
    customer_number: str
    order_number: str
    email: str
    tenant_id: str


class _Written(Tables):
    """Tables that are empty, and note what is written."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str, str], Mapping[str, Any]] = {}

    async def get(self, table: str, partition_key: str, row_key: str) -> Row | None:
        return None

    async def query(
        self, table: str, partition_key: str, *, most: int | None = None, after: str = ""
    ) -> AsyncIterator[Row]:
        nothing: list[Row] = []
        for row in nothing:
            yield row

    async def insert(self, table: str, row: Row) -> str:
        self.rows[table, row.partition_key, row.row_key] = row.properties
        return "etag"

    upsert = insert

    async def transact(self, table: str, operations: Sequence[Operation]) -> list[str]:
        return [await self.insert(table, row) for _, row in operations]


class _Dropped:
    """Links and tasks: no look-up asks for them."""

    async def add(self, token_hash: str, link: Link) -> None: ...
    async def send(self, task: Task, delay: Any = None) -> None: ...


def fill(connection_string: str, values: Mapping[str, str], folder: Path, numbers: range) -> list[Known]:
    """Add an association for each of the numbers, on every core; all that is known of some of them."""
    parts = [numbers[start :: os.cpu_count() or 1] for start in range(os.cpu_count() or 1)]
    files = [folder / f"rows-{numbers.start}-{index}.ndjson" for index in range(len(parts))]
    known: list[Known] = []
    with ProcessPoolExecutor(len(parts)) as pool:
        for found in pool.map(write, [dict(values)] * len(parts), files, parts):
            known += found
    with TableClient.from_connection_string(connection_string, LOADING) as client:
        for file in files:
            asked = client.query_entities(
                "PartitionKey eq @file and Loading eq true",  # none that sandbox/indexed.cjs answers
                parameters={"file": str(file)},
                connection_timeout=600,
                read_timeout=600,
            )
            if list(asked):
                raise RuntimeError("the bench's Azurite is another one")
            file.unlink()
    return known


def write(values: dict[str, str], file: Path, numbers: range) -> list[Known]:
    """Write the rows of these associations; what is known of a hundred of them."""
    return asyncio.run(_write(build(values).ports, file, numbers))


async def _write(ports: Ports, file: Path, numbers: range) -> list[Known]:
    known: list[Known] = []
    every = max(1, len(numbers) // 100)
    with file.open("w", encoding="utf-8") as lines:
        for index, number in enumerate(numbers):
            tables = _Written()
            mine = replace(
                ports,
                associations=Associations(tables),
                claims=Claims(tables),
                lookups=Lookups(tables),
                links=_Dropped(),  # type: ignore[arg-type] # nobody asks for more
                tasks=_Dropped(),  # type: ignore[arg-type]
            )
            record = await receive_order(mine, _order(number))
            tenant_id = str(uuid.UUID(int=number))
            await _bind(mine, record, tenant_id)
            for (table, partition_key, row_key), properties in tables.rows.items():
                entity = {"PartitionKey": partition_key, "RowKey": row_key, "properties": _stored(properties)}
                lines.write(json.dumps([table, entity]) + "\n")
            if index % every == 0:
                known.append(_known(record, number, tenant_id))
    return known


async def _bind(ports: Ports, record: Record, tenant_id: str) -> None:
    """As associated, for the look-up by tenant id."""
    now = ports.now()
    claim = Claim(association_id=record.facts.association_id, at=now, generation=1)
    await ports.claims.claim("tenant", tenant_id, claim)
    binding = Binding(generation=1, tenant_id=tenant_id, object_id=ports.new_id(), person=1, at=now)
    facts = replace(
        record.facts, tenant_id=tenant_id, bound_tenant_id=tenant_id, generation=1, bound_at=now, bound_by=1
    )
    event = Event(what="bound", at=now, actor=1, new=tenant_id)
    await ports.associations.commit(record, Change(facts=facts, event=event, bindings=(binding,)))


def _order(number: int) -> OrderRequest:
    partner = number // ORDERS_OF_A_PARTNER
    return OrderRequest(
        order_number=f"CMD-{number:07}",
        customer_number=f"C{number:07}",
        company_name=f"Entreprise {number:07} SARL",
        partner_number=f"P-{partner:06}",
        partner_name=f"Partenaire {partner:06}",
        partner_email=f"commandes@partenaire{partner:06}.example",
        model="DUA",
        subscription="sage",
        language="fr",
        administrator_email=f"direction@entreprise{number:07}.example",
        mpn_id="4873239",
        office365_users=12,
        azure_ad_users=12,
    )


def _known(record: Record, number: int, tenant_id: str) -> Known:
    order = _order(number)
    return Known(
        association_id=record.facts.association_id,
        reference=record.facts.reference,
        customer_number=order.customer_number,
        order_number=order.order_number,
        email=order.administrator_email,
        tenant_id=tenant_id,
    )


def _stored(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Properties as they stand in Azurite: JSON with OData's types beside what JSON has no type for."""
    stored: dict[str, Any] = {}
    for name, value in properties.items():
        stored[name] = value
        if isinstance(value, datetime):
            stored[name] = value.isoformat().replace("+00:00", "Z")
            stored[f"{name}@odata.type"] = "Edm.DateTime"
        elif isinstance(value, tuple):
            stored[name], stored[f"{name}@odata.type"] = str(value[0]), value[1]
    return stored
