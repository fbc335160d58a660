"""Mail that one person waits for, put into the ledger. The worker writes its words and its links
right before it leaves; nothing is sent from here and no finished link is stored."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from secrets import token_urlsafe

from sqlalchemy import Update, func, select, update
from sqlalchemy.orm import Session

from mailer.domain.delivery import OPEN_STATES, DeliveryKind, DeliveryState
from mailer.storage.deliveries import Attempt, Delivery, list_confirmation_moments
from mailer.storage.subscribers import Subscriber


def make_jti() -> str:
    """An id for a link that works once. It is stored, and the link is made with it later."""
    return token_urlsafe(12)


def queue(
    session: Session,
    template: str,
    *,
    language: str,
    context: Mapping[str, str | int],
    now: datetime,
    lives: timedelta,
    subscriber: Subscriber | None = None,
    address: str = "",
    address_key: str = "",
) -> Delivery:
    """Add one mail to the ledger, due at once and dropped after `lives`.

    It goes to `address`, or else to the subscriber's own. `subscriber` is whom its personal links
    are about. `context` holds facts and ids for the template, never a finished link.
    """
    own = subscriber if subscriber and not address else None
    delivery = Delivery(
        subscriber_id=subscriber.id if subscriber else None,
        reader_id=subscriber.public_id if subscriber else None,
        kind=DeliveryKind.TRANSACTIONAL,
        language=language,
        address=own.address if own else address,
        address_key=own.address_key if own else address_key,
        state=DeliveryState.QUEUED,
        template=template,
        context=dict(context),
        next_at=now,
        expires_at=now + lives,
        created_at=now,
        changed_at=now,
    )
    session.add(delivery)
    session.flush()
    return delivery


def list_asked_for(session: Session, subscriber: Subscriber | None) -> list[datetime]:
    """When mails that a stranger can set off went to this person, for the caps.

    Counted since they signed up, or last confirmed or left. Nobody has none, at the same cost.
    """
    if subscriber is None:
        return list_confirmation_moments(session, 0, datetime.max.replace(tzinfo=UTC))
    since = max(
        subscriber.created_at,
        subscriber.confirmed_at or subscriber.created_at,
        subscriber.left_at or subscriber.created_at,
    )
    return list_confirmation_moments(session, subscriber.id, since)


def count_queued(session: Session, subscriber_id: int, template: str, since: datetime) -> int:
    """How many mails of one kind a subscriber's page has set off, for the caps."""
    query = select(func.count()).where(
        Delivery.subscriber_id == subscriber_id,
        Delivery.template == template,
        Delivery.created_at >= since,
    )
    return session.scalar(query) or 0


def forget(session: Session, subscriber_id: int, now: datetime) -> None:
    """Take a person out of the ledger: the rows stay for its sums, what names them goes.

    What has not begun to leave is cancelled.
    """
    theirs = Delivery.subscriber_id == subscriber_id
    waiting = OPEN_STATES - {DeliveryState.HANDING_OFF}
    their_ids = select(Delivery.id).where(theirs)
    statements: tuple[Update, ...] = (
        # Providers like to repeat the address in what they say.
        update(Attempt).where(Attempt.delivery_id.in_(their_ids)).values(text=""),
        update(Delivery)
        .where(theirs, Delivery.state.in_(waiting))
        .values(state=DeliveryState.CANCELLED, reason="erased", changed_at=now),
        update(Delivery)
        .where(theirs)
        .values(
            address="",
            address_key="",
            reader_id=None,
            context=None,
            last_text="",
            subscriber_id=None,
        ),
    )
    for statement in statements:
        session.execute(statement.execution_options(synchronize_session=False))
