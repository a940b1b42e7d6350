"""An adapter that is made when something is first asked of it.

A cold worker's first page asks nothing of Microsoft, the portal or the mail server: importing and making what
reaches them can wait (rule P1, docs/adr/0012).
"""

from collections.abc import Callable
from typing import Any


class OnFirstUse:
    """Stands for what `make` returns, which is called once, when an attribute is first looked up."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made(), name)

    def _made(self) -> Any:
        if "_adapter" not in vars(self):
            self._adapter = self._make()
        return self._adapter
