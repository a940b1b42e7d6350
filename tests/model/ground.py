"""What all examples of a run stand on."""

import asyncio
import itertools

from adapters.storage.tables import Tables
from adapters.storage.tasks import Tasks

TIMEOUT = 10.0


class Ground:
    """What all examples of a run share: an event loop and, if there is one, the storage account."""

    def __init__(self, connection_string: str = "") -> None:
        self.runner = asyncio.Runner()
        self.examples = itertools.count(1)
        self.tables = Tables(connection_string, timeout=TIMEOUT) if connection_string else None
        self.tasks = Tasks(connection_string, timeout=TIMEOUT) if connection_string else None

    def close(self) -> None:
        """Close what is open."""
        for each in (self.tables, self.tasks):
            if each is not None:
                self.runner.run(each.close())
        self.runner.close()
