"""What Outlook, Exchange and Microsoft's validation service would hold against an add-in manifest.

Our own rules, of three kinds: the bytes, the shape (which children, in which order), and what a schema
cannot see, such as references that lead nowhere. They are made for a mail add-in with a task pane in the
read and compose surfaces and are stricter than Microsoft's where this product has decided.
https://learn.microsoft.com/office/dev/add-ins/develop/xml-manifest-overview
"""

import re

from lxml import etree

NAMESPACES = {
    "o": "http://schemas.microsoft.com/office/appforoffice/1.1",
    "v0": "http://schemas.microsoft.com/office/mailappversionoverrides",
    "v1": "http://schemas.microsoft.com/office/mailappversionoverrides/1.1",
    "bt": "http://schemas.microsoft.com/office/officeappbasictypes/1.0",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
}
_PREFIXES = {uri: prefix for prefix, uri in NAMESPACES.items()}

_LOCALISED = "Override*"
_BLOCK = {
    "Host": "DesktopFormFactor",
    "Hosts": "Host",
    "DesktopFormFactor": "ExtensionPoint+",
    "ExtensionPoint": "OfficeTab",
    "OfficeTab": "Group+",
    "Group": "Label Control+",
    "Control": "Label Supertip Icon Action",
    "Supertip": "Title Description",
    "Icon": "bt:Image+",
    "Action": "SourceLocation SupportsPinning?",  # in which block pinning may stand is a rule of its own
    "Requirements": "bt:Sets",
    "Resources": "bt:Images bt:Urls bt:ShortStrings bt:LongStrings",
}
SHAPES = {
    "o:OfficeApp": "Id AlternateId? Version ProviderName DefaultLocale DisplayName Description IconUrl?"
    " HighResolutionIconUrl? SupportUrl? AppDomains? Hosts? Requirements FormSettings Permissions? Rule"
    " DisableEntityHighlighting? v0:VersionOverrides?",
    "o:DisplayName": _LOCALISED,
    "o:Description": _LOCALISED,
    "o:AppDomains": "AppDomain+",
    "o:Hosts": "Host+",
    "o:Requirements": "Sets",
    "o:Sets": "Set+",
    "o:FormSettings": "Form+",
    "o:Form": "DesktopSettings",
    "o:DesktopSettings": "SourceLocation RequestedHeight?",
    "o:Rule": "Rule*",
    "bt:Sets": "Set+",
    "bt:Images": "Image+",
    "bt:Urls": "Url+",
    "bt:ShortStrings": "String+",
    "bt:LongStrings": "String+",
    "bt:String": _LOCALISED,
    "v0:VersionOverrides": "Description? Requirements? Hosts? Resources? v1:VersionOverrides?",
    "v1:VersionOverrides": "Description? Requirements? Hosts? Resources?",
    **{f"{block}:{name}": children for block in ("v0", "v1") for name, children in _BLOCK.items()},
}
"""Which children an element has, in this order; names without a prefix are in the element's namespace."""


def _both(path: str) -> str:
    """The path in the 1.0 block and in the 1.1 block: `V` stands for either namespace."""
    return f"{path.replace('V:', 'v0:')} | {path.replace('V:', 'v1:')}"


_VALUES = "/descendant-or-self::*/@*[name()='DefaultValue' or name()='Value']"
_IMAGES = f"(//o:IconUrl | //o:HighResolutionIconUrl | //bt:Image){_VALUES}"
_ADDRESSES = f"{_IMAGES} | (//o:SupportUrl | //o:SourceLocation | //bt:Url){_VALUES}"

_ATTRIBUTES = " id resid size Name MinVersion DefaultMinVersion DefaultValue Value Locale"
_ATTRIBUTES += " xsi:type Mode ItemType FormType "
_TEXTS = " Id Version ProviderName DefaultLocale AppDomain RequestedHeight Permissions"
_TEXTS += " DisableEntityHighlighting SupportsPinning "

