"""The further applications of seed step 4: which there are, as one setting lists them.

The setting is a JSON array of objects: `key` (a short word of ours, in addresses and rows), `name` (one, or
one per language), `why` (one sentence per language), `client_id` (GUID of the app registration) and `roles`
(the application roles that its service principal must hold). One that is listed later is newly missing for
those associated before.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from association.dataclass import dataclass
from association.identity import GUID

KEY = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)
ROLE = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,119}", re.ASCII)
FIELDS = {"key", "name", "why", "client_id", "roles"}
LANGUAGES = ("fr", "en")
LONGEST_NAME = 120
LONGEST_WHY = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class FurtherApplication:
    """One application that the tenant consents to after the first. `name` and `why` are by language (fr, en).

    `roles` are the values of application permissions (`Mail.Read`); empty where its presence is enough.
    """

    key: str
    name: Mapping[str, str]
    why: Mapping[str, str]
    client_id: str
    roles: frozenset[str]


def parse_applications(text: str) -> tuple[FurtherApplication, ...]:
    """The applications in the setting's JSON, in its order.

    Raises ValueError for anything that isn't as this module's docstring says, and for keys or client ids
    that occur twice.
    """
    listed = json.loads(text)
    if not isinstance(listed, list):
        raise ValueError("not a list")  # noqa: TRY004 - the settings reader gathers ValueErrors
    found = tuple(_application(item) for item in listed)
    for name in ("key", "client_id"):
        values = [getattr(application, name) for application in found]
        if len(set(values)) < len(values):
            raise ValueError(f"{name} twice")
    return found


def find_application(applications: tuple[FurtherApplication, ...], key: str) -> FurtherApplication | None:
    """The one of `applications` that has this key."""
    return next((each for each in applications if each.key == key), None)


def _application(item: Any) -> FurtherApplication:
    if not isinstance(item, dict) or item.keys() != FIELDS:
        raise ValueError("fields")
    name = item["name"]
    return FurtherApplication(
        key=_matching(item["key"], KEY),
        name=_in_both(dict.fromkeys(LANGUAGES, name) if isinstance(name, str) else name, LONGEST_NAME),
        why=_in_both(item["why"], LONGEST_WHY),
        client_id=_matching(str(item["client_id"]).lower(), GUID),
        roles=frozenset(_matching(role, ROLE) for role in _list(item["roles"])),
    )


def _in_both(value: Any, longest: int) -> dict[str, str]:
    if not isinstance(value, dict) or set(value) != set(LANGUAGES):
        raise ValueError("languages")
    return {language: _sentence(value[language], longest) for language in LANGUAGES}


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("roles")  # noqa: TRY004 - as above
    return value


def _matching(value: Any, form: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not form.fullmatch(value):
        raise ValueError("form")
    return value


def _sentence(value: Any, longest: int) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > longest or not value.isprintable():
        raise ValueError("text")
    return value.strip()
