"""Word to the administrator who waited for Microsoft and has gone: it is ready, or it never came (rule R2).

The background leaves a task when it has stopped looking, and some minutes later this looks at the rows:
whoever has done anything since then is there and needs no mail; whoever had left for Microsoft before may
still come back, for as long as a leg lasts. One mail a consent, under a key that names it.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from association.changes import change, changed, new_mails
from association.dataclass import dataclass
from association.facts import Change, Record
from association.grants import PROPAGATION_LIMIT, Standing, grant_of, standing
from association.legs import LIFETIME
from association.links import is_link_live
from association.looks import stamp
from association.partition import Event, Grant, Mail
from association.ports import Ports
from association.progress import progress
from association.rows import Task, TaskKind
from association.steps import Cause, Step

# Somebody at the page sees it change within seconds and goes on; who hasn't by then has left.
PATIENCE = timedelta(minutes=2)
ACCESS = "access"
APPLICATIONS = "applications"
WAITING_FOR_THE_PERSON = (Cause.CHECKS_TO_RUN, Cause.CHECKS_FAILED, Cause.CHECKS_UNKNOWN)


@dataclass(frozen=True, slots=True)
class _News:
    """What there is to tell: the mail's kind, what it is about, of which consent, and since when it is so."""

    kind: str
    about: str
    consented_at: datetime
    since: datetime

    @property
    def key(self) -> str:
        """The key of the mail that tells it."""
        return f"{self.kind}-{self.about}-{stamp(self.consented_at)}"


async def bring_news(ports: Ports, association_id: str) -> None:
    """Have the administrator told, in a while; sent before the change that there is to tell of."""
    await ports.tasks.send(Task(kind=TaskKind.NEWS, association_id=association_id), PATIENCE)


async def tell_news(ports: Ports, task: Task) -> None:
    """The background's turn: mail the administrator if there is something to tell and nobody at the page."""
    record = await ports.associations.read(task.association_id)
    now = ports.now()
    if record is None or _untold(ports, record, now) is None:
        return
    left_at = record.facts.left_at
    if left_at and now < left_at + LIFETIME:
        await ports.tasks.send(task, left_at + LIFETIME - now)
        return

    def decide(current: Record) -> Change | None:
        news = _untold(ports, current, now)
        mails = new_mails(current, _mail(current, news, now)) if news else ()
        if news is None or not mails:
            return None
        event = Event(what="news", at=now, by="service", old=news.about, new=news.kind)
        return replace(changed(current, event), mails=mails)

    await change(ports, task.association_id, decide, record)


def is_still_so(ports: Ports, record: Record, mail: Mail) -> bool:
    """Whether `mail`, which was written earlier, still tells how things stand."""
    news = _news(ports, record, ports.now())
    return news is not None and mail.key == news.key


def _untold(ports: Ports, record: Record, now: datetime) -> _News | None:
    """What there is to tell, unless somebody has done anything since it is so."""
    news = _news(ports, record, now)
    if news is None or any(event.actor and event.at > news.since for event in record.events):
        return None
    return news


def _news(ports: Ports, record: Record, now: datetime) -> _News | None:
    facts, applications = record.facts, ports.settings.applications
    if facts.is_bound or not is_link_live(ports, facts):
        return None
    # whether somebody is at Microsoft's says nothing about what there is to tell
    where = progress(replace(record, facts=replace(facts, left_at=None)), now, applications)
    if where.step is Step.APPLICATIONS:
        return _of_applications(ports, record, now)
    if facts.consented_at is None:
        return None
    if where.cause is Cause.ACCESS_MISSING:
        # later than the limit where Microsoft couldn't be asked: nobody was told of it before
        since = facts.access_lost_at or facts.consented_at + PROPAGATION_LIMIT
        return _News("late", ACCESS, facts.consented_at, since)
    if facts.access_proven_at and where.cause in WAITING_FOR_THE_PERSON:
        return _News("ready", ACCESS, facts.consented_at, facts.access_proven_at)
    return None


def _of_applications(ports: Ports, record: Record, now: datetime) -> _News | None:
    """Nothing before the last of them has come or is overdue: one mail for all that was waited for."""
    applications = ports.settings.applications
    stands = [standing(record, each, now) for each in applications]
    grants = [grant for each in applications if (grant := grant_of(record, each)) and grant.consented_at]
    if Standing.AWAITED in stands or not grants:
        return None
    consented_at = max(grant.consented_at for grant in grants if grant.consented_at)
    came = [grant.proven_at or _given_up_at(record, grant, consented_at) for grant in grants]
    if Standing.MISSING in stands:
        return _News("late", APPLICATIONS, consented_at, max(came))
    is_ready = all(stand in (Standing.PROVEN, Standing.WAIVED) for stand in stands)
    return _News("ready", APPLICATIONS, consented_at, max(came)) if is_ready else None


def _given_up_at(record: Record, grant: Grant, consented_at: datetime) -> datetime:
    """The last look at the grant in vain, where that was after the limit: it couldn't be read until then."""
    looks = [event.at for event in record.events if event.what == "looked" and event.old == grant.key]
    return max([consented_at + PROPAGATION_LIMIT, *looks])


def _mail(record: Record, news: _News, now: datetime) -> Mail:
    facts = record.facts
    return Mail(
        key=news.key,
        kind=news.kind,
        person=facts.administrator,
        created_at=now,
        number=facts.link_number,
        about=news.about,
    )
