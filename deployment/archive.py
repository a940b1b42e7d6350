"""A zip that depends on its files' names and contents alone."""

import stat
import zipfile
from pathlib import Path

# The earliest that the format knows: when files were written tells nothing about them.
MOMENT = (1980, 1, 1, 0, 0, 0)
MODE = (stat.S_IFREG | 0o644) << 16
UNIX = 3


def write_zip(folder: Path, output: Path) -> list[zipfile.ZipInfo]:
    """Put every file below `folder` into `output`, in order of their names; its entries."""
    output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = output.with_name(f"{output.name}.part")
    with zipfile.ZipFile(unfinished, "w") as archive:
        for name, file in sorted((file.relative_to(folder).as_posix(), file) for file in _files(folder)):
            entry = zipfile.ZipInfo(name, MOMENT)
            entry.create_system, entry.external_attr = UNIX, MODE
            archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED, 9)
        entries = archive.infolist()
    unfinished.replace(output)
    return entries


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