FAULTS = {
    "attribute unknown": f"//@*[not(contains('{_ATTRIBUTES}', concat(' ', name(), ' ')))]",
    "stray text": f"//text()[normalize-space()][not(contains('{_TEXTS}', concat(' ', local-name(..), ' ')))]",
    "root": "/*[not(self::o:OfficeApp and @xsi:type='MailApp')]",
    "attribute missing": "(//o:DisplayName | /*/o:Description | //o:SourceLocation)[not(@DefaultValue)]"
    " | (//o:Override | //bt:Override)[not(@Locale and @Value)]"
    " | //o:Rule/o:Rule[not(@ItemType and @FormType)] | (//o:Set | //bt:Set)[not(@Name)]"
    f" | //bt:Image[@resid][not(@size)] | {_both('//V:Resources/*/*[not(@id and @DefaultValue)]')}"
    f" | {_both('(//V:Group | //V:Control)[not(@id)]')}",
    "english missing": "(//o:DisplayName | //o:Description | //bt:String)[not(*[@Locale='en-US'])]",
    "locale repeated": "//*[@Locale][@Locale=preceding-sibling::*/@Locale]",
    "icon missing": "/*[not(o:IconUrl/@DefaultValue)]",
    "high resolution icon missing": "/*[not(o:HighResolutionIconUrl/@DefaultValue)]",
    "support url missing": "/*[not(o:SupportUrl/@DefaultValue)]",
    "forms": "//o:FormSettings[not(count(*)=2 and */@xsi:type='ItemRead' and */@xsi:type='ItemEdit')]",
    "read form height": "//*[@xsi:type='ItemRead'][not(*/o:RequestedHeight[.>=32 and .<=450])]",
    "edit form height": "//*[@xsi:type='ItemEdit']//o:RequestedHeight",
    "rule type": "/*/o:Rule[not(@xsi:type='RuleCollection')] | //o:Rule/o:Rule[not(@xsi:type='ItemIs')]",
    "overrides missing": "/*[not(//v0:VersionOverrides) or not(//v1:VersionOverrides)]",
    "overrides nesting": "//v1:VersionOverrides[not(parent::v0:VersionOverrides) or following-sibling::*]",
    "overrides type": "//v0:VersionOverrides[not(@xsi:type='VersionOverridesV1_0')]"
    " | //v1:VersionOverrides[not(@xsi:type='VersionOverridesV1_1')]",
    "overrides incomplete": _both("//V:VersionOverrides[not(V:Requirements and V:Hosts and V:Resources)]"),
    "overrides host": _both("//V:Host[not(@xsi:type='MailHost')]"),
    "surfaces": _both(
        "//V:DesktopFormFactor[not(count(*)=2 and */@xsi:type='MessageReadCommandSurface'"
        " and */@xsi:type='MessageComposeCommandSurface')]"
    ),
    "tab": _both("//V:OfficeTab[not(@id='TabDefault')]"),
    "control type": _both("//V:Control[not(@xsi:type='Button')]"),
    "action type": _both("//V:Action[not(@xsi:type='ShowTaskpane')]"),
    "pinning": "//v0:SupportsPinning",
    "icon sizes": _both("//V:Icon[not(*/@size=16 and */@size=32 and */@size=80)]"),
    "icon size repeated": "//bt:Image[@size][@size=preceding-sibling::*/@size]",
    "resource repeated": "//bt:*[@id][@id=preceding-sibling::*/@id or @id=../following-sibling::*/*/@id]",
    "label dangles": _both("//V:Label[not(@resid=//V:Resources/bt:ShortStrings/*/@id)]"),
    "title dangles": _both("//V:Title[not(@resid=//V:Resources/bt:ShortStrings/*/@id)]"),
    "description dangles": _both("//V:Description[not(@resid=//V:Resources/bt:LongStrings/*/@id)]"),
    "source dangles": _both("//V:SourceLocation[not(@resid=//V:Resources/bt:Urls/*/@id)]"),
    "image dangles": _both("//V:Icon/bt:Image[not(@resid=//V:Resources/bt:Images/*/@id)]"),
}
"""What is wrong, as an XPath that finds it."""

