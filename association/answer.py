"""What Microsoft's errors come to, in a closed set of our own: for help and retry, never to authorise.

Each has its words in the catalogues (`answer.<answer>.cause|remedy|who`).
"""

from enum import StrEnum


class Answer(StrEnum):
    """What an error of Microsoft's comes to, whichever call or redirect it came from."""

    DENIED = "denied"
    CANCELLED = "cancelled"
    INTERACTION_REQUIRED = "interaction_required"
    CONSENT_MISSING = "consent_missing"
    NOT_IN_TENANT = "not_in_tenant"
    DISABLED = "disabled"
    NOT_ALLOWED = "not_allowed"
    WRONG_ACCOUNT = "wrong_account"
    ACCOUNT_BLOCKED = "account_blocked"
    NEEDS_ADMINISTRATOR = "needs_administrator"
    BLOCKED_BY_POLICY = "blocked_by_policy"
    LICENCE_MISSING = "licence_missing"
    RESOURCE_MISSING = "resource_missing"
    PROVISIONING = "provisioning"
    OUR_CREDENTIAL = "our_credential"
    OUR_REQUEST = "our_request"
    CODE_SPENT = "code_spent"
    TENANT_UNKNOWN = "tenant_unknown"
    NOT_FOUND = "not_found"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"


def answer_named(noted: str) -> str:
    """The name under which the catalogues hold the words of a noted answer; "" where none is noted."""
    if not noted:
        return ""
    return noted if noted in set(Answer) else Answer.UNKNOWN


# Nothing that time mends: whoever runs the service has to act.
OURS = (Answer.OUR_CREDENTIAL, Answer.OUR_REQUEST)
# Trouble of Microsoft's, or of ours, or nobody knows whose: no reason to ask for consent again.
SAYS_NOTHING_OF_THE_TENANT = (
    Answer.THROTTLED,
    Answer.UNAVAILABLE,
    *OURS,
    Answer.CODE_SPENT,
    Answer.UNKNOWN,
)
# A consent that was never given, or that hasn't reached every part of Microsoft's directory yet.
NOT_THERE_YET = (Answer.NOT_IN_TENANT, Answer.CONSENT_MISSING, Answer.PROVISIONING, Answer.NOT_FOUND)
# What comes back in the browser without anybody having refused anything: trying again may help.
NOT_THE_CUSTOMERS = (Answer.THROTTLED, Answer.UNAVAILABLE, Answer.PROVISIONING, *OURS)
