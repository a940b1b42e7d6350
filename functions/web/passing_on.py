"""« Transmettre à mon administrateur »: what the ready text for whoever manages Microsoft 365 is made of."""

from typing import Any

from association.links import is_link_live, mailed_token
from functions.web.visitor import Visitor


def passing_on(visitor: Visitor) -> dict[str, Any] | None:
    """The live association link, who asks for it, and until when; None when there is nothing to pass on.

    Whoever reads the page has opened this very link, or signed in through it; it shows the company and the
    steps, and neither address nor tenant (rule S4).
    """
    ports, facts = visitor.ports, visitor.facts
    if facts.is_bound or not is_link_live(ports, facts):
        return None
    return {
        "link": f"{ports.settings.public_base_url}/a?k={mailed_token(ports.keys, facts)}",
        "partner_name": facts.partner_name,
        "ends": facts.link_expires_at,
    }
