"""Access keys: x-functions-key before ?code=, the master key opens every level.

https://learn.microsoft.com/azure/azure-functions/function-keys-how-to
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True)
class Keys:
    """The host's keys; one that is None opens nothing."""

    function: str | None = field(default=None, repr=False)
    master: str | None = field(default=None, repr=False)

    def allow(self, level: str, headers: Mapping[str, str], query: str) -> bool:
        """Whether a request (lower-case header names) may call a function of this auth level."""
        if level.lower() == "anonymous":
            return True
        given = headers.get("x-functions-key")
        if given is None:
            given = next((value for name, value in parse_qsl(query) if name.lower() == "code"), "")
        accepted = [self.master] if level.lower() == "admin" else [self.master, self.function]
        matches = [hmac.compare_digest(given.encode(), key.encode()) for key in accepted if key]
        return any(matches)
