"""Everything that can go wrong, each with one code.

The code is one word used everywhere: exception, log field, `error.<code>.*` in the catalogues, support
answer. Which HTTP status and page belong to a code is the edge's business (functions/web/boundary.py).
"""

import re
from collections.abc import Mapping
from enum import StrEnum

FIELD_PATH = re.compile(r"[A-Za-z0-9_.]{1,80}", re.ASCII)


class Answer(StrEnum):
    """What an error of Microsoft's comes to: a closed set, used for help and retry, never to authorise."""

    DENIED = "denied"
    CANCELLED = "cancelled"
    INTERACTION_REQUIRED = "interaction_required"
    CONSENT_MISSING = "consent_missing"
    NOT_IN_TENANT = "not_in_tenant"
    NOT_ALLOWED = "not_allowed"
    WRONG_ACCOUNT = "wrong_account"
    NEEDS_ADMINISTRATOR = "needs_administrator"
    BLOCKED_BY_POLICY = "blocked_by_policy"
    PROVISIONING = "provisioning"
    OUR_CREDENTIAL = "our_credential"
    CODE_SPENT = "code_spent"
    TENANT_UNKNOWN = "tenant_unknown"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"


# Trouble of Microsoft's, or of ours with our credential: no reason to ask for consent again.
SAYS_NOTHING_OF_THE_TENANT = (Answer.THROTTLED, Answer.UNAVAILABLE, Answer.OUR_CREDENTIAL)


class AssociationError(Exception):
    """The base. `code` names the failure; `values` fill the placeholders of its texts."""

    code = "unexpected"

    def __init__(self, detail: str = "", **values: str) -> None:
        """`detail` is for the log: ids and codes only, never a token, name or address."""
        super().__init__(detail or self.code)
        self.detail = detail
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


class GuestUnexpectedError(AssociationError):
    """A guest of a tenant that isn't the recorded address's: no code can release it."""

    code = "guest_unexpected"


class BoundToAnotherError(AssociationError):
    """The association is bound to another tenant than the one that signed in."""

    code = "bound_to_another"


class LimitReachedError(AssociationError):
    """More than a stranger may trigger in an hour (rule S8)."""

    code = "limit_reached"


class CodeWrongError(AssociationError):
    code = "code_wrong"


class CodeEndedError(AssociationError):
    """The one-time code is too old, tried too often, or was asked for in another session."""

    code = "code_ended"


class NotBoundError(AssociationError):
    """The add-in file is handed over for a bound tenant only."""

    code = "not_bound"


class RequestInvalidError(AssociationError):
    """A JSON request with bad fields: `problems` maps each field's path to its problem's code.

    A field named otherwise than ours ever are stands as `?`: the names come from outside and go into the
    log (rule S5) and the answer.
    """

    code = "request_invalid"

    def __init__(self, problems: Mapping[str, str]) -> None:
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


class MicrosoftUnavailableError(AssociationError):
    """Microsoft did not answer, or not in time, or with a failure of its own."""

    code = "microsoft_unavailable"


class MicrosoftRefusedError(AssociationError):
    """Microsoft answered a call of ours with an error; `answer` is the classifier's result."""

    code = "microsoft_refused"

    def __init__(
        self, answer: Answer, *, number: int = 0, correlation_id: str = "", detail: str = ""
    ) -> None:
        super().__init__(f"answer={answer} number={number} correlation_id={correlation_id} {detail}".strip())
        self.answer = answer
        self.number = number
        self.correlation_id = correlation_id


class MailRefusedError(AssociationError):
    """The mail server refused, or did not answer."""

    code = "mail_refused"
