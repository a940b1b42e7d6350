"""The run-time set as requirements.txt locks it: names, exact versions, hashes, and for which Python.

https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HASH = re.compile(r"--hash=(\S+)")
# What the lock's markers ask for beside the version, as Azure Functions on Linux answers
# (https://packaging.python.org/en/latest/specifications/dependency-specifiers/#environment-markers).
PLATFORM = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "sys_platform": "linux",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """One distribution: its canonical name, its version, and the hashes of what may be installed for it."""

    name: str
    version: str
    hashes: tuple[str, ...]


def locked(file: Path, python: str) -> list[Locked]:
    """What the lock names for `python` (such as 3.11) on the platform of Azure Functions."""
    environment = {**PLATFORM, "python_version": python, "python_full_version": f"{python}.0"}
    found = []
    for lines in _blocks(file.read_text(encoding="utf-8")):
        requirement = Requirement(lines.partition("\\")[0].partition("\n")[0].strip())
        if requirement.marker is None or requirement.marker.evaluate(environment):
            (pin,) = requirement.specifier
            name = canonicalize_name(requirement.name)
            found.append(Locked(name=name, version=pin.version, hashes=tuple(HASH.findall(lines))))
    return found


def _blocks(text: str) -> Iterator[str]:
    """A requirement's first line and the indented ones below it."""
    block: list[str] = []
    for line in [*text.splitlines(), "end"]:
        if line.startswith("#"):
            continue
        if not line.startswith(" ") and block:
            yield "\n".join(block) + "\n"
            block = []
        block.append(line)
