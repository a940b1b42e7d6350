"""What Microsoft's errors come to, in a closed set of our own."""

from enum import StrEnum


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
