"""The one who looks into the mailbox for everybody, and tells whoever waits for a mail."""

import asyncio
from collections import defaultdict
from typing import Any

import aiohttp

LOOK_SECONDS = 0.3


class Postman:
    """`mailbox` is the address of the mailbox's JSON."""

    def __init__(self, client: aiohttp.ClientSession, mailbox: str) -> None:
        self._client = client
        self._mailbox = mailbox
        self._by_address: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._news = asyncio.Condition()
        self.mails: list[dict[str, Any]] = []

    async def go_round(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Take over the mails that are new."""
        async with self._client.get(self._mailbox, params={"after": str(len(self.mails))}) as answer:
            new = await answer.json()
        for mail in new:
            self._by_address[mail["to"]].append(mail)
        self.mails += new
        if new:
            async with self._news:
                self._news.notify_all()

    async def link(self, to: str) -> str:
        """The address behind « Je commence » in the first mail to `to` that has it, waited for."""
        while True:
            links = [link for mail in self._by_address[to] for link in mail["links"] if "/a?k=" in link]
            if links:
                return str(links[0])
            async with self._news:
                await self._news.wait()
