"""What goes wrong at Microsoft's, as association/errors.py has it for everything else."""

from typing import Any

from association.answer import Answer
from association.errors import AssociationError


class MicrosoftUnavailableError(AssociationError):
    """Microsoft did not answer, or not in time, or with a failure of its own.

    Where the failure was told, the value `answer` is what it comes to.
    """

    code = "microsoft_unavailable"
    correlation_id = ""

    def __init__(self, detail: str = "", *, retry_after: int = 0, **values: Any) -> None:
        super().__init__(detail, retry_after=retry_after, **values)
        self.answer: Answer = values.get("answer", Answer.UNAVAILABLE)


class MicrosoftRefusedError(AssociationError):
    """Microsoft answered with an error, to a call of ours or in a redirect.

    `answer` is what it comes to, `number` AADSTS's (0: none was told).
    """

    code = "microsoft_refused"

    def __init__(
        self, answer: Answer, *, number: int = 0, correlation_id: str = "", detail: str = ""
    ) -> None:
        told = f"answer={answer} number={number} correlation_id={correlation_id} {detail}"
        super().__init__(told.strip(), answer=answer)
        self.answer = answer
        self.number = number
        self.correlation_id = correlation_id


MicrosoftError = MicrosoftRefusedError | MicrosoftUnavailableError
# What a call of Microsoft raises.
MICROSOFT_ERRORS = (MicrosoftRefusedError, MicrosoftUnavailableError)
