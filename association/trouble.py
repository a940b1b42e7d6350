"""What the browser brings back from Microsoft without anybody at the customer's having refused anything."""

from association.answer import NOT_THE_CUSTOMERS, OURS
from association.microsoft_errors import MicrosoftRefusedError, MicrosoftUnavailableError

SOON_SECONDS = 60


def raise_trouble(refusal: MicrosoftRefusedError) -> None:
    """Raises what the browser brought back if nobody at the customer's refused anything: as
    MicrosoftUnavailableError what time mends, as MicrosoftRefusedError what is wrong at our end.
    """
    if refusal.answer in OURS:
        raise refusal
    if refusal.answer in NOT_THE_CUSTOMERS:
        told = str(refusal)
        raise MicrosoftUnavailableError(told, retry_after=SOON_SECONDS, answer=refusal.answer) from refusal
