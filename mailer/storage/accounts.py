"""How a newsletter stands: its sums, and the list behind each number. Changes nothing."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mailer.domain.delivery import OPEN_STATES, Account, DeliveryState
from mailer.domain.newsletter import NewsletterState
from mailer.storage.deliveries import Attempt, Delivery
from mailer.storage.newsletters import Cohort, Newsletter
from mailer.storage.subscribers import Subscriber

_S = DeliveryState
_IS_OPEN = Delivery.next_at.is_not(None)
"""Something still happens to it by itself: what has left or failed for good has no next moment."""


def get_account(session: Session, newsletter: Newsletter) -> Account:
    """How the newsletter stands, every delivery counted in exactly one state."""
    return get_accounts(session, [newsletter])[newsletter.id]


def get_accounts(session: Session, newsletters: Iterable[Newsletter]) -> dict[int, Account]:
    """How each of them stands, in one query however many they are."""
    found = {
        newsletter.id: Account(audience=newsletter.audience_count or 0, by_state={})
        for newsletter in newsletters
    }
    rows = session.execute(
        select(Delivery.newsletter_id, Delivery.state, func.count(), func.count(Delivery.next_at))
        .where(Delivery.newsletter_id.in_(found))
        .group_by(Delivery.newsletter_id, Delivery.state)
    )
    for newsletter_id, state, number, waits in rows:
        if newsletter_id:
            account = found[newsletter_id]
            unknown = waits if state == _S.UNKNOWN else account.waiting_unknown
            by_state = {**account.by_state, state: number}
            found[newsletter_id] = Account(account.audience, by_state, unknown)
    return found


def has_open(session: Session, newsletter_id: int) -> bool:
    """Whether something will still happen to a mail of this newsletter."""
    query = select(Delivery.id).where(
        Delivery.newsletter_id == newsletter_id,
        _IS_OPEN,
        Delivery.state.in_((*OPEN_STATES, _S.UNKNOWN)),
    )
    return session.scalar(query.limit(1)) is not None


def is_anything_open(session: Session) -> bool:
    """Whether there is any mail, of a newsletter or not, that is still to leave."""
    return session.scalar(select(Delivery.id).where(_IS_OPEN).limit(1)) is not None


def count_open(session: Session, newsletter_ids: Collection[int]) -> dict[int, int]:
    """To how many mails of each newsletter something will still happen; those with none are
    absent. What has left is not even looked at."""
    rows = session.execute(
        select(Delivery.newsletter_id, func.count())
        .where(Delivery.newsletter_id.in_(newsletter_ids), _IS_OPEN)
        .group_by(Delivery.newsletter_id)
    )
    return {newsletter_id: number for newsletter_id, number in rows if newsletter_id}


def count_by_language(session: Session, newsletter_id: int) -> dict[str, int]:
    """The audience by language, largest first."""
    number = func.count()
    rows = session.execute(
        select(Delivery.language, number)
        .where(Delivery.newsletter_id == newsletter_id, Delivery.state != _S.SKIPPED)
        .group_by(Delivery.language)
        .order_by(number.desc(), Delivery.language)
    )
    return dict(rows.all())


def list_accounts_by_language(session: Session, newsletter_id: int) -> dict[str, Account]:
    """How the readers of each language stand, the largest audience first."""
    rows = session.execute(
        select(Delivery.language, Delivery.state, func.count(), func.count(Delivery.next_at))
        .where(Delivery.newsletter_id == newsletter_id, Delivery.state != _S.SKIPPED)
        .group_by(Delivery.language, Delivery.state)
    )
    states: dict[str, dict[DeliveryState, int]] = {}
    unknown: dict[str, int] = {}
    for language, state, number, waits in rows:
        states.setdefault(language, {})[state] = number
        if state == _S.UNKNOWN:
            unknown[language] = waits
    found = {
        language: Account(sum(by_state.values()), by_state, unknown.get(language, 0))
        for language, by_state in states.items()
    }
    return dict(sorted(found.items(), key=lambda item: (-item[1].audience, item[0])))


def find_cohort_of(session: Session, newsletter_id: int, lang: str) -> Cohort | None:
    """The first cohort whose readers read that language first and got a letter."""
    return session.scalar(
        select(Cohort)
        .join(Delivery, Delivery.cohort_id == Cohort.id)
        .where(Delivery.newsletter_id == newsletter_id, Delivery.language == lang, ~Cohort.is_empty)
        .order_by(Cohort.id)
        .limit(1)
    )


def find_next_try(session: Session, newsletter_id: int) -> datetime | None:
    """When the first of the mails that were put off is tried again."""
    query = select(Delivery.next_at).where(
        Delivery.newsletter_id == newsletter_id,
        Delivery.state == _S.DEFERRED,
        _IS_OPEN,
    )
    return session.scalar(query.order_by(Delivery.next_at).limit(1))


def count_left(session: Session, newsletter_id: int, since: datetime, until: datetime) -> int:
    """How many of its readers unsubscribed between the two moments."""
    query = (
        select(func.count())
        .select_from(Delivery)
        .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .where(
            Delivery.newsletter_id == newsletter_id,
            Delivery.state != _S.SKIPPED,
            Subscriber.left_at >= since,
            Subscriber.left_at <= until,
        )
    )
    return session.scalar(query) or 0


def list_deliveries(
    session: Session,
    newsletter_id: int,
    *,
    states: Collection[DeliveryState] = (),
    language: str = "",
    after: int = 0,
    limit: int = 100,
) -> Sequence[Delivery]:
    """The list behind a number of the report, by id after `after`."""
    query = select(Delivery).where(Delivery.newsletter_id == newsletter_id, Delivery.id > after)
    if states:
        query = query.where(Delivery.state.in_(states))
    if language:
        query = query.where(Delivery.language == language)
    return session.scalars(query.order_by(Delivery.id).limit(limit)).all()


def list_attempts(session: Session, delivery_ids: Iterable[int]) -> Sequence[Attempt]:
    return session.scalars(
        select(Attempt).where(Attempt.delivery_id.in_(tuple(delivery_ids))).order_by(Attempt.id)
    ).all()


def find_oldest_due(session: Session, now: datetime) -> datetime | None:
    """Since when the oldest due mail has been waiting: grows when nobody sends."""
    sending = select(Newsletter.id).where(Newsletter.state == NewsletterState.SENDING)
    moments = [
        _waits_since(session, newsletter_id, now)
        for newsletter_id in (None, *session.scalars(sending).all())
    ]
    return min((moment for moment in moments if moment), default=None)


def _waits_since(session: Session, newsletter_id: int | None, now: datetime) -> datetime | None:
    due = (
        select(Delivery)
        .where(
            Delivery.newsletter_id == newsletter_id,
            Delivery.state.in_((_S.QUEUED, _S.DEFERRED)),
            Delivery.next_at <= now,
        )
        .order_by(Delivery.next_at)
    )
    oldest = session.scalar(due.limit(1))
    if oldest is None or oldest.next_at is None:
        return None
    # What is urgent counts as due since before it was written, to leave before the rest.
    return max(oldest.next_at, oldest.created_at)
