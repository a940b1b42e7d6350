"""What a failure's page offers next: one button, which leads somewhere useful whatever the browser holds.

In this order: whom to write to where only support can act; a new link where the old one has ended; the same
page again where trying again may help; the association that this browser has open; and last, a new link.
"""

from urllib.parse import quote, urlencode, urlsplit

import azure.functions as func

from association.errors import AssociationError
from association.keys import read_reference, reference_of
from association.settings import Settings
from functions import services
from functions.web.browser import VISIT, cookies, read_visit, session_name
from functions.web.failures import concerned

Button = dict[str, str]

NEW_LINK = "/new-link"
# With it in its query, an association's page ends the browser's session there, and asks to sign in.
AS_NOBODY = "as-nobody"
# What starting again from the association's page mends.
RESTART = ("state_unknown", "flow_expired", "browser_unknown", "flow_busy", "session_missing", "form_forged")
# Of these the association's page would say the same again, and a newer link opens it.
ENDED = ("visit_missing", "link_revoked", "link_expired")
# Here a new link would help nobody: support, or whoever passed the share link on, has to act.
CLOSED = ("order_closed", "share_ended")
# Where administrators of the association don't come from: their link would be no use there.
OTHERS = ("addin", "support", "partner", "assets")


def next_step(req: func.HttpRequest, error: AssociationError, status: int, reference: str) -> Button | None:
    """The one button of a failure's page: its kind, address, label, and maybe the text of a note below it;
    None only without any settings.

    `reference` is the failure's own, which a mail to support carries.
    """
    is_others = urlsplit(req.url).path.strip("/").partition("/")[0] in OTHERS
    if error.code in CLOSED:
        return _write_support(services.settings_or_none(), reference)
    if error.code in ENDED:
        return _new_link(req, error)
    if status >= 500 and not concerned.get() and req.method in ("GET", "HEAD"):
        return _link("", "button.retry")
    label = "button.restart" if error.code in RESTART else "button.continue"
    if concerned.get():
        return _link(f"/a/{reference_of(concerned.get())}", label)
    at_hand = reference_at_hand(req)
    if at_hand:
        return _way_back(req, at_hand, label)
    return _write_support(services.settings_or_none(), reference) if is_others else _new_link(req, error)


def reference_at_hand(req: func.HttpRequest) -> str:
    """The association that the address names, or the one whose link this browser has opened, the last of
    several.

    "" where it has opened none. A cookie's name proves nothing: the page behind it asks for more.
    """
    named = _named(req)
    if named:
        return named
    opened = {read_reference(name.removeprefix(VISIT)) for name in cookies(req) if name.startswith(VISIT)}
    opened -= {""}
    if len(opened) <= 1:
        return "".join(opened)
    return max(sorted(opened), key=lambda reference: _opened_until(req, reference))


def _way_back(req: func.HttpRequest, reference: str, label: str) -> Button:
    """To the association's page. Where the address didn't name it, the reader may be another person than
    who left a session in this browser: they get there as nobody, and are told so.
    """
    page = f"/a/{reference}"
    if _named(req) or session_name(reference) not in cookies(req):
        return _link(page, label)
    return {**_link(f"{page}?{AS_NOBODY}=1", label), "note": "error.as_nobody"}


def _named(req: func.HttpRequest) -> str:
    return read_reference(req.route_params.get("reference", ""))


def _opened_until(req: func.HttpRequest, reference: str) -> float:
    if services.settings_or_none() is None:
        return 0
    visit = read_visit(req, services.services().ports, f"{VISIT}{reference}")
    return visit.until if visit else 0


def _new_link(req: func.HttpRequest, error: AssociationError) -> Button:
    """The page of new links, with the reference that the ended link or the address itself had named."""
    named = error.values.get("reference", "") or _named(req)
    return _link(f"{NEW_LINK}?{urlencode({'reference': named})}" if named else NEW_LINK, "button.new_link")


def _write_support(settings: Settings | None, reference: str) -> Button | None:
    if settings is None or not settings.support_email:
        return None
    return _link(f"mailto:{settings.support_email}?subject={quote(reference)}", "button.write_support")


def _link(href: str, label: str) -> Button:
    return {"kind": "link", "href": href, "label": label}
