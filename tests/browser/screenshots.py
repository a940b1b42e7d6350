"""Pictures of every page: `python -m tests.browser.screenshots FOLDER [NAME...]`.

One PNG of the whole page for each name of places.PLACES (or those that begin with a NAME), in French and
English, 320 and 1280 pixels wide, light and dark: FOLDER/<name>-<language>-<width>-<scheme>.png.
"""

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import ClassVar, Literal

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.chromium import launch
from tests.browser.conftest import APPLICATIONS
from tests.browser.context import HEIGHT, LOCALES, opened
from tests.browser.places import PLACES, arrive
from tests.walks.world import World, running_world

WIDTHS = (320, 1280)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


class Studio(World):
    """A world for looking at: the first customer after a demonstration customer bears its very name."""

    numbers: ClassVar[defaultdict[str, Iterator[int]]] = defaultdict(count)

    def mark(self, name: str) -> str:
        """Nothing for the first of a name, then a branch's number."""
        number = next(self.numbers[name])
        return f"agence-{number}." if number else ""


def main(folder: Path, beginnings: Sequence[str]) -> None:
    """Take the pictures of the places whose names begin so; of all without `beginnings`."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [name for name in PLACES if name.startswith(tuple(beginnings) or "")]
    further = APPLICATIONS.read_text(encoding="utf-8")
    with (
        tempfile.TemporaryDirectory() as parts,
        running_world(Path(parts), FURTHER_APPLICATIONS=further) as world,
        sync_playwright() as playwright,
    ):
        studio = Studio(world.parts, world.host, world.settings, world.log)
        chromium = launch(playwright)
        for name in names:
            for language in LOCALES:
                take(studio, chromium, name, language, folder)
        chromium.close()


def take(world: World, chromium: Browser, name: str, language: str, folder: Path) -> None:
    """The four pictures of one place in one language."""
    with opened(chromium, arrive(world, name, language), language) as page:
        for width in WIDTHS:
            for scheme in SCHEMES:
                file = folder / f"{name}-{language}-{width}-{scheme}.png"
                shoot(page, width, scheme, file)


def shoot(page: Page, width: int, scheme: Literal["light", "dark"], file: Path) -> None:
    """One picture of the whole page."""
    page.set_viewport_size({"width": width, "height": HEIGHT})
    page.emulate_media(color_scheme=scheme)
    page.screenshot(path=file, full_page=True)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("names", nargs="*")
    given = arguments.parse_args()
    main(given.folder, given.names)
