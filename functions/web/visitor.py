"""Who stands at an association's page: with the link's visit, with a session, or with neither."""

import azure.functions as func

from association.administrator import is_administrator
from association.dataclass import dataclass
from association.errors import (
    LinkExpiredError,
    LinkRevokedError,
    OrderClosedError,
    SessionMissingError,
    VisitMissingError,
)
from association.facts import Facts, Record
from association.keys import read_reference
from association.limits import require_within_limit
from association.ports import Ports
from association.session import Session, is_about, is_live
from functions.web.browser import Visit, form_token, read_form, read_session, read_visit, visit_name
from functions.web.failures import concerned
from functions.web.language import language_for, of_order, switch


@dataclass(frozen=True, slots=True)
class Visitor:
    """The association as it stands, and what this browser holds of it. `session` is a live one.

    `language` is the one its pages are read in, `switch` the address of this page in the other one.
    """

    ports: Ports
    record: Record
    session: Session | None
    visit: Visit | None
    language: str
    switch: str

    @property
    def facts(self) -> Facts:
        """The association's facts."""
        return self.record.facts

    @property
    def path(self) -> str:
        """The address of the association's pages."""
        return f"/a/{self.facts.reference}"

    @property
    def form_token(self) -> str:
        """What this browser's forms have to carry."""
        return form_token(self.ports, self.session, self.visit)

    @property
    def is_current(self) -> bool:
        """Whether the session is of the person the facts are about, or the tenant that is bound."""
        if self.session is None:
            return False
        if self.facts.is_bound:
            return self.session.tenant_id == self.facts.bound_tenant_id
        return is_about(self.session, self.facts)

    @property
    def is_administrator(self) -> bool:
        """Whether this session may act for the organisation that is bound."""
        return self.session is not None and is_administrator(self.record, self.session)

    def signed_in(self) -> Session:
        """The session. Raises SessionMissingError."""
        if self.session is None:
            raise SessionMissingError(f"association_id={self.facts.association_id}")
        return self.session

    async def read_form(self, req: func.HttpRequest) -> dict[str, str]:
        """The form of a POST from one of this browser's own pages.

        Raises FormForgedError, LimitReachedError.
        """
        form = read_form(req, self.ports, self.session, self.visit)
        await require_within_limit(self.ports, "post", self.facts.association_id)
        return form


async def enter(req: func.HttpRequest, ports: Ports) -> Visitor:
    """Read the association that the address names, for a browser that may see it.

    Raises VisitMissingError to one that opened no link of it, LinkRevokedError, LinkExpiredError,
    OrderClosedError.
    """
    reference = read_reference(req.route_params.get("reference", ""))
    visit = read_visit(req, ports, visit_name(reference))
    session = read_session(req, ports, reference)
    association_id = session.association_id if session else visit.association_id if visit else ""
    record = await ports.associations.read(association_id) if association_id else None
    if record is None or record.facts.reference != reference:
        raise VisitMissingError
    concerned.set(association_id)
    of_order.set(record.facts.language)
    if session and not is_live(session, record.facts, ports.now()):
        session = None
    if session is None:
        _require_live_link(visit, record.facts, ports)
    elif not record.facts.is_bound:
        _require_open(record.facts)
        _require_time_left(record.facts, ports)
    language = language_for(req)
    return Visitor(ports, record, session, visit, language, switch(req, language, f"/a/{reference}"))


def _require_live_link(visit: Visit | None, facts: Facts, ports: Ports) -> None:
    if visit is None:
        raise VisitMissingError(f"association_id={facts.association_id}")
    _require_open(facts)
    if visit.number != facts.link_number or facts.link_revoked_at:
        raise LinkRevokedError(f"association_id={facts.association_id}")
    _require_time_left(facts, ports)


def _require_open(facts: Facts) -> None:
    if facts.closed_at:
        raise OrderClosedError(f"association_id={facts.association_id}")


def _require_time_left(facts: Facts, ports: Ports) -> None:
    if facts.link_expires_at is None or facts.link_expires_at <= ports.now():
        raise LinkExpiredError(f"association_id={facts.association_id}")
