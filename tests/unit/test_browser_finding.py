"""Where the browser tests look for a Chromium, on every platform."""

import io
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from playwright.sync_api import Error, Playwright

from tests.browser import chromium
from tests.browser.chromium import BrowserMissingError, Candidate, installed, launch, runs_the_packed

HOME = Path("/home/somebody")


def knows(*names: str) -> Callable[[str], str | None]:
    """A PATH with these programs."""
    return lambda name: f"/path/{name}" if name in names else None


def test_a_browser_on_the_path_comes_first_and_once(tmp_path: Path) -> None:
    found = installed("linux", {}, knows("google-chrome", "chromium"), HOME)
    assert found[:2] == [Path("/path/chromium"), Path("/path/google-chrome")]
    assert len(found) == len(set(found))


def test_chrome_and_edge_are_found_where_windows_puts_them(tmp_path: Path) -> None:
    edge = tmp_path / "x86" / "Microsoft" / "Edge" / "Application" / "msedge.exe"
    chrome = tmp_path / "local" / "Google" / "Chrome" / "Application" / "chrome.exe"
    for program in (edge, chrome):
        program.parent.mkdir(parents=True)
        program.touch()
    places = {"PROGRAMFILES(X86)": str(tmp_path / "x86"), "LOCALAPPDATA": str(tmp_path / "local")}
    assert installed("win32", places, knows(), HOME) == [chrome, edge]


def test_chrome_is_found_where_a_mac_puts_it(tmp_path: Path) -> None:
    program = tmp_path / "Applications" / "Google Chrome.app" / "Contents" / "MacOS" / "Google Chrome"
    program.parent.mkdir(parents=True)
    program.touch()
    assert program in installed("darwin", {}, knows(), tmp_path)


@pytest.mark.parametrize(
    ("system", "machine", "runs"),
    [
        ("linux", "x86_64", True),
        ("linux", "aarch64", False),
        ("darwin", "x86_64", False),
        ("win32", "AMD64", False),
    ],
)
def test_npms_chromium_is_offered_where_it_runs_only(system: str, machine: str, runs: bool) -> None:
    assert runs_the_packed(system, machine) is runs


class Starting:
    """Stands in for Playwright: starts the programs it is told can be started."""

    def __init__(self, *startable: str) -> None:
        self.chromium = SimpleNamespace(launch=self._launch, executable_path="/nowhere/chrome")
        self._startable = startable

    def _launch(self, executable_path: Path, **_: Any) -> str:
        if executable_path.name not in self._startable:
            raise Error("Failed to launch: it is a snap's stub\nCall log: ...")
        return executable_path.name


def candidates(*names: str) -> Iterator[Candidate]:
    return iter([Candidate(Path("/x", name)) for name in names])


def test_a_program_that_does_not_start_is_passed_over() -> None:
    started = launch(cast(Playwright, Starting("chrome")), candidates("chromium-browser", "chrome"))
    assert cast(Any, started) == "chrome"


def test_without_any_browser_it_is_said_what_to_install_and_what_was_tried() -> None:
    with pytest.raises(BrowserMissingError, match="install one of them") as missing:
        launch(cast(Playwright, Starting()), candidates("chromium-browser"))
    assert "/x/chromium-browser: Failed to launch: it is a snap's stub" in str(missing.value)
    assert "\n" not in str(missing.value)


def test_the_order_is_installed_then_playwrights_own_then_npms(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = tmp_path / "chrome"
    own.touch()
    playwright = Starting()
    playwright.chromium.executable_path = str(own)
    monkeypatch.setattr(chromium, "installed", lambda *_: [Path("/path/chromium")])
    monkeypatch.setattr(chromium, "runs_the_packed", lambda *_: True)
    monkeypatch.setattr(chromium, "PACKED", tmp_path)
    monkeypatch.setattr(chromium, "unpacked", lambda *_: Candidate(Path("/npm/chromium")))
    order = [one.program for one in chromium.all_candidates(cast(Playwright, playwright))]
    assert order == [Path("/path/chromium"), own, Path("/npm/chromium")]


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What npm's package looks like, with nothing compressed."""
    folder = tmp_path / "package" / "bin"
    folder.mkdir(parents=True)
    (folder.parent / "package.json").write_text('{"version": "1.2.3"}', encoding="utf-8")
    (folder / "chromium.br").write_bytes(b"program")
    for name, member in (
        ("al2023", "lib/libnss3.so"),
        ("swiftshader", "libEGL.so"),
        ("fonts", "fonts/a.ttf"),
    ):
        with tarfile.open(folder / f"{name}.tar.br", "w") as tar:
            tar.addfile(tarfile.TarInfo(member), io.BytesIO())
    monkeypatch.setattr(chromium, "_decompress", lambda source, target: target.write(source.read_bytes()))
    return folder


def test_npms_chromium_is_unpacked_once_with_its_libraries(packed: Path, tmp_path: Path) -> None:
    first = chromium.unpacked(packed, tmp_path / "cache")
    made = sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.is_file())
    assert made == ["a.ttf", "chromium", "fonts.conf", "libEGL.so", "libnss3.so"]
    assert first.environment["LD_LIBRARY_PATH"] == str(first.program.parent / "lib")
    if sys.platform != "win32":
        assert first.program.stat().st_mode & 0o111
    (packed / "chromium.br").unlink()
    assert chromium.unpacked(packed, tmp_path / "cache") == first


def test_fonts_come_along_where_the_machine_has_none(packed: Path, tmp_path: Path) -> None:
    bare = chromium.unpacked(packed, tmp_path / "cache", fonts_here=tmp_path / "none")
    configuration = Path(bare.environment["FONTCONFIG_FILE"]).read_text(encoding="utf-8")
    assert f"<dir>{bare.program.parent}/fonts</dir>" in configuration
    furnished = chromium.unpacked(packed, tmp_path / "cache", fonts_here=packed / "chromium.br")
    assert "FONTCONFIG_FILE" not in furnished.environment


def test_of_two_who_unpack_at_once_the_first_wins(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cache" / "chromium-1.2.3"

    def meanwhile(source: Path, target: io.BytesIO) -> None:
        target.write(source.read_bytes())
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "chromium").write_bytes(b"the first")

    monkeypatch.setattr(chromium, "_decompress", meanwhile)
    assert chromium.unpacked(packed, tmp_path / "cache").program.read_bytes() == b"the first"
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["chromium-1.2.3"]
