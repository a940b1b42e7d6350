"""Compiles what is shipped, so that a cold worker, whose folder is read-only, compiles nothing.

The product keeps its sources, for tracebacks to quote. Libraries ship as bytecode alone: their sources are
three of fifteen megabytes, and their tracebacks still name file and line.

Unchecked hashes (https://peps.python.org/pep-0552/): the interpreter looks at neither the source's time nor
its content, and the bytecode does not depend on when it was made.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from deployment.errors import PackageError

# Where Functions unpacks the zip; tracebacks show it.
DEPLOYED_AT = "/home/site/wwwroot"
# What would put bytecode elsewhere, or make another kind of it.
UNSET = {"PYTHONPYCACHEPREFIX": "", "PYTHONOPTIMIZE": ""}
RUNNING = f"{sys.version_info[0]}.{sys.version_info[1]}"


def check_compiler(python: str) -> None:
    """Raise PackageError if it takes another Python than the running one to compile for `python`."""
    if python != RUNNING:
        raise PackageError(
            f"Only Python {python} can compile for Python {python}, this is {RUNNING}: "
            f"run python{python} dev.py package, or add --no-bytecode"
        )


def compile_beside(folder: Path, *, but: str) -> None:
    """Write `__pycache__` beside the modules below `folder`, `but` not below the folder of that name.

    Raises:
        PackageError: a module cannot be compiled.
    """
    _compile(folder, folder, "-x", rf"[\\/]{re.escape(but)}[\\/]")


def compile_in_place(folder: Path, site: Path) -> None:
    """Put bytecode in the place of every module below `site`, which is below `folder`.

    Raises:
        PackageError: a module cannot be compiled.
    """
    _compile(folder, site, "-b")
    for source in site.rglob("*.py"):
        source.unlink()


def _compile(root: Path, folder: Path, *options: str) -> None:
    """In a fresh process and in order of the names, so that a build does not depend on what ran before."""
    fixed = ["-q", "-f", "--invalidation-mode", "unchecked-hash", "-s", str(root), "-p", DEPLOYED_AT]
    process = subprocess.run(
        [sys.executable, "-S", "-s", "-m", "compileall", *fixed, *options, str(folder)],
        env={**os.environ, **UNSET},  # noqa: TID251 - handed on, not read
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        raise PackageError(f"cannot be compiled: {' '.join((process.stdout + process.stderr).split())[:400]}")
