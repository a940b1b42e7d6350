"""The one place that builds adapters: on first use, once per worker.

Settings come from the environment, as the Functions host hands them over. Missing ones raise here, on use,
never at import (rule R4), and are looked for again at the next request.
"""

import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters import deadline
from adapters.rendering import Rendering
from association.dataclass import dataclass
from association.errors import SettingsIncompleteError
from association.keys import Keys
from association.ports import Ports
from association.rows import Task
from association.settings import Settings
from functions.on_first_use import OnFirstUse

if TYPE_CHECKING:
    import requests

    from adapters.assets import Asset, Assets
    from adapters.mail.smtp import SmtpPost
    from adapters.portal import PortalSignature

ROOT = Path(__file__).resolve().parent.parent
STORAGE_TIMEOUT_SECONDS = 5.0
# Of a request's time, for the writes that follow what Microsoft said, or did not say.
TO_NOTE_SECONDS = 4.0
# The first page is out by then, and while somebody reads it the steps after it are prepared (rule P2).
AHEAD_AFTER_SECONDS = 1.0


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Services:
    """What the edge works with: the verbs' ports, and the texts."""

    ports: Ports
    rendering: Rendering

    @property
    def settings(self) -> Settings:
        """The settings this worker runs with."""
        return self.ports.settings


_rendering = Rendering(ROOT)
_built: list[Services] = []


def services() -> Services:
    """The worker's services, built on first use. Raises SettingsIncompleteError."""
    if not _built:
        from adapters.microsoft.ahead import import_later

        _built.append(build(os.environ))
        import_later(AHEAD_AFTER_SECONDS)
    return _built[0]


def rendering() -> Rendering:
    """The texts alone: they need no setting, so an error page can always be shown."""
    return _rendering


def within(seconds: float) -> AbstractContextManager[None]:
    """Whatever is called inside, in tasks and threads begun there too, ends within `seconds` (rule R3)."""
    return deadline.within(seconds, keeping=TO_NOTE_SECONDS)


def read_task(text: str) -> Task:
    """The task in a queue message's text. Raises ValueError when it is none."""
    from adapters.storage.tasks import Tasks

    return Tasks.parse(text)


def asset(name: str) -> "Asset | None":
    """The file of that name in assets/."""
    return _assets().find(name)


@cache
def _assets() -> "Assets":
    from adapters.assets import Assets

    return Assets(ROOT / "assets")


def settings_or_none() -> Settings | None:
    """The settings if they are complete: an error page is shown without them, too."""
    try:
        return services().settings
    except SettingsIncompleteError:
        return None


def random_seed() -> str:
    """Randomness for a failure's reference."""
    return secrets.token_hex(16)


def build(
    values: Mapping[str, str],
    *,
    now: Callable[[], datetime] = _now,
    storage: "requests.Session | None" = None,
) -> Services:
    """Services from settings; nothing is contacted yet, and what no page asks is made on first use. Raises
    SettingsIncompleteError.

    `now` gives aware UTC times; `storage` is the HTTP session for tables and queue, if it isn't their own.
    """
    settings = Settings.from_mapping(values)
    parts = {**_storage(settings, storage), **_microsoft(settings, now), **_rest(settings, now)}
    return Services(Ports(**parts), _rendering)


def _storage(settings: Settings, session: "requests.Session | None") -> dict[str, Any]:
    from adapters.storage.associations import Associations
    from adapters.storage.claims import Claims
    from adapters.storage.flows import Flows
    from adapters.storage.limits import Limits
    from adapters.storage.links import Links
    from adapters.storage.lookups import Lookups
    from adapters.storage.tables import Tables
    from adapters.storage.tasks import Tasks

    tables = Tables(settings.storage, timeout=STORAGE_TIMEOUT_SECONDS, session=session)
    return {
        "associations": Associations(tables),
        "claims": Claims(tables),
        "links": Links(tables),
        "flows": Flows(tables),
        "lookups": Lookups(tables),
        "limits": Limits(tables),
        "tasks": Tasks(settings.storage, timeout=STORAGE_TIMEOUT_SECONDS, session=session),
    }


def _microsoft(settings: Settings, now: Callable[[], datetime]) -> dict[str, Any]:
    @cache
    def made() -> dict[str, Any]:
        from adapters.microsoft.credential import Credential
        from adapters.microsoft.entra import Entra
        from adapters.microsoft.graph import Graph
        from adapters.microsoft.session import MicrosoftSession

        entra = Entra(settings, MicrosoftSession(), now)
        return {"entra": entra, "credential": Credential(settings), "graph": Graph(settings, entra.app_token)}

    return {
        "entra": OnFirstUse(lambda: made()["entra"]),
        "credential": OnFirstUse(lambda: made()["credential"]),
        "graph": OnFirstUse(lambda: made()["graph"]),
    }


def _rest(settings: Settings, now: Callable[[], datetime]) -> dict[str, Any]:
    return {
        "settings": settings,
        "keys": Keys(settings.signing_keys),
        "portal": OnFirstUse(lambda: _portal(settings)),
        "post": OnFirstUse(lambda: _post(settings, now)),
        "now": now,
        "token": lambda: secrets.token_urlsafe(32),
        "new_id": lambda: secrets.token_hex(16),
    }


def _portal(settings: Settings) -> "PortalSignature":
    from adapters.portal import PortalSignature

    return PortalSignature(settings.portal_signing_key)


def _post(settings: Settings, now: Callable[[], datetime]) -> "SmtpPost":
    from adapters.mail.smtp import SmtpPost

    return SmtpPost(settings, _rendering, now)
