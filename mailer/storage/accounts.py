"""How a newsletter stands: its sums, and the list behind each number. Changes nothing."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from mailer.domain.delivery import OPEN_STATES, Account, DeliveryState
from mailer.domain.newsletter import NewsletterState
from mailer.storage.deliveries import Attempt, Delivery
from mailer.storage.newsletters import Newsletter

_S = DeliveryState


def get_account(session: Session, newsletter: Newsletter) -> Account:
    """How the newsletter stands, every delivery counted in exactly one state."""
    rows = session.execute(
        select(Delivery.state, func.count(), func.count(Delivery.next_at))
        .where(Delivery.newsletter_id == newsletter.id)
        .group_by(Delivery.state)
    ).all()
    return Account(
        audience=newsletter.audience_count or 0,
        by_state={state: number for state, number, _ in rows},
        waiting_unknown=next((waits for state, _, waits in rows if state == _S.UNKNOWN), 0),
    )


def has_open(session: Session, newsletter_id: int) -> bool:
    """Whether something will still happen to a mail of this newsletter."""
    waits = and_(Delivery.state == _S.UNKNOWN, Delivery.next_at.is_not(None))
    query = select(Delivery.id).where(
        Delivery.newsletter_id == newsletter_id, or_(Delivery.state.in_(OPEN_STATES), waits)
    )
    return session.scalar(query.limit(1)) is not None


def count_by_language(session: Session, newsletter_id: int) -> dict[str, int]:
    """The audience by language, largest first."""
    number = func.count()
    rows = session.execute(
        select(Delivery.language, number)
        .where(Delivery.newsletter_id == newsletter_id, Delivery.state != _S.SKIPPED)
        .group_by(Delivery.language)
        .order_by(number.desc(), Delivery.language)
    )
    return dict(rows.tuples().all())


def list_deliveries(
    session: Session,
    newsletter_id: int,
    *,
    state: DeliveryState | None = None,
    language: str = "",
    after: int = 0,
    limit: int = 100,
) -> Sequence[Delivery]:
    """The list behind a number of the report, by id after `after`."""
    query = select(Delivery).where(Delivery.newsletter_id == newsletter_id, Delivery.id > after)
    if state:
        query = query.where(Delivery.state == state)
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
    return session.scalar(
        select(func.min(Delivery.next_at)).where(
            Delivery.state.in_((_S.QUEUED, _S.DEFERRED)),
            Delivery.next_at <= now,
            or_(Delivery.newsletter_id.is_(None), Delivery.newsletter_id.in_(sending)),
        )
    )
