"""Every rule of the manifest checker can fail: each is shown the good file with one thing wrong in it."""

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from lxml import etree

from tests.addin_file import rendered
from tests.manifest_rules import CODES, NOT_WELL_FORMED, SHAPES, findings, qualified

GOOD = rendered()

MUTANTS: list[tuple[str, str, str]] = [
    ("byte order mark", "<?xml", "\ufeff<?xml"),
    ("declaration", "<?xml", "\n<?xml"),
    ("declaration", '<?xml version="1.0" encoding="UTF-8"?>', ""),
    ("declaration", "UTF-8", "UTF-16"),
    ("doctype", "<OfficeApp", "<!DOCTYPE OfficeApp><OfficeApp"),
    ("unrendered", "Voir la fiche", "{{ read_title }}"),
    ("unrendered", "Voir la fiche", "{% read_title %}"),
    (NOT_WELL_FORMED, "&amp;", "&"),
    (NOT_WELL_FORMED, "</OfficeApp>", ""),
    (NOT_WELL_FORMED, "Voir la fiche", "\x08"),
    ("root", 'xsi:type="MailApp"', 'xsi:type="TaskPaneApp"'),
    ("root", "http://www.w3.org/2001/XMLSchema-instance", "https://www.w3.org/2001/XMLSchema-instance"),
    ("root", 'office/appforoffice/1.1"', 'office/appforoffice/1.0"'),
    ("children of o:OfficeApp", "office/mailappversionoverrides", "office/mailappversionoverrides/1.0"),
    ("children of v0:VersionOverrides", "mailappversionoverrides/1.1", "mailappversionoverrides/1.2"),
    ("children of bt:String", "<bt:Override", "<Override"),
    ("children of v0:Resources", "officeappbasictypes/1.0", "officeappbasictypes/1.1"),
    ("children of a leaf", "<Permissions>", "<Permissions><More/>"),
    ("id", "<Id>", "<Id> "),
    ("id", "<Id>b7a2b1de", "<Id>{b7a2b1de"),
    ("id", "<Id>b7a2b1de", "<Id>b7a2b1d"),
    ("version", "<Version>1.0.0.0", "<Version>0.9.0.0"),
    ("version", "<Version>1.0.0.0", "<Version>1.0"),
    ("version", "<Version>1.0.0.0", "<Version>1.0.0.100000"),
    ("version", "<Version>1.0.0.0", "<Version>1.0.0-b"),
    ("default locale", "fr-FR", "en-US"),
    ("locale", 'Locale="en-US"', 'Locale="english"'),
    ("locale repeated", "  </DisplayName>", '<Override Locale="en-US" Value="Sage"/></DisplayName>'),
    ("english missing", 'Locale="en-US"', 'Locale="en-GB"'),
    ("attribute missing", '<DisplayName DefaultValue="Sage Contact"', "<DisplayName"),
    ("attribute missing", '<Override Locale="en-US" Value="Sage Contact"', '<Override Locale="en-US"'),
    ("attribute missing", 'size="64" ', ""),
    ("attribute missing", '<bt:Image id="Icon64"', "<bt:Image"),
    ("attribute missing", '<Group id="ReadGroup10"', "<Group"),
    ("attribute missing", '<Control xsi:type="Button" id="ReadButton11"', '<Control xsi:type="Button"'),
    ("attribute missing", ' ItemType="Message"', ""),
    ("attribute missing", '<bt:Set Name="Mailbox"', "<bt:Set"),
    ("attribute unknown", 'size="64"', 'size="64" color="green"'),
    ("attribute unknown", '<Override Locale="en-US"', '<Override Locale="en-US" xml:lang="en"'),
    ("stray text", "<Supertip>", "<Supertip>Sage Contact"),
    ("stray text", "</OfficeTab>", "</OfficeTab>;"),
    ("provider name length", "<ProviderName>Sage", "<ProviderName>"),
    ("provider name length", "<ProviderName>Sage", "<ProviderName>" + "S" * 126),
    ("display name length", 'Value="Sage Contact"', f'Value="{"S" * 126}"'),
    ("display name length", 'DefaultValue="Sage Contact"', 'DefaultValue=" "'),
    ("description length", 'Description DefaultValue="', f'Description DefaultValue="{"S" * 250}'),
    ("short string length", 'id="ReadTitle" DefaultValue="', f'id="ReadTitle" DefaultValue="{"S" * 125}'),
    ("long string length", 'Value="Shows, next', f'Value="{"S" * 250}Shows, next'),
    ("icon missing", "<IconUrl DefaultValue", "<IconUrl Default"),
    ("high resolution icon missing", "<HighResolutionIconUrl DefaultValue", "<HighResolutionIconUrl Value"),
    ("support url missing", '<SupportUrl DefaultValue="https://centre.example.test"/>', ""),
    ("url length", "https://contact.example.test/", "https://contact.example.test/" + "p" * 2048),
    ("url form", "https://contact.example.test/pane?", "pane?"),
    ("url form", "https://contact.example.test/pane", "https://contact.example.test/my pane"),
    ("url form", "https://contact.example.test/pane", "https://contact.example.test/[pane}"),
    ("url form", "https://contact.example.test/pane", "https://user@contact.example.test/pane"),
    ("url insecure", "https://contact.example.test/", "http://contact.example.test/"),
    ("url insecure", "https://contact.example.test/", "http://localhost.example.test/"),
    ("image extension", "icon-16.png", "icon-16.ico"),
    ("image extension", "icon-64.png", "icon-64.svg"),
    ("image extension", "icon-128.png", "icon-128.png?size=128"),
    ("app domain", "<AppDomain>https://", "<AppDomain>"),
    ("app domain", "</AppDomain>", "/</AppDomain>"),
    ("app domain", "<AppDomain>https://", "<AppDomain>https://*."),
    ("app domain", "<AppDomain>https://", "<AppDomain>http://"),
    ("host", 'Host Name="Mailbox"', 'Host Name="Outlook"'),
    ("host", '<Hosts>\n    <Host Name="Mailbox"/>\n  </Hosts>', ""),
    ("requirement name", 'Set Name="Mailbox" Min', 'Set Name="ExcelApi" Min'),
    ("requirement name", 'bt:Set Name="Mailbox"', 'bt:Set Name="IdentityAPI"'),
    ("requirement version", 'MinVersion="1.1"', 'MinVersion="99.1"'),
    ("requirement version", 'DefaultMinVersion="1.5"', 'DefaultMinVersion="1.6"'),
    ("requirement version", 'DefaultMinVersion="1.5"', 'DefaultMinVersion="1.10"'),
    ("permissions", "<Permissions>ReadItem</Permissions>", ""),
    ("permissions", "ReadItem", "readitem"),
    ("permissions", "ReadItem", "ReadWriteMailbox"),
    ("forms", 'xsi:type="ItemEdit"', 'xsi:type="ItemRead"'),
    ("read form height", "<RequestedHeight>250</RequestedHeight>", ""),
    ("read form height", ">250<", ">31<"),
    ("read form height", ">250<", ">451<"),
    ("read form height", ">250<", ">tall<"),
    ("edit form height", 'xsi:type="ItemRead"', 'xsi:type="ItemEdit"'),
    ("rule type", 'xsi:type="RuleCollection"', 'xsi:type="RuleGroup"'),
    ("rule type", 'xsi:type="ItemIs"', 'xsi:type="ItemHas"'),
    ("rule mode", 'Mode="Or"', 'Mode="Either"'),
    ("boolean", "<SupportsPinning>true", "<SupportsPinning>yes"),
    ("boolean", "<DisableEntityHighlighting>true", "<DisableEntityHighlighting>"),
    ("rule item", 'ItemType="Message"', 'ItemType="Mail"'),
    ("rule form", 'FormType="Edit"', 'FormType="Write"'),
    ("overrides missing", "mailappversionoverrides/1.1", "mailappversionoverrides/1.2"),
    ("overrides type", 'xsi:type="VersionOverridesV1_0"', 'xsi:type="VersionOverridesV1_1"'),
    ("overrides type", 'xsi:type="VersionOverridesV1_1"', 'xsi:type="VersionOverridesV1_0"'),
    ("overrides host", 'xsi:type="MailHost"', 'xsi:type="Mailbox"'),
    ("surfaces", '"MessageComposeCommandSurface"', '"MessageReadCommandSurface"'),
    ("surfaces", '"MessageReadCommandSurface"', '"MessageReadSurface"'),
    ("tab", 'OfficeTab id="TabDefault"', 'OfficeTab id="TabHome"'),
    ("control type", 'Control xsi:type="Button"', 'Control xsi:type="Menu"'),
    ("control repeated", 'id="ReadButton11"', 'id="ReadButton10"'),
    ("control repeated", 'id="ComposeGroup10"', 'id="ReadGroup10"'),
    ("action type", 'Action xsi:type="ShowTaskpane"', 'Action xsi:type="OpenTaskpane"'),
    ("pinning", "</Action>", "<SupportsPinning>true</SupportsPinning></Action>"),
    ("icon sizes", 'size="80"', 'size="48"'),
    ("icon size", 'size="64"', 'size="65"'),
    ("icon size repeated", 'size="64"', 'size="32"'),
    ("id length", "GroupLabel", "G" * 33),
    ("resource repeated", 'bt:Image id="Icon64"', 'bt:Image id="Icon80"'),
    ("resource repeated", 'String id="ReadDescription"', 'String id="ReadTitle"'),
    ("label dangles", 'Label resid="GroupLabel"', 'Label resid="Group"'),
    ("label dangles", 'Label resid="ButtonLabel"', 'Label resid="ReadDescription"'),
    ("title dangles", 'Title resid="ReadTitle"', 'Title resid="Title"'),
    ("description dangles", 'Description resid="ReadDescription"', 'Description resid="ReadTitle"'),
    ("source dangles", 'SourceLocation resid="Taskpane"', 'SourceLocation resid="Icon16"'),
    ("image dangles", 'resid="Icon80"', 'resid="Taskpane"'),
]
"""The rule, what to take out of the good file, what to put in."""


