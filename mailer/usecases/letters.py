"""Mail that one person waits for, put into the ledger. The worker writes its words and its links
right before it leaves; nothing is sent from here and no finished link is stored."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from secrets import token_urlsafe

from sqlalchemy.orm import Session

from mailer.domain.consent import CONFIRMATIONS_WITHIN, SubscriberState
from mailer.domain.delivery import DeliveryKind, DeliveryState
from mailer.storage.deliveries import Delivery, list_moments
from mailer.storage.subscribers import Subscriber

TO_STRANGERS = ("confirm", "address_change")
"""Mails to a mailbox whose owner has not answered yet."""
TO_READERS = ("confirm", "already", "preferences")


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


def list_asked_for(
    session: Session, key: str, holder: Subscriber | None, now: datetime
) -> list[datetime]:
    """When mails that a stranger can set off went to the address with this key, for the caps.

    `holder` is who has the address. Counted since they last confirmed or left, and by the address,
    so that erasing a row does not begin a new count. Nobody has none, at the same cost.
    """
    since = now - CONFIRMATIONS_WITHIN
    if holder is None:
        return list_moments(session, key, {*TO_STRANGERS, *TO_READERS}, since)
    since = max(since, holder.confirmed_at or since, holder.left_at or since)
    # Who moved here proved by that very mail that the mailbox is theirs.
    is_proved = holder.state is SubscriberState.CONFIRMED
    templates = TO_READERS if is_proved else {*TO_STRANGERS, *TO_READERS}
    return list_moments(session, key, templates, since)
