"""Table `links`: the links that have been sent, found by the SHA-256 of their token.

Beside each a mark in the partition of the day it ends, through which `ended` finds old links; one that has
had its turn in vain is marked under a later day.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

from adapters.storage.connection import RowConflictError
from adapters.storage.entities import Row, to_properties, to_value
from adapters.storage.tables import Tables
from association.errors import ConcurrentChangeError
from association.rows import EndedLink, Link

TABLE = "links"
ROW_KEY = "link"
DAYS = "ends-"  # begins the partition of each day; links' own are hashes in hex
TRIES = 10


class Links:
    """The links; each call raises StorageUnavailableError when storage does not answer.

    `token_hash` is the SHA-256 (hex) of the link's token.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def add(self, token_hash: str, link: Link) -> None:
        """Adds a link; one that is there already keeps its revocation and ends with the later of both.

        Raises ConcurrentChangeError when others keep changing it.
        """
        # whoever is interrupted between the two adds the link again, and both with it
        await asyncio.gather(
            self._tables.upsert(TABLE, Row(partition_key=_day(link.expires_at), row_key=token_hash)),
            self._add(token_hash, link),
        )

    async def _add(self, token_hash: str, link: Link) -> None:
        row = Row(partition_key=token_hash, row_key=ROW_KEY, properties=to_properties(link))
        for _ in range(TRIES):
            try:
                await self._tables.insert(TABLE, row)
            except RowConflictError:
                if not await self._lengthen(token_hash, link.expires_at):
                    continue
            return
        raise ConcurrentChangeError("adding a link")

    async def find(self, token_hash: str) -> Link | None:
        """The link, expired and revoked ones too, or None."""
        row = await self._tables.get(TABLE, token_hash, ROW_KEY)
        return to_value(Link, row) if row else None

    async def revoke(self, token_hash: str, at: datetime) -> None:
        """Revokes the link, if there is one; a link revoked earlier keeps its time."""
        for _ in range(TRIES):
            row = await self._tables.get(TABLE, token_hash, ROW_KEY)
            if row is None or to_value(Link, row).revoked_at:
                return
            revoked = replace(to_value(Link, row), revoked_at=at)
            try:
                await self._tables.replace(TABLE, replace(row, properties=to_properties(revoked)))
            except RowConflictError:
                continue
            return
        raise ConcurrentChangeError("revoking a link")

    async def ended(self, before: datetime, limit: int) -> tuple[EndedLink, ...]:
        """Up to `limit` links whose end or later turn was on a day before `before`'s (UTC), oldest first."""
        # read before anything is deleted: the pages under way would lose their place
        marks = [row async for row in self._tables.between(TABLE, DAYS, _day(before), most=limit)]
        found = []
        for mark in marks:
            link = await self.find(mark.row_key)
            if link and _day(link.expires_at) <= mark.partition_key:
                found.append(EndedLink(token_hash=mark.row_key, link=link, turn=mark.partition_key))
            else:  # the link ends later than it did, or is gone
                await self._tables.delete(TABLE, replace(mark, etag=""))
        return tuple(found)

    async def postpone(self, ended: EndedLink, until: datetime) -> None:
        """Leaves a link, as `ended` returned it, to be found among those that end on `until`'s day (UTC)."""
        await self._tables.upsert(TABLE, Row(partition_key=_day(until), row_key=ended.token_hash))
        if ended.turn != _day(until):
            await self._tables.delete(TABLE, Row(partition_key=ended.turn, row_key=ended.token_hash))

    async def forget(self, ended: EndedLink) -> None:
        """Deletes a link, as `ended` returned it."""
        # The mark goes last: a purge that is interrupted finds it, and through it the link, again.
        await self._tables.delete(TABLE, Row(partition_key=ended.token_hash, row_key=ROW_KEY))
        await self._tables.delete(TABLE, Row(partition_key=ended.turn, row_key=ended.token_hash))

    async def _lengthen(self, token_hash: str, until: datetime) -> bool:
        """Whether the standing link ends at `until` or later now; False when it changed meanwhile."""
        row = await self._tables.get(TABLE, token_hash, ROW_KEY)
        if row is None:
            return False
        standing = to_value(Link, row)
        if standing.expires_at >= until:
            return True
        longer = to_properties(replace(standing, expires_at=until))
        try:
            await self._tables.replace(TABLE, replace(row, properties=longer))
        except RowConflictError:
            return False
        return True


def _day(moment: datetime) -> str:
    return f"{DAYS}{moment.astimezone(UTC):%Y%m%d}"
