"""Table `claims`: which association owns a tenant, an order, a customer number or a reference."""

from dataclasses import replace
from datetime import timedelta

from adapters.storage.connection import RowConflictError
from adapters.storage.entities import Row, to_properties, to_value
from adapters.storage.row_keys import escape
from adapters.storage.tables import Tables
from association.errors import ConcurrentChangeError
from association.rows import Claim

TABLE = "claims"
ROW_KEY = "claim"
TRIES = 10
# Far less than a claim's settling takes. Younger ones are as good as renewed: without this, many repeats of
# one request would wear out their tries on each other's renewals.
RENEWED_AFTER = timedelta(minutes=1)


class Claims:
    """The claims; each call raises StorageUnavailableError when storage does not answer."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def claim(self, kind: str, value: str, claim: Claim) -> Claim:
        """Claims `value` if nobody has; returns the claim that stands then, one's own or the other's.

        An own claim (same association) older than a minute, or of a lower generation, is renewed: the later
        `at` and the higher generation of both, so that a task settling old claims cannot release it. Raises
        ConcurrentChangeError when others keep changing it.
        """
        for _ in range(TRIES):
            try:
                await self._tables.insert(TABLE, _row(kind, value, claim))
            except RowConflictError:
                standing = await self._renew(kind, value, claim)
                if standing is not None:
                    return standing
            else:
                return claim
        raise ConcurrentChangeError(f"claim kind={kind}")

    async def owner(self, kind: str, value: str) -> Claim | None:
        """The claim on `value`, or None."""
        row = await self._tables.get(TABLE, _partition_key(kind, value), ROW_KEY)
        return to_value(Claim, row) if row else None

    async def release(self, kind: str, value: str, claim: Claim) -> bool:
        """Gives `value` up if its claim is still exactly `claim`, and says whether it was."""
        row = await self._tables.get(TABLE, _partition_key(kind, value), ROW_KEY)
        if row is None or to_value(Claim, row) != claim:
            return False
        try:
            await self._tables.delete(TABLE, row)
        except RowConflictError:
            return False
        return True

    async def _renew(self, kind: str, value: str, claim: Claim) -> Claim | None:
        """The claim that stands after renewing an own one; None when it changed meanwhile."""
        row = await self._tables.get(TABLE, _partition_key(kind, value), ROW_KEY)
        if row is None:
            return None
        standing = to_value(Claim, row)
        is_own = standing.association_id == claim.association_id
        is_young = claim.at - standing.at < RENEWED_AFTER and claim.generation <= standing.generation
        if not is_own or is_young:
            return standing
        renewed = replace(
            standing,
            at=max(standing.at, claim.at),
            generation=max(standing.generation, claim.generation),
        )
        try:
            await self._tables.replace(TABLE, replace(row, properties=to_properties(renewed)))
        except RowConflictError:
            return None
        return renewed


def _row(kind: str, value: str, claim: Claim) -> Row:
    return Row(partition_key=_partition_key(kind, value), row_key=ROW_KEY, properties=to_properties(claim))


def _partition_key(kind: str, value: str) -> str:
    return f"{escape(kind)}.{escape(value)}"
