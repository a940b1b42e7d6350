"""Everything that can go wrong, each with one code: the same word in exception, log field, catalogues
(`error.<code>.*`) and answers. Status and page are the edge's business (functions/web/boundary.py).

What goes wrong at Microsoft's is in association/microsoft_errors.py.
"""

import re
from collections.abc import Mapping
from typing import Any

FIELD_PATH = re.compile(r"[A-Za-z0-9_.]{1,80}", re.ASCII)


class AssociationError(Exception):
    """The base. `code` names the failure, `values` fill the placeholders of its texts, `retry_after` tells in
    how many seconds trying again may help (0: nobody knows).
    """

    code = "unexpected"

    def __init__(self, detail: str = "", *, retry_after: int = 0, **values: Any) -> None:
        """`detail` is for the log: ids and codes only, never a token, name or address."""
        super().__init__(detail or self.code)
        self.detail = detail
        self.retry_after = retry_after
        self.values = values


class SettingsIncompleteError(AssociationError):
    """Settings are missing or wrong; `names` lists them, without their values."""

    code = "settings_incomplete"

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(", ".join(names))
        self.names = names


class PageUnknownError(AssociationError):
    code = "page_unknown"


class LinkUnknownError(AssociationError):
    code = "link_unknown"


class LinkExpiredError(AssociationError):
    code = "link_expired"


class LinkRevokedError(AssociationError):
    code = "link_revoked"


class OrderClosedError(AssociationError):
    """Support has closed the association's order: nothing is left to associate."""

    code = "order_closed"


class ShareEndedError(AssociationError):
    """The users' share link, or the visit that opening it left in the browser, is over."""

    code = "share_ended"


class VisitMissingError(AssociationError):
    """The browser has neither the link's visit nor a session for this association."""

    code = "visit_missing"


class SessionMissingError(AssociationError):
    """The action needs the signed-in session, which is absent, idle too long, or ended."""

    code = "session_missing"


class FormForgedError(AssociationError):
    """A POST from another site, or without this session's form token."""

    code = "form_forged"


class StateUnknownError(AssociationError):
    """`state` is malformed, unknown, or belongs to another kind of leg."""

    code = "state_unknown"


class FlowExpiredError(AssociationError):
    code = "flow_expired"


class BrowserUnknownError(AssociationError):
    """The flow was begun in another browser, or its cookie is gone."""

    code = "browser_unknown"


class FlowBusyError(AssociationError):
    """The same callback is being worked on by another request."""

    code = "flow_busy"


class SignInRefusedError(AssociationError):
    """Microsoft sent the browser back with an error instead of a code."""

    code = "sign_in_refused"


class IdTokenInvalidError(AssociationError):
    """An id_token that fails validation; nobody is signed in."""

    code = "id_token_invalid"


class AccountChangedError(AssociationError):
    """The confirming sign-in, or the record, is of another person or tenant than the flow was begun for."""

    code = "account_changed"


class TenantUnexpectedError(AssociationError):
    """The tenant isn't the recorded address's, and nobody has released it."""

    code = "tenant_unexpected"


class DomainUnknownError(AssociationError):
    """What a guest typed is no domain of any Microsoft 365 organisation."""

    code = "domain_unknown"


class GuestUnexpectedError(AssociationError):
    """A guest of a tenant that isn't the recorded address's: no code can release it."""

    code = "guest_unexpected"


class BoundToAnotherError(AssociationError):
    """The association is bound to another tenant than the one that signed in."""

    code = "bound_to_another"


class LimitReachedError(AssociationError):
    """More than a stranger may trigger in an hour (rule S8); the value `again`, if any, is when it ends."""

    code = "limit_reached"


class CodeWrongError(AssociationError):
    code = "code_wrong"


class CodeEndedError(AssociationError):
    """The one-time code is too old, tried too often, or was asked for in another session."""

    code = "code_ended"


class AdministratorNeededError(AssociationError):
    """A member of the associated organisation, but nobody who may act for it."""

    code = "administrator_needed"


class ChecksMissingError(AssociationError):
    """A further application is consented to only after the prerequisites are met."""

    code = "checks_missing"


class NotBoundError(AssociationError):
    """The add-in file and the way to the portal are for the session of a bound tenant only."""

    code = "not_bound"


class PortalUnavailableError(AssociationError):
    """No key of PORTAL_SIGNING_KEY, or not every one, can sign a hand-over."""

    code = "portal_unavailable"


class RequestInvalidError(AssociationError):
    """Bad fields: `problems` maps each field's path to its problem's code. A field named otherwise than ours
    ever are stands as `?`.
    """

    code = "request_invalid"

    def __init__(self, problems: Mapping[str, str]) -> None:
        # the names come from outside, and go into the log (rule S5) and the answer
        self.problems = {name if FIELD_PATH.fullmatch(name) else "?": code for name, code in problems.items()}
        super().__init__(", ".join(f"{name}={code}" for name, code in self.problems.items()))


class KeyInQueryError(AssociationError):
    """The function key came in the address, or not at all, instead of in its header."""

    code = "key_in_query"


class OrderConflictError(AssociationError):
    """An order number that is recorded with other content; `differences` names the fields."""

    code = "order_conflict"

    def __init__(self, differences: tuple[str, ...]) -> None:
        super().__init__(", ".join(differences))
        self.differences = differences


class AssociationUnknownError(AssociationError):
    code = "association_unknown"


class ConcurrentChangeError(AssociationError):
    """The facts were changed by somebody else since they were read; read again and re-apply."""

    code = "concurrent_change"


class StorageUnavailableError(AssociationError):
    code = "storage_unavailable"


class MailRefusedError(AssociationError):
    """The mail server refused, or did not answer."""

    code = "mail_refused"
