"""What a forecast is made of: samples of how far a sending had come, how many mails wait for which
moment, and roughly for which domains. Only the samples are written here."""

from collections import Counter
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, ForeignKey, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.domain.delivery import DeliveryState
from mailer.domain.domain_throttle import find_domain
from mailer.domain.forecast import scale
from mailer.domain.newsletter import NewsletterState
from mailer.domain.progress import Sample
from mailer.domain.urgency import over_at
from mailer.storage.accounts import count_open
from mailer.storage.audiences import is_in_audience
from mailer.storage.db import Base, BigId, Moment
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import Newsletter
from mailer.storage.subscribers import Subscriber

SAMPLE_SIZE = 500


class PaceSample(Base):
    """How many mails of a newsletter were done with at a moment. Kept for minutes only."""

    __tablename__ = "pace_sample"

    newsletter_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("newsletter.id", ondelete="CASCADE"), primary_key=True
    )
    at: Mapped[datetime] = mapped_column(Moment, primary_key=True)
    settled: Mapped[int]


def add_samples(session: Session, now: datetime) -> None:
    """Note how far every newsletter is that is being sent. Counts only what is still open, in the
    index of what is due: what has left may be a million mails."""
    audiences = dict(
        session.execute(
            select(Newsletter.id, Newsletter.audience_count).where(
                Newsletter.state == NewsletterState.SENDING
            )
        ).all()
    )
    if not audiences:
        return
    still_open = count_open(session, audiences)
    for newsletter_id, audience in audiences.items():
        settled = (audience or 0) - still_open.get(newsletter_id, 0)
        session.merge(PaceSample(newsletter_id=newsletter_id, at=now, settled=settled))


def drop_samples(session: Session, before: datetime) -> None:
    session.execute(delete(PaceSample).where(PaceSample.at < before))


def list_samples(
    session: Session, newsletter_ids: Collection[int], since: datetime
) -> dict[int, list[Sample]]:
    """The samples of each of these newsletters, in order."""
    rows = session.execute(
        select(PaceSample.newsletter_id, PaceSample.at, PaceSample.settled)
        .where(PaceSample.newsletter_id.in_(newsletter_ids), PaceSample.at >= since)
        .order_by(PaceSample.at)
    )
    samples: dict[int, list[Sample]] = {newsletter_id: [] for newsletter_id in newsletter_ids}
    for newsletter_id, at, settled in rows:
        samples[newsletter_id].append(Sample(at, settled))
    return samples


def count_urgent(session: Session, newsletter: Newsletter) -> list[tuple[datetime, int]]:
    """For each moment at which something in a letter is over: how many mails with such a letter
    are due, the most urgent first. Read off the moments they are due from, in the index alone;
    those that were put off since do not count."""
    if newsletter.started_at is None:
        return []
    rows = session.execute(
        select(Delivery.next_at, func.count())
        .where(Delivery.newsletter_id == newsletter.id, Delivery.next_at < newsletter.started_at)
        .group_by(Delivery.next_at)
        .order_by(Delivery.next_at)
    )
    return [(over_at(due_from), number) for due_from, number in rows if due_from]


def estimate_domains(session: Session, newsletter_id: int, now: datetime) -> Counter[str]:
    """Roughly how many waiting mails go to each domain: the first ones of those that are due and
    of those that were put off speak for the rest."""
    due, later = Delivery.next_at <= now, Delivery.next_at > now
    return sum((_estimate(session, newsletter_id, when) for when in (due, later)), Counter())


def _estimate(session: Session, newsletter_id: int, when: ColumnElement[bool]) -> Counter[str]:
    which = (Delivery.newsletter_id == newsletter_id, when)
    first = select(Delivery.address, Delivery.state).where(*which).order_by(Delivery.next_at)
    sample = Counter(
        find_domain(address) if state == DeliveryState.QUEUED else ""
        for address, state in session.execute(first.limit(SAMPLE_SIZE))
    )
    number = session.scalar(select(func.count()).where(*which)) or 0
    found = scale(sample, number)
    del found[""]
    return found


def estimate_readers(session: Session, newsletter: Newsletter, now: datetime) -> Counter[str]:
    """Roughly how many of those who would get it have their address at each domain."""
    theirs = is_in_audience(newsletter, now)
    first = select(Subscriber.address).where(theirs).order_by(Subscriber.id).limit(SAMPLE_SIZE)
    sample = Counter(find_domain(address) for address in session.scalars(first))
    number = session.scalar(select(func.count()).select_from(Subscriber).where(theirs)) or 0
    return scale(sample, number)
