"""What pages and support's view say of Microsoft's answers, of who is still there, of failed mails."""

from datetime import datetime

from association.answer import answer_named
from association.dataclass import dataclass
from association.facts import Facts
from functions import services


@dataclass(frozen=True, slots=True)
class Left:
    """Somebody left for Microsoft on `leg` at that time and isn't back."""

    at: datetime
    leg: str


def left(facts: Facts) -> Left | None:
    """Who is at Microsoft's now; None once the association is done, for nothing is waited for then."""
    if facts.left_at is None or facts.is_bound:
        return None
    return Left(facts.left_at, facts.left_leg)


def reason_in_words(reason: str, language: str) -> str:
    """Why a mail failed, as its row notes it, in a sentence; "" where nothing is noted."""
    if not reason:
        return ""
    word, _, detail = reason.partition(" ")
    texts = services.rendering()
    known = texts.has(f"reason.{word}")
    return texts.text(language, f"reason.{word if known else 'other'}", detail=detail if known else reason)


def in_words(noted: str, language: str) -> str:
    """Cause, remedy and who in one text; "" where nothing is noted."""
    name, texts = answer_named(noted), services.rendering()
    if not name:
        return ""
    return " ".join(texts.text(language, f"answer.{name}.{part}") for part in ("cause", "remedy", "who"))