PATTERNS = {
    "id": ("/*/o:Id", "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "version": ("/*/o:Version", r"[1-9][0-9]{0,4}(\.[0-9]{1,5}){3}"),
    "default locale": ("/*/o:DefaultLocale", "fr-FR"),
    "locale": ("//@Locale", "[a-z]{2}-[A-Z]{2}"),
    "url form": (_ADDRESSES, r"[a-z]+://[a-z0-9.-]+(:[0-9]{1,5})?([/?#][!#-;=?-Z\[\]_a-z~]*)?"),
    "url insecure": (_ADDRESSES, "https://.*|http://localhost([:/?#].*)?"),
    "image extension": (_IMAGES, r"[^?#]*\.(png|jpg|gif)"),
    "app domain": ("//o:AppDomain", r"(https://[a-z0-9.-]+|http://localhost)(:[0-9]{1,5})?"),
    "host": ("/*/o:Hosts/*/@Name", "Mailbox"),
    "requirement name": ("//o:Set/@Name | //bt:Set/@Name", "Mailbox"),
    "requirement version": ("//@MinVersion | //@DefaultMinVersion", r"1\.[1-5]"),
    "permissions": ("/*/o:Permissions", "ReadItem"),
    "boolean": (
        "//*[local-name()='SupportsPinning'] | //o:DisableEntityHighlighting",
        "true|false",
    ),
    "rule mode": ("/*/o:Rule/@Mode", "And|Or"),
    "rule item": ("//o:Rule/o:Rule/@ItemType", "Message"),
    "rule form": ("//o:Rule/o:Rule/@FormType", "Read|Edit"),
    "icon size": ("//bt:Image[@resid]/@size", "16|20|24|32|40|48|64|80"),
}
"""Values, each of which has to be wholly of the pattern; there has to be one."""

LENGTHS = {
    "provider name length": ("/*/o:ProviderName", 125),
    "display name length": (f"//o:DisplayName{_VALUES}", 125),
    "description length": (f"//o:Description{_VALUES}", 250),
    "short string length": (f"//bt:ShortStrings{_VALUES}", 125),
    "long string length": (f"//bt:LongStrings{_VALUES}", 250),
    "url length": (_ADDRESSES, 2048),
    "id length": ("//@id | //@resid", 32),
}
"""Values, each of which has one to so many characters."""

UNIQUE = {"control repeated": _both("//V:Group/@id") + " | " + _both("//V:Control/@id")}
"""Values that may stand once."""

BYTES = {
    "byte order mark": rb"\A\xef\xbb\xbf",
    "declaration": rb'\A(?!(\xef\xbb\xbf)?<\?xml version="1\.0" encoding="UTF-8"\?>)',
    "doctype": rb"<!DOCTYPE",
    "unrendered": rb"\{\{|\}\}|\{%|%\}",
}
"""What is wrong, as a pattern found in the file's bytes."""

LEAF, NOT_WELL_FORMED = "children of a leaf", "not well-formed"
_CHILDREN = {name: f"children of {name}" for name in SHAPES}
CODES = frozenset({*BYTES, NOT_WELL_FORMED, LEAF, *_CHILDREN.values(), *FAULTS, *PATTERNS, *LENGTHS, *UNIQUE})


def findings(manifest: bytes) -> list[str]:
    """The codes, sorted, of the rules that the manifest (the file's bytes) breaks; empty for a good one.

    Nothing is fetched and no entity is resolved while reading it.
    """
    broken = {code for code, pattern in BYTES.items() if re.search(pattern, manifest)}
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(manifest, parser)
    except etree.XMLSyntaxError:
        return sorted(broken | {NOT_WELL_FORMED})
    return sorted(broken | _shape_findings(root) | _value_findings(root))


def qualified(name: str) -> str:
    """`v0:Host` as lxml writes it, with the namespace in braces."""
    prefix, _, local = name.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


def _shape_findings(root: etree._Element) -> set[str]:
    broken = set()
    for node in root.iter("*"):
        name = _name(node)
        children = "".join(f"{_name(child)} " for child in node.iterchildren("*"))
        if re.fullmatch(_pattern(name), children) is None:
            broken.add(_CHILDREN.get(name, LEAF))
    return broken


def _name(node: etree._Element) -> str:
    tag = etree.QName(node)
    return f"{_PREFIXES.get(tag.namespace or '', '?')}:{tag.localname}"


def _pattern(name: str) -> str:
    """The children's names, a blank after each, as a pattern; an element without a shape takes none."""
    steps = SHAPES.get(name, "").split()
    full = (step if ":" in step else f"{name.partition(':')[0]}:{step}" for step in steps)
    return "".join(re.sub(r"([\w:]+)([?*+]?)", r"(?:\1 )\2", step) for step in full)


def _value_findings(root: etree._Element) -> set[str]:
    def values(path: str) -> list[str]:
        """The attributes, or the texts of the elements, that the path finds."""
        found = root.xpath(path, namespaces=NAMESPACES)
        assert isinstance(found, list)
        return [value.text or "" if isinstance(value, etree._Element) else str(value) for value in found]

    broken = {code for code, path in FAULTS.items() if values(path)}
    for code, (path, pattern) in PATTERNS.items():
        if not values(path) or any(re.fullmatch(pattern, value) is None for value in values(path)):
            broken.add(code)
    for code, (path, most) in LENGTHS.items():
        if any(not value.strip() or len(value) > most for value in values(path)):
            broken.add(code)
    return broken | {code for code, path in UNIQUE.items() if len(set(values(path))) < len(values(path))}
