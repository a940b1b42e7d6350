"""Table `links`: the links that have been sent, found by the SHA-256 of their token."""

from dataclasses import replace
from datetime import datetime

from adapters.storage.connection import RowConflictError
from adapters.storage.entities import Row, to_properties, to_value
from adapters.storage.tables import Tables
from association.errors import ConcurrentChangeError
from association.rows import Link

TABLE = "links"
ROW_KEY = "link"
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
