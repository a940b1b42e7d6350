"""Every page: accessible in both schemes and languages, and never wider than the window."""

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.axe import COLOURS, findings
from tests.browser.context import HEIGHT, opened, reads
from tests.browser.places import PLACES, arrive
from tests.walks.world import World

NARROW, ZOOMED, WIDE = 320, 640, 1280  # the middle one is the wide one at 200 %
UNFOLD = """document.querySelectorAll('details').forEach(one => {
  one.removeAttribute('name');
  one.open = true;
})"""
OUTSIDE = """width => document.scrollingElement.scrollWidth <= width ? [] :
  [...document.querySelectorAll('body *')]
    .filter(one => one.getBoundingClientRect().right > width)
    .map(one => `${one.tagName} ${one.className}: ${one.textContent.trim().slice(0, 40)}`).slice(-5)
    .concat(`${document.scrollingElement.scrollWidth} pixels in ${width}`)"""


def outside(page: Page, width: int) -> list[str]:
    """What makes the page wider than a window of `width` pixels: the elements that end farthest right."""
    page.set_viewport_size({"width": width, "height": HEIGHT})
    return [str(one) for one in page.evaluate(OUTSIDE, width)]


def unfolded(page: Page) -> Page:
    """The page with whatever it folds away opened."""
    page.evaluate(UNFOLD)
    return page


@pytest.mark.parametrize("name", PLACES)
def test_axe_finds_nothing_and_nothing_stands_out(world: World, chromium: Browser, name: str) -> None:
    with opened(chromium, arrive(world, name, "fr"), "fr", NARROW) as page:
        assert reads(page) == "fr"
        unfolded(page)
        found = {"fr light": findings(page), "fr narrow": outside(page, NARROW)}
        page.emulate_media(color_scheme="dark")
        found |= {"fr dark": findings(page, COLOURS), "fr wide": outside(page, WIDE)}

        page.context.add_cookies([{"name": "language", "value": "en", "url": world.host}])
        page.emulate_media(color_scheme="light")
        page.reload()
        assert reads(page) == "en"
        unfolded(page)
        found |= {"en light": findings(page), "en narrow": outside(page, NARROW)}
        found |= {"en zoomed": outside(page, ZOOMED)}
        assert {where: what for where, what in found.items() if what} == {}
