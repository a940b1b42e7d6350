"""Somebody at Chromium: presses what a page offers by its words, with the mouse or with the keyboard."""

import re
from typing import Any, Literal

from playwright.sync_api import Page, expect

from tests.walks.browser import CATALOGUES

Name = str | re.Pattern[str]
Role = Literal["button", "link"]
MOST_STOPS = 80
# What a sighted person sees of the element that has the focus, and where it is.
FOCUSED = """() => {
  const one = document.activeElement, box = one.getBoundingClientRect(), style = getComputedStyle(one);
  return {
    name: one.innerText || one.value || one.tagName,
    shown: box.width > 0 && box.height > 0 && box.top < innerHeight && box.bottom > 0,
    outlined: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1,
    top: box.top + scrollY, bottom: box.bottom + scrollY, left: box.left,
    inMain: document.querySelector('main').contains(one), body: one === document.body,
  };
}"""


def words(key: str, language: str = "fr", **values: str) -> re.Pattern[str]:
    """The catalogue's text of `key` as it stands on a page, whatever fills the placeholders not given."""
    text = " ".join(re.sub(r"<[^>]+>", "", CATALOGUES[language][key]).split())
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    parts = [re.escape(part).replace("\\ ", r"\s") for part in re.split(r"\{[^}]+\}", text)]
    return re.compile(rf"^\s*{'.+'.join(parts)}", re.DOTALL)


def is_headed(page: Page, key: str, language: str = "fr", milliseconds: int | None = None) -> None:
    """Wait until the page's heading is the catalogue's `key`."""
    expect(page.locator("h1")).to_have_text(words(key, language), timeout=milliseconds)


class Mouse:
    """Presses by clicking."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, name: Name, role: Role = "button") -> None:
        """Press the button (or the link) of that name, and wait for the next page."""
        with self.page.expect_navigation():
            self.takes(name, role)

    def takes(self, name: Name, role: Role = "button") -> None:
        """Press what leads to no page: a download."""
        self.page.get_by_role(role, name=name).first.click()


class Keyboard:
    """Presses by the keys Tab and Enter or Space; the focus must be seen wherever it goes."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, name: Name, role: Role = "button") -> None:
        """Go on to the button (or the link) of that name, press it, and wait for the next page."""
        self.go_to(name)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter" if role == "link" else "Space")

    def takes(self, name: Name, role: Role = "button") -> None:
        """Press what leads to no page: a download."""
        self.go_to(name)
        self.page.keyboard.press("Enter" if role == "link" else "Space")

    def go_to(self, name: Name) -> None:
        """Press Tab until the focus is on what bears that name."""
        passed = []
        for _ in range(MOST_STOPS):
            stop = self.next()
            text = " ".join(stop["name"].split())
            if re.search(name, text) if isinstance(name, re.Pattern) else name in text:
                return
            passed.append(text)
        raise AssertionError(f"the keyboard doesn't reach {name!r}, only {passed}")

    def next(self) -> dict[str, Any]:
        """Press Tab; where the focus is now."""
        self.page.keyboard.press("Tab")
        stop: dict[str, Any] = self.page.evaluate(FOCUSED)
        assert stop["body"] or (stop["shown"] and stop["outlined"]), f"focus not to be seen: {stop}"
        return stop

    def stops(self) -> list[dict[str, Any]]:
        """Every stop from the top of the page to its end."""
        found: list[dict[str, Any]] = []
        while not (stop := self.next())["body"]:
            found.append(stop)
            assert len(found) < MOST_STOPS
        return found
