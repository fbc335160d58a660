"""Who a newsletter goes to, and who they are in numbers. Written down by `rosters`."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from mailer.domain.consent import Cadence, SubscriberState
from mailer.domain.content import ItemKey
from mailer.domain.digest import Role
from mailer.domain.newsletter import NewsletterState
from mailer.storage.newsletters import Cohort, CohortItem, Newsletter
from mailer.storage.subscribers import Subscriber, is_mailable
from mailer.storage.suppressions import Suppression


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Subscribers of this newsletter's cadence who do not get it, by reason."""

    paused: int = 0
    bounced: int = 0
    unconfirmed: int = 0


def count_audience(session: Session, newsletter: Newsletter, now: datetime) -> dict[str, int]:
    """How many would get it, by language, largest first."""
    return _count_by_language(session, is_in_audience(newsletter, now))


def _count_by_language(session: Session, *conditions: ColumnElement[bool]) -> dict[str, int]:
    number = func.count()
    rows = session.execute(
        select(Subscriber.language, number)
        .where(*conditions)
        .group_by(Subscriber.language)
        .order_by(number.desc(), Subscriber.language)
    )
    return dict(rows.all())


def count_readers(session: Session, cadence: Cadence, now: datetime) -> dict[str, int]:
    """How many would get an issue of that cadence today, by language, largest first."""
    return _count_by_language(session, _may_get(now), Subscriber.cadence == cadence)


def count_sign_ups(session: Session, since: datetime) -> dict[date, int]:
    """How many confirmed on each day (in UTC) since then; days on which nobody did are absent."""
    day = func.date(Subscriber.confirmed_at)
    rows = session.execute(
        select(day, func.count()).where(Subscriber.confirmed_at >= since).group_by(day)
    )
    # SQLite answers with a text, PostgreSQL with a date.
    return {date.fromisoformat(str(found)): number for found, number in rows}


def list_told_so_far(session: Session, since: datetime) -> dict[ItemKey, frozenset[Role]]:
    """What somebody knows who takes every topic and got every newsletter since that moment."""
    rows = session.execute(
        select(CohortItem.kind, CohortItem.item_id, CohortItem.role)
        .join(Cohort, Cohort.id == CohortItem.cohort_id)
        .join(Newsletter, Newsletter.id == Cohort.newsletter_id)
        .where(
            Newsletter.state.in_((NewsletterState.SENDING, NewsletterState.SENT)),
            Newsletter.started_at >= since,
        )
        .distinct()
    )
    told: dict[ItemKey, set[Role]] = {}
    for kind, item_id, role in rows:
        told.setdefault(ItemKey(kind, item_id), set()).add(role)
    return {key: frozenset(roles) for key, roles in told.items()}


def count_left_out(session: Session, newsletter: Newsletter, now: datetime) -> LeftOut:
    """Who is on the list and still does not get it, for the sentence on the check page."""
    paused = and_(Subscriber.state == SubscriberState.CONFIRMED, ~is_mailable(now))
    gone = Subscriber.state.in_((SubscriberState.BOUNCED, SubscriberState.COMPLAINED))
    pending = Subscriber.state == SubscriberState.PENDING
    return LeftOut(
        *(
            session.scalar(
                select(func.count()).select_from(Subscriber).where(condition, *_wishes(newsletter))
            )
            or 0
            for condition in (paused, gone, pending)
        )
    )


def is_in_audience(newsletter: Newsletter, now: datetime) -> ColumnElement[bool]:
    """SQL for "gets this newsletter": nobody who is suppressed, on a pause or unconfirmed."""
    return and_(_may_get(now), *_wishes(newsletter))


def _may_get(now: datetime) -> ColumnElement[bool]:
    suppressed = exists().where(Suppression.address_key == Subscriber.address_key)
    return and_(is_mailable(now), ~suppressed)


def _wishes(newsletter: Newsletter) -> list[ColumnElement[bool]]:
    """A plan's issue goes to readers of its cadence; a letter to everyone with one of its topics
    (to all when it names none)."""
    wishes: list[ColumnElement[bool]] = []
    if newsletter.plan:
        wishes.append(Subscriber.cadence == newsletter.plan.cadence)
    if newsletter.topics:
        wishes.append(
            or_(
                *(
                    Subscriber.topics.contains(f" {topic} ", autoescape=True)
                    for topic in newsletter.topics
                )
            )
        )
    return wishes


def count_written(session: Session, newsletter_id: int) -> int:
    """The audience as written down so far: without those whose letter would have been empty."""
    query = select(Newsletter.prepared_count).where(Newsletter.id == newsletter_id)
    return session.scalar(query) or 0
