"""The files of assets/: read once per worker, known by name, nothing beside them reachable."""

import mimetypes
from pathlib import Path

from association.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent."""

    body: bytes
    media_type: str


class Assets:
    """The files directly in `folder`; a name with a path in it names none of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, Asset] = {}

    def find(self, name: str) -> Asset | None:
        """The file of that name, or None."""
        if not self._known:
            self._known = {file.name: _read(file) for file in self._folder.iterdir() if file.is_file()}
        return self._known.get(name)


def _read(file: Path) -> Asset:
    media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    if media_type.startswith("text/"):
        media_type += "; charset=utf-8"
    return Asset(file.read_bytes(), media_type)
