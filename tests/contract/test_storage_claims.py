"""Claims on Azurite: one owner whatever happens at once."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.storage.claims import Claims
from adapters.storage.entities import Row
from adapters.storage.tables import Tables
from association.rows import Claim
from tests.storage_values import NOW, texts

pytest_plugins = ["tests.azurite"]

LATER = NOW + timedelta(minutes=20)
OURS = Claim(association_id="ours", at=NOW)
THEIRS = Claim(association_id="theirs", at=NOW)


@pytest.fixture
async def claims(tables: Tables) -> Claims:
    return Claims(tables)


async def test_nobody_owns_what_is_not_claimed(claims: Claims, unique: str) -> None:
    assert await claims.owner("tenant", unique) is None


async def test_the_first_claim_stands(claims: Claims, unique: str) -> None:
    assert await claims.claim("tenant", unique, OURS) == OURS
    assert await claims.claim("tenant", unique, replace(THEIRS, at=LATER, generation=9)) == OURS
    assert await claims.owner("tenant", unique) == OURS


async def test_of_many_racing_associations_all_see_one_owner(claims: Claims, unique: str) -> None:
    racing = [replace(OURS, association_id=str(number)) for number in range(50)]
    standing = await asyncio.gather(*(claims.claim("tenant", unique, claim) for claim in racing))
    assert len(set(standing)) == 1
    assert await claims.owner("tenant", unique) == standing[0]


async def test_racing_claims_of_the_owner_all_succeed(claims: Claims, unique: str) -> None:
    racing = [replace(OURS, generation=number) for number in range(5)]
    standing = await asyncio.gather(*(claims.claim("tenant", unique, claim) for claim in racing))
    assert {claim.association_id for claim in standing} == {"ours"}
    assert await claims.owner("tenant", unique) == replace(OURS, generation=4)


async def test_many_racing_repeats_of_the_owner_all_succeed(claims: Claims, unique: str) -> None:
    racing = [replace(OURS, at=NOW + timedelta(milliseconds=number)) for number in range(50)]
    standing = await asyncio.gather(*(claims.claim("tenant", unique, claim) for claim in racing))
    assert len(set(standing)) == 1
    assert await claims.owner("tenant", unique) == standing[0]


async def test_claiming_again_renews_time_and_generation_but_never_backwards(
    claims: Claims, unique: str
) -> None:
    newer = replace(OURS, at=LATER, generation=2)
    await claims.claim("tenant", unique, OURS)
    assert await claims.claim("tenant", unique, newer) == newer
    assert await claims.claim("tenant", unique, OURS) == newer
    assert await claims.owner("tenant", unique) == newer


async def test_a_claim_is_released_only_as_it_was_read(claims: Claims, unique: str) -> None:
    await claims.claim("tenant", unique, OURS)
    await claims.claim("tenant", unique, replace(OURS, at=LATER))
    assert await claims.release("tenant", unique, OURS) is False
    assert await claims.release("tenant", unique, replace(THEIRS, at=LATER)) is False
    assert await claims.owner("tenant", unique) == replace(OURS, at=LATER)
    assert await claims.release("tenant", unique, replace(OURS, at=LATER)) is True
    assert await claims.owner("tenant", unique) is None
    assert await claims.release("tenant", unique, replace(OURS, at=LATER)) is False


async def test_a_claim_renewed_during_its_release_is_kept(tables: Tables, unique: str) -> None:
    claims = Claims(RenewingTables(tables, Claims(tables), unique))
    await claims.claim("tenant", unique, OURS)
    assert await claims.release("tenant", unique, OURS) is False
    assert await claims.owner("tenant", unique) == replace(OURS, at=LATER)


async def test_a_released_value_can_be_claimed_by_another(claims: Claims, unique: str) -> None:
    await claims.claim("tenant", unique, OURS)
    await claims.release("tenant", unique, OURS)
    assert await claims.claim("tenant", unique, THEIRS) == THEIRS


async def test_the_same_value_of_another_kind_is_another_claim(claims: Claims, unique: str) -> None:
    await claims.claim("tenant", unique, OURS)
    assert await claims.claim("customer", unique, THEIRS) == THEIRS


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hostile=texts() | st.text(st.sampled_from("/\\#?%'\"+ &=:_.é😀\x00"), min_size=1, max_size=400))
async def test_any_value_can_be_claimed(claims: Claims, hostile: str) -> None:
    await claims.claim("order", hostile, OURS)
    assert await claims.owner("order", hostile) == OURS
    assert await claims.owner("order", f"{hostile}x") is None
    assert await claims.release("order", hostile, OURS)


class RenewingTables(Tables):
    """The same tables, where somebody renews the claim just before it is deleted."""

    def __init__(self, tables: Tables, others: Claims, value: str) -> None:
        self.__dict__.update(tables.__dict__)
        self.others, self.value = others, value

    async def delete(self, table: str, row: Row) -> None:
        await self.others.claim("tenant", self.value, replace(OURS, at=LATER))
        await super().delete(table, row)
