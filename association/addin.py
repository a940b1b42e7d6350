"""The Sage Contact add-in file: whose it is, which addresses it holds, how it is handed over.

The file is Outlook's XML ("add-in only") manifest:
https://learn.microsoft.com/office/dev/add-ins/develop/xml-manifest-overview

`templates/addin/sage-contact.xml` is rendered with autoescape on and undefined names refused. It takes two
variables and nothing else:

- `addin`: an `AddIn`. Read are `product_id`, `version`, `taskpane_url` (the tenant is already in it),
  `support_url`, `app_domain` and `icon_url(size)`.
- `text`: `{"fr": {...}, "en": {...}}`, the catalogues' keys `addin.*` without that prefix: `provider_name`,
  `display_name`, `description`, `group_label`, `button_label`, `read_title`, `read_description`,
  `compose_title`, `compose_description`. (`file_name` is not for the template but for `download_headers`.)

Id and version are the same for every tenant; only addresses differ. No company name goes in: users of one
tenant pass the file on, and Outlook shows the same add-in to all of them.
"""

import hashlib
import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from association.dataclass import dataclass
from association.errors import NotBoundError
from association.identity import GUID

TEMPLATE_VERSION = "1.0.0.0"
"""The manifest's version. Outlook takes a changed manifest only under a higher one, so every change of the
template or of its texts raises it."""

_ENTITY_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'  # RFC 9110 §8.8.3
_ENTITY_TAGS = re.compile(rf"[ \t,]*{_ENTITY_TAG}(?:[ \t]*,[ \t,]*{_ENTITY_TAG})*[ \t,]*")


@dataclass(frozen=True, slots=True)
class AddIn:
    """One tenant's add-in: a GUID in lower case each for tenant and product, absolute addresses."""

    tenant_id: str
    product_id: str
    version: str
    public_base_url: str
    taskpane_url: str
    support_url: str

    @property
    def app_domain(self) -> str:
        """Our own origin, which the task pane may open inside its frame."""
        parts = urlsplit(self.public_base_url)
        return f"{parts.scheme}://{parts.netloc}"

    def icon_url(self, size: int) -> str:
        """The address of the icon of `size` pixels: 16, 32, 64, 80 or 128."""
        return f"{self.public_base_url}/assets/icon-{size}.png"


def tenant_add_in(
    tenant_id: str, *, product_id: str, public_base_url: str, taskpane_url: str, portal_url: str
) -> AddIn:
    """The add-in of the bound tenant `tenant_id`.

    `product_id`, `public_base_url`, `taskpane_url` and `portal_url` are the settings' values, which
    `association.settings` has held to the manifest's rules; the task pane's address keeps its own query and
    gains `tenant=<tenant_id>`. That parameter only routes: whoever holds the file can read it, so the pane
    takes identity from a token alone.

    Raises NotBoundError for a tenant that is no GUID.
    """
    tenant = tenant_id.lower()
    if not GUID.fullmatch(tenant):
        raise NotBoundError("tenant_id is not a GUID")
    pane = _with_tenant(taskpane_url, tenant)
    return AddIn(tenant, product_id, TEMPLATE_VERSION, public_base_url, pane, portal_url)


def _with_tenant(url: str, tenant_id: str) -> str:
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, urlencode({"tenant": tenant_id}))))
    return urlunsplit(parts._replace(query=query))


def entity_tag(content: bytes) -> str:
    """The strong entity tag of the file's bytes: their SHA-256 in hex, quoted (RFC 9110 §8.8.3)."""
    return f'"{hashlib.sha256(content).hexdigest()}"'


def download_headers(tag: str, file_name: str) -> Mapping[str, str]:
    """The headers of the file's 200 answer; a 304 repeats `ETag` and `Cache-Control` from them.

    `tag` comes from `entity_tag`, `file_name` from the catalogue. Saved, never shown: shown XML gets copied
    wrongly by hand. The plain name is a constant, for agents that don't read RFC 8187's.
    """
    extended = quote(file_name, safe="!#$&+-.^_`|~")
    return {
        "Content-Type": "application/xml; charset=utf-8",
        "Content-Disposition": f"attachment; filename=\"sage-contact.xml\"; filename*=UTF-8''{extended}",
        "Cache-Control": "private, no-cache",
        "ETag": tag,
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Referrer-Policy": "no-referrer",
    }


def is_unchanged(if_none_match: str | None, tag: str) -> bool:
    """Whether an `If-None-Match` header names `tag`, so that 304 is the answer (RFC 9110 §13.1.2).

    Compared weakly, as the RFC asks; `*` names every tag; a malformed header names none.
    """
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    if not _ENTITY_TAGS.fullmatch(if_none_match):
        return False
    return tag in (named.removeprefix("W/") for named in re.findall(_ENTITY_TAG, if_none_match))
