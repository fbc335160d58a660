"""How much mail is due and unclaimed, counted no further than somebody wants to know.

For whoever hands out work; what is sent, and in which order, the claims of `claiming` decide.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from mailer.domain.delivery import DeliveryState, Priority
from mailer.domain.newsletter import NewsletterState
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import Newsletter


@dataclass(frozen=True, slots=True)
class Backlog:
    """Mails due: those that somebody sits and waits for, and the others by newsletter, the oldest
    first; under None what goes to persons in bulk."""

    urgent: int
    others: dict[int | None, int]


def count_due(session: Session, now: datetime, most: int) -> Backlog:
    """Neither the urgent nor all the newsletters together are counted above `most`: so it costs
    the same whether thousands are due or millions."""
    urgent, in_bulk = (
        _count(session, now, most, Delivery.newsletter_id.is_(None), Delivery.priority == priority)
        for priority in (Priority.WAITED_FOR, Priority.IN_BULK)
    )
    others, left = dict[int | None, int](), most
    for newsletter_id in _list_sending(session):
        due = _count(session, now, left, Delivery.newsletter_id == newsletter_id)
        others[newsletter_id], left = due, left - due
        if not left:
            break
    return Backlog(urgent, {**others, None: in_bulk})


def _list_sending(session: Session) -> list[int]:
    sending = Newsletter.state == NewsletterState.SENDING
    return list(session.scalars(select(Newsletter.id).where(sending).order_by(Newsletter.id)))


def _count(session: Session, now: datetime, most: int, *which: ColumnElement[bool]) -> int:
    waits = Delivery.state.in_((DeliveryState.QUEUED, DeliveryState.DEFERRED))
    due = select(Delivery.id).where(*which, waits, Delivery.next_at <= now).limit(most)
    return session.scalar(select(func.count()).select_from(due.subquery())) or 0
