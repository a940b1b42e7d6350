"""What is deployed shows the same pages from compiled templates."""

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.rendering import COMPILED, LANGUAGES, Rendering
from functions.services import ROOT

PAGES: Mapping[str, dict[str, Any]] = {
    "error": {
        "company_name": "",
        "reference": "K7QF-2MPD",
        "support_phone": "01",
        "support_email": "a@b.example",
        "switch": "/x",
        "code": "limit_reached",
        "values": {"again": datetime(2026, 11, 21, 12, 30, tzinfo=UTC)},
        "button": None,
    },
}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Rendering:
    """Without the sources, so that nothing else can be shown."""
    root = tmp_path_factory.mktemp("deployed")
    for name in ("templates", "locales"):
        shutil.copytree(ROOT / name, root / name)
    Rendering(root).compile_templates()
    shutil.rmtree(root / "templates")
    return Rendering(root)


def test_every_template_is_compiled(compiled: Rendering) -> None:
    names = [path.relative_to(ROOT / "templates") for path in (ROOT / "templates").rglob("*.*")]
    assert len(names) > 20
    for name in names:
        assert compiled._environment.get_template(name.as_posix()).name == name.as_posix()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_the_same_from_the_compiled_template(compiled: Rendering, name: str, language: str) -> None:
    plain = Rendering(ROOT).page(name, language, **PAGES[name])
    assert compiled.page(name, language, **PAGES[name]) == plain
    assert len(plain) > 500


def test_compiling_twice_writes_the_same(tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        shutil.copytree(ROOT / "templates", tmp_path / name / "templates")
        folder = Rendering(tmp_path / name).compile_templates()
        assert folder.name == COMPILED
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert written[0] == written[1]
