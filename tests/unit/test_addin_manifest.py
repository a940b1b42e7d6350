"""The add-in file: no rule finds anything in it, nothing hostile gets out of its place, and changes show."""

import hashlib
import re

import pytest
from jinja2 import UndefinedError
from lxml import etree

from association.addin import TEMPLATE_VERSION, tenant_add_in
from tests.addin_file import SETTINGS, TENANT, rendered, texts
from tests.manifest_rules import BYTES, NAMESPACES, NOT_WELL_FORMED, findings, qualified

GOOD = rendered()
OTHER_TENANT = "0b7f6a52-93f1-4c0e-8a66-5d0f2f9d7c11"
TEXTS = "//o:ProviderName/text() | (//o:DisplayName | //o:Description | //bt:String)//@*[name()!='id']"
TEXTS += "[name()!='Locale']"
CONTROL_CHARACTERS = [chr(code) for code in (*range(9), 11, 12, *range(14, 32))] + ["\ufffe", "\uffff"]

RELEASED = {"1.0.0.0": "661e329fcab6bddd34c2b8a5e31e7573b40e797d218fd054b336da4ab5550b11"}
"""The hash of the example tenant's file, per version. A changed template or text needs a higher version and a
new entry, or Outlook keeps the old file. An entry that customers have been handed is never edited."""


def test_no_rule_finds_anything_in_the_file() -> None:
    assert findings(GOOD) == []


def test_no_rule_finds_anything_in_the_file_of_the_sandbox() -> None:
    local = {
        "public_base_url": "http://localhost:7071",
        "taskpane_url": "https://localhost:7077/taskpane",
        "portal_url": "http://localhost:7076",
    }
    assert findings(rendered(tenant_add_in(TENANT, **{**SETTINGS, **local}))) == []


def test_nothing_stands_before_the_declaration_and_nothing_is_left_unrendered() -> None:
    assert GOOD.startswith(b"<?xml ")
    assert not any(re.search(pattern, GOOD) for pattern in BYTES.values())


def test_two_tenants_differ_in_the_tenant_of_their_addresses_alone() -> None:
    other = rendered(tenant_add_in(OTHER_TENANT, **SETTINGS))
    assert other != GOOD
    assert other.replace(OTHER_TENANT.encode(), TENANT.encode()) == GOOD
    read, changed = etree.fromstring(GOOD), etree.fromstring(other)
    assert [read.findtext(qualified(f"o:{name}")) for name in ("Id", "Version")] == [
        changed.findtext(qualified(f"o:{name}")) for name in ("Id", "Version")
    ]


def test_rendering_twice_gives_the_same_bytes() -> None:
    assert rendered() == rendered() == GOOD


def test_a_changed_file_has_a_higher_version() -> None:
    assert RELEASED.get(TEMPLATE_VERSION) == hashlib.sha256(GOOD).hexdigest(), (
        "the file has changed: raise TEMPLATE_VERSION and add its hash to RELEASED"
    )
    versions = [tuple(map(int, version.split("."))) for version in RELEASED]
    assert versions == sorted(set(versions))
    assert list(RELEASED)[-1] == TEMPLATE_VERSION


def test_the_catalogues_have_the_same_texts_in_both_languages() -> None:
    assert texts()["fr"].keys() == texts()["en"].keys()
    assert all(text.strip() for catalogue in texts().values() for text in catalogue.values())


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("key", sorted(texts()["fr"].keys() - {"file_name"}))
def test_a_text_missing_from_a_catalogue_leaves_no_gap_in_the_file(key: str, language: str) -> None:
    """`provider_name` is the one text that the format has in one language only."""
    text = texts()
    del text[language][key]
    if (language, key) == ("en", "provider_name"):
        assert rendered(text=text) == GOOD
        return
    with pytest.raises(UndefinedError):
        rendered(text=text)


@pytest.mark.parametrize(
    "hostile", ["a&b", "<script>alert(1)</script>", '"/><Evil x="', "'", "]]>", "{{ 7*7 }}", "é€😀"]
)
def test_a_hostile_text_is_escaped_and_reads_back_equal(hostile: str) -> None:
    text = {language: dict.fromkeys(catalogue, hostile) for language, catalogue in texts().items()}
    root, good = etree.fromstring(rendered(text=text)), etree.fromstring(GOOD)
    shown = root.xpath(TEXTS, namespaces=NAMESPACES)
    assert isinstance(shown, list)
    assert set(shown) == {hostile}
    assert len(shown) == 1 + 2 * (2 + 2 * 6)  # the provider; two texts and six per block, in two languages
    assert [node.tag for node in root.iter()] == [node.tag for node in good.iter()]


def test_addresses_with_every_permitted_character_read_back_equal() -> None:
    pane = "https://pane.test/a'b(c)/;x=1,2/%C3%A9?q='&r=%22&s=$!*+@:~"
    values = {
        **SETTINGS,
        "taskpane_url": pane,
        "portal_url": f"{pane}#p&q",
        "public_base_url": "https://sage.test/a'&b",
    }
    manifest = rendered(tenant_add_in(TENANT, **values))
    root = etree.fromstring(manifest)

    def addresses(path: str) -> set[str]:
        found = root.xpath(path, namespaces=NAMESPACES)
        return set(map(str, found)) if isinstance(found, list) else set()

    assert findings(manifest) == []
    assert addresses("//bt:Url/@DefaultValue") == {f"{pane}&tenant={TENANT}"}
    assert addresses("//o:SourceLocation/@DefaultValue") == {f"{pane}&tenant={TENANT}"}
    assert addresses("//o:SupportUrl/@DefaultValue") == {f"{pane}#p&q"}
    assert addresses("//o:IconUrl/@DefaultValue") == {"https://sage.test/a'&b/assets/icon-64.png"}
    assert addresses("//bt:Image[@id='Icon16']/@DefaultValue") == {
        "https://sage.test/a'&b/assets/icon-16.png"
    }


@pytest.mark.parametrize("character", CONTROL_CHARACTERS, ids=lambda character: f"U+{ord(character):04X}")
def test_a_control_character_in_a_text_is_noticed(character: str) -> None:
    text = texts()
    text["fr"]["read_title"] += character
    assert NOT_WELL_FORMED in findings(rendered(text=text))