def written(root: etree._Element) -> bytes:
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + etree.tostring(root)


def misshapen(name: str) -> Iterator[bytes]:
    """The good file with a strange child in the first element of this name, and with each child missing
    that may not be, and with its first two different children in the wrong order."""
    strange = etree.fromstring(GOOD)
    etree.SubElement(next(strange.iter(qualified(name))), qualified(name.partition(":")[0] + ":Strange"))
    yield written(strange)
    for required in re.findall(r"[\w:]+(?= |$|\+)", SHAPES[name]):
        child = required if ":" in required else f"{name.partition(':')[0]}:{required}"
        lacking = etree.fromstring(GOOD)
        parent = next(lacking.iter(qualified(name)))
        for found in parent.findall(qualified(child)):
            parent.remove(found)
        yield written(lacking)
    swapped = etree.fromstring(GOOD)
    parent = next(swapped.iter(qualified(name)))
    for first, second in pairwise(parent):
        if first.tag != second.tag:
            parent.insert(parent.index(first), second)
            yield written(swapped)
            return


def overrides_outside() -> bytes:
    """The 1.1 block beside the 1.0 block instead of in it."""
    root = etree.fromstring(GOOD)
    root.append(next(root.iter(qualified("v1:VersionOverrides"))))
    return written(root)


