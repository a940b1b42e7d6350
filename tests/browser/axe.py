"""axe-core, the accessibility rules (WCAG 2.2 AA and good practice), run in the page.

https://www.deque.com/axe/core-documentation/api-documentation/
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from playwright.sync_api import Page

from sandbox.storage import ROOT

SCRIPT = ROOT / "node_modules" / "axe-core" / "axe.min.js"
ALL = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
COLOURS = ("cat.color",)
RUN = "tags => axe.run({runOnly: tags, resultTypes: ['violations']}).then(found => found.violations)"


def findings(page: Page, tags: Sequence[str] = ALL) -> list[str]:
    """What axe finds on the page as it stands: rule, and the elements with what to mend, one a line."""
    # Through the debugger's door, which the page's content security policy leaves alone.
    if not page.evaluate("'axe' in globalThis"):
        page.evaluate(_script())
    return [
        f"{violation['id']}: {node['target']} {' '.join(node['failureSummary'].split())}"
        for violation in page.evaluate(RUN, list(tags))
        for node in _nodes(violation)
    ]


def _nodes(violation: dict[str, Any]) -> list[dict[str, Any]]:
    return list(violation["nodes"])


@cache
def _script() -> str:
    return SCRIPT.read_text(encoding="utf-8")
