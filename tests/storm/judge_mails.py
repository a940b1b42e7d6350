"""The mails after a storm: each sent once, or given up for a reason that the storm's faults account for."""

from collections import Counter
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from association.outbox import MOST_ATTEMPTS
from tests.storm.attempts import Sendings
from tests.storm.found import Evidence, Partition, Row, events, held, rows_of

# Word to whoever waited for Microsoft and has gone; who is slow gets one, who is quick doesn't.
ON_THE_WAY = ("ready", "late")
# What such word is about, and the event that a consent to it leaves.
CONSENTS = {"access": "consent_returned", "applications": "application_returned"}


def mails(found: Evidence) -> Iterator[str]:
    """What is lost, doubled or given up without need."""
    sendings = {_name(message_id): sent for message_id, sent in found.sendings.items()}
    for identifier, facts, rows in held(found):
        yield from _outbox(identifier, facts, rows)
        yield from _words(identifier, rows)
        for mail in rows_of(rows, "outbox"):
            sent = sendings.get(_known_as(identifier, mail), Sendings())
            yield from _noted(identifier, mail, rows, sent)
            if mail["status"] == "failed":
                faults = _faults(mail, rows, found.mail_faults)
                yield from _given_up(identifier, mail, sent, faults, is_bound=bool(facts.get("generation")))
    yield from _acceptances(found, sendings)


def _name(message_id: str) -> str:
    return message_id.strip("<>").rpartition("@")[0]


def _known_as(identifier: str, mail: Row) -> str:
    return f"{identifier}.{quote(mail['key'], safe='')}"


def _outbox(identifier: str, facts: Row, rows: Partition) -> Iterator[str]:
    """The invitation and, once bound, the confirmation; word of the way besides."""
    expected = ["invitation-1", *(["associated-1"] if facts.get("generation") else [])]
    due = [mail["key"] for mail in rows_of(rows, "outbox") if mail["kind"] not in ON_THE_WAY]
    if sorted(due) != sorted(expected):
        yield f"association {identifier} has the mails {sorted(due)}"


def _words(identifier: str, rows: Partition) -> Iterator[str]:
    """Word of the way is told once of each consent, and noted so."""
    told = Counter((event["old"], event["new"]) for event in events(rows) if event["what"] == "news")
    words = [mail for mail in rows_of(rows, "outbox") if mail["kind"] in ON_THE_WAY]
    if told != Counter((mail["about"], mail["kind"]) for mail in words):
        yield f"association {identifier} was told {dict(told)}, and has {len(words)} such mails"
    for (about, kind), times in told.items():
        consents = sum(event["what"] == CONSENTS.get(about) for event in events(rows))
        if times > consents:
            yield f"association {identifier} was told {kind} {times} times of {consents} consents"


def _noted(identifier: str, mail: Row, rows: Partition, sent: Sendings) -> Iterator[str]:
    """How it ended is noted once, and every failure on the way was one that a worker heard."""
    told = Counter(event["what"] for event in events(rows) if event.get("old") == mail["key"])
    noted = (told["mail_sent"], told["mail_failed"])
    if noted != (int(mail["status"] == "sent"), int(mail["status"] == "failed")) or not sum(noted):
        yield f"mail {mail['key']} of {identifier} is {mail['status']}, noted {sum(noted)} times"
    if told["mail_due"] > sent.unheard:
        yield f"mail {mail['key']} of {identifier} is put off {told['mail_due']} times: {sent}"


def _faults(mail: Row, rows: Partition, faults: Mapping[str, int]) -> int:
    return faults.get(rows.get(f"person.{mail['person']}", {}).get("email", ""), 0)


def _given_up(identifier: str, mail: Row, sent: Sendings, faults: int, *, is_bound: bool) -> Iterator[str]:
    """Word of the way may be overtaken; so may an invitation, by the binding, where a worker that died or
    heard of no acceptance had tried it: its reader had it. Any other mail was tried as often as the product
    tries, and every attempt came to grief by a fault of the mail server, of storage, or by the worker's
    death.
    """
    reason = mail.get("reason", "")
    is_invitation_used = mail["kind"] == "invitation" and is_bound and sent.failures > 0
    if reason == "overtaken" and (mail["kind"] in ON_THE_WAY or is_invitation_used):
        return
    if not reason:
        yield f"mail {mail['key']} of {identifier} failed and nobody knows why"
    if sent.failures < MOST_ATTEMPTS or sent.unheard > faults:
        yield f"mail {mail['key']} of {identifier} failed ({reason}) after {faults} faults: {sent}"


def _acceptances(found: Evidence, sendings: Mapping[str, Sendings]) -> Iterator[str]:
    """A sent mail was accepted, and again only where nobody could note it."""
    accepted = Counter(_name(mail["message_id"]) for mail in found.mails)
    known = {
        _known_as(identifier, mail): mail
        for identifier, _, rows in held(found)
        for mail in rows_of(rows, "outbox")
    }
    yield from (f"nobody's mail: {name}" for name in accepted if name not in known)
    lost = {name for name, row in known.items() if row["status"] == "sent"} - accepted.keys()
    yield from (f"mail {name} is noted as sent and was never accepted" for name in lost)
    unheard = 0
    for name, times in accepted.items():
        sent = sendings.get(name, Sendings())
        unheard += max(times - sent.clean - sent.cut_off, 0)
        if sent.clean > 1 or times > sent.clean + sent.cut_off + sent.unheard:
            yield f"mail {name} was accepted {times} times: {sent}"
    if unheard > found.unheard:
        yield f"{unheard} mails were accepted without their worker's knowledge, {found.unheard} faults say so"
