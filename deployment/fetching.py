"""Fetches the libraries as Azure's Linux needs them, whatever machine this is.

A wheel that suits this machine need not suit that one: pip takes the newest C library that it finds here, and
cryptography built for glibc 2.34 does not load under Functions' Python 3.11, which has 2.31
(https://github.com/Azure/azure-functions-python-worker/issues/1651).
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from deployment.alone import alone
from deployment.errors import PackageError
from deployment.lock import Locked

# Debian 10 and everything newer (https://peps.python.org/pep-0600/).
NEWEST_GLIBC_MINOR = 28
OLDEST_GLIBC_MINOR = 5


def fetched(wanted: Iterable[Locked], python: str, folder: Path) -> Path:
    """The libraries `wanted` for `python`, installed below `folder`; fetched once for each lock, whoever else
    asks for them meanwhile.

    Raises:
        PackageError: pip could not get them.
    """
    lock = "".join(f"{one.name}=={one.version} {_hashes(one)}\n" for one in wanted)
    key = hashlib.sha256("\n".join([lock, *_platforms()]).encode()).hexdigest()[:16]
    site = folder / f"{python}-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder / "lock"):
        if not site.exists():
            _fetch(lock, python, site)
    return site


def _fetch(lock: str, python: str, site: Path) -> None:
    """Whatever else is there for this Python is older, or what an abort has left."""
    for other in site.parent.glob(f"{python}-*"):
        shutil.rmtree(other)
    requirements = site.with_name("requirements.txt")
    requirements.write_text(lock, encoding="utf-8")
    unfinished = site.with_name(f"{site.name}.part")
    _install(requirements, python, unfinished)
    unfinished.rename(site)


def _hashes(one: Locked) -> str:
    return " ".join(f"--hash={value}" for value in one.hashes)


def _install(requirements: Path, python: str, target: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--require-hashes", "--only-binary", ":all:", "--no-deps", "--no-compile"]
    # of the wanted Python, not of this one, and the lock knows which that is
    command += ["--ignore-requires-python"]
    command += ["--implementation", "cp", "--python-version", python, *_platforms()]
    process = subprocess.run(
        [*command, "--target", str(target), "-r", str(requirements)],
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        raise PackageError(f"pip: {(process.stderr.strip().splitlines() or ['no answer'])[-1]}")


def _platforms() -> list[str]:
    minors = range(NEWEST_GLIBC_MINOR, OLDEST_GLIBC_MINOR - 1, -1)
    names = [f"manylinux_2_{minor}_x86_64" for minor in minors] + [
        "manylinux2014_x86_64",
        "manylinux1_x86_64",
    ]
    return [option for name in names for option in ("--platform", name)]
