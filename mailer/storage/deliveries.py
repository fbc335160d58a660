"""The ledger's rows: one per mail to one person, and what became of it. Reads only; what changes a
row is in `ledger`, `claiming`, `interventions`, `recovery` and `feedback`."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    JSON,
    ColumnElement,
    ForeignKey,
    SmallInteger,
    String,
    UniqueConstraint,
    func,
    select,
    text,
    union_all,
)
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from mailer.domain.delivery import DeliveryKind, DeliveryState, Priority
from mailer.storage.db import Base, BigId, Identified, Moment, enum_type, index_of_some
from mailer.storage.newsletters import Newsletter

_IS_TRANSACTIONAL = text("newsletter_id IS NULL")
_IS_OPEN = text("next_at IS NOT NULL")


class Delivery(Identified, Base):
    """`address` is the one at the time the row was written. `template` and `context` are set for
    transactional mail only; newsletters have a cohort. `reader_id` is the subscriber's public id,
    kept here so that a letter's links are made without a join. `is_repeat`: its first fate was
    unknown and this is the one resend. `reason`: why it was skipped, suppressed or cancelled.

    `next_at` is NULL as soon as nothing more happens to the mail by itself: that takes it out of
    `ix_delivery_due`. What changes while a mail leaves (state, lease, attempts) is in no index, so
    that PostgreSQL can change the row where it stands. No foreign keys, which cost more than
    writing the row: newsletters and cohorts are never deleted, subscribers only after `forget`.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        # Finds a person's own mails, too: they are those of no newsletter.
        UniqueConstraint("newsletter_id", "subscriber_id"),
        index_of_some("ix_delivery_due", "newsletter_id", "next_at", where=_IS_OPEN),
        # Asked for every sign-up; without the newsletters, which are nearly all of the table.
        index_of_some("ix_delivery_address_key", "address_key", where=_IS_TRANSACTIONAL),
    )

    newsletter_id: Mapped[int | None] = mapped_column(BigId)
    cohort_id: Mapped[int | None] = mapped_column(BigId)
    subscriber_id: Mapped[int | None] = mapped_column(BigId)
    reader_id: Mapped[UUID | None]
    kind: Mapped[DeliveryKind] = mapped_column(enum_type(DeliveryKind))
    language: Mapped[str] = mapped_column(String(16))
    address: Mapped[str] = mapped_column(String(254))
    address_key: Mapped[str] = mapped_column(String(64))
    priority: Mapped[int] = mapped_column(SmallInteger, default=Priority.WAITED_FOR)
    state: Mapped[DeliveryState] = mapped_column(
        enum_type(DeliveryState), default=DeliveryState.QUEUED
    )
    reason: Mapped[str] = mapped_column(String(100), default="")
    generation: Mapped[int] = mapped_column(default=0)
    lease_owner: Mapped[str] = mapped_column(String(64), default="")
    lease_until: Mapped[datetime | None] = mapped_column(Moment)
    attempts: Mapped[int] = mapped_column(default=0)
    is_repeat: Mapped[bool] = mapped_column(default=False)
    next_at: Mapped[datetime | None] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    template: Mapped[str] = mapped_column(String(24), default="")
    context: Mapped[Any] = mapped_column(JSON, nullable=True)
    provider: Mapped[str] = mapped_column(String(24), default="")
    provider_message_id: Mapped[str] = mapped_column(String(200), default="")
    last_code: Mapped[int] = mapped_column(default=0)
    last_text: Mapped[str] = mapped_column(String(500), default="")
    created_at: Mapped[datetime] = mapped_column(Moment)
    changed_at: Mapped[datetime] = mapped_column(Moment)


class Attempt(Identified, Base):
    """What happened at an attempt that was not simply accepted at the first try."""

    __tablename__ = "attempt"

    delivery_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("delivery.id", ondelete="CASCADE"), index=True
    )
    at: Mapped[datetime] = mapped_column(Moment)
    outcome: Mapped[str] = mapped_column(String(24))
    phase: Mapped[str] = mapped_column(String(16), default="")
    code: Mapped[int] = mapped_column(default=0)
    text: Mapped[str] = mapped_column(String(500), default="")


class Claim(NamedTuple):
    """A delivery that this process may work on until `lease_until`."""

    id: int
    generation: int
    kind: DeliveryKind
    newsletter_id: int | None
    cohort_id: int | None
    subscriber_id: int | None
    reader_id: UUID | None
    address: str
    address_key: str
    language: str
    template: str
    context: Any
    attempts: int
    is_repeat: bool
    expires_at: datetime
    created_at: datetime
    next_at: datetime


def list_moments(
    session: Session, address_key: str, templates: Iterable[str], since: datetime
) -> list[datetime]:
    """When mails of these kinds were queued for an address, whoever they were about."""
    return list(
        session.scalars(
            select(Delivery.created_at).where(
                Delivery.newsletter_id.is_(None),
                Delivery.address_key == address_key,
                Delivery.template.in_(tuple(templates)),
                Delivery.created_at >= since,
            )
        )
    )


def count_queued(session: Session, subscriber_id: int, template: str, since: datetime) -> int:
    """How many mails of one kind a subscriber's page has set off, for the caps."""
    query = select(func.count()).where(
        Delivery.newsletter_id.is_(None),
        Delivery.subscriber_id == subscriber_id,
        Delivery.template == template,
        Delivery.created_at >= since,
    )
    return session.scalar(query) or 0


def list_to(
    session: Session, subscriber_id: int, limit: int | None = None
) -> list[tuple[Delivery, str]]:
    """The last mails to a person, newest first, each with the title of its newsletter; empty for
    mail of their own."""
    rows = session.execute(
        select(Delivery, Newsletter.title)
        .outerjoin(Newsletter, Newsletter.id == Delivery.newsletter_id)
        .where(is_to(subscriber_id))
        .order_by(Delivery.id.desc())
        .limit(limit)
    )
    return [(delivery, title or "") for delivery, title in rows]


def is_to(subscriber_id: int) -> ColumnElement[bool]:
    """SQL for "mail to this person", for the few who look at somebody's mails.

    One look per newsletter into the unique index: an index of the table by person would have to
    be rewritten from end to end by every newsletter.
    """
    own, issue = aliased(Delivery), aliased(Delivery)
    ids = union_all(
        select(own.id).where(own.newsletter_id.is_(None), own.subscriber_id == subscriber_id),
        select(issue.id)
        .join(Newsletter, Newsletter.id == issue.newsletter_id)
        .where(issue.subscriber_id == subscriber_id),
    )
    return Delivery.id.in_(ids)