def overrides_first() -> bytes:
    """The 1.1 block before the 1.0 block's own content."""
    root = etree.fromstring(GOOD)
    next(root.iter(qualified("v0:VersionOverrides"))).insert(
        0, next(root.iter(qualified("v1:VersionOverrides")))
    )
    return written(root)


def overrides_without_resources() -> bytes:
    root = etree.fromstring(GOOD)
    resources = next(root.iter(qualified("v1:Resources")))
    next(root.iter(qualified("v1:VersionOverrides"))).remove(resources)
    return written(root)


MOVED = [
    ("overrides nesting", overrides_outside()),
    ("overrides nesting", overrides_first()),
    ("overrides incomplete", overrides_without_resources()),
]


@pytest.mark.parametrize(
    ("code", "taken", "put"), MUTANTS, ids=[f"{number}-{code}" for number, (code, *_) in enumerate(MUTANTS)]
)
def test_a_rule_finds_what_it_is_for(code: str, taken: str, put: str) -> None:
    good = GOOD.decode()
    assert taken in good, "the mutant changes nothing"
    assert code in findings(good.replace(taken, put, 1).encode())


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_broken_by_a_strange_a_missing_and_a_misplaced_child(name: str) -> None:
    mutants = list(misshapen(name))
    assert len(mutants) >= 1 + len(re.findall(r"[\w:]+(?= |$|\+)", SHAPES[name]))
    assert all(f"children of {name}" in findings(mutant) for mutant in mutants)


@pytest.mark.parametrize(("code", "mutant"), MOVED)
def test_a_block_in_the_wrong_place_or_incomplete_is_found(code: str, mutant: bytes) -> None:
    assert code in findings(mutant)


def test_every_rule_has_a_mutant_that_breaks_it() -> None:
    shown = {code for code, *_ in MUTANTS} | {code for code, _ in MOVED}
    assert shown | {f"children of {name}" for name in SHAPES} == CODES


def test_reading_a_manifest_resolves_no_entity() -> None:
    entity = b'<!DOCTYPE OfficeApp [<!ENTITY read SYSTEM "file:///etc/hostname">]><OfficeApp'
    found = findings(GOOD.replace(b"<OfficeApp", entity, 1).replace(b"ReadItem", b"&read;"))
    assert {"doctype", "permissions"} <= set(found)
