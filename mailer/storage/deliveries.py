"""The ledger's rows: one per mail to one person, and what became of it. Reads only; the questions
that change a row's state are in `ledger`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    ForeignKey,
    Index,
    SmallInteger,
    String,
    UniqueConstraint,
    select,
    text,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.domain.delivery import ARRIVED_STATES, DeliveryKind, DeliveryState, Priority
from mailer.storage.db import Base, BigId, Identified, Moment, enum_type

_IS_TRANSACTIONAL = text("newsletter_id IS NULL")


class Delivery(Identified, Base):
    """`address` is the one at the time the row was written. `template` and `context` are set for
    transactional mail only; newsletters have a cohort. `reader_id` is the subscriber's public id,
    kept here so that a letter's links are made without a join. `is_repeat`: its first fate was
    unknown and this is the one resend. `reason`: why it was skipped, suppressed or cancelled."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("newsletter_id", "subscriber_id"),
        Index("ix_delivery_due", "newsletter_id", "state", "next_at"),
        # Asked for every sign-up; without the newsletters, which are nearly all of the table.
        Index(
            "ix_delivery_address_key",
            "address_key",
            sqlite_where=_IS_TRANSACTIONAL,
            postgresql_where=_IS_TRANSACTIONAL,
        ),
    )

    newsletter_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("newsletter.id"))
    cohort_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("cohort.id"))
    subscriber_id: Mapped[int | None] = mapped_column(
        BigId, ForeignKey("subscriber.id", ondelete="SET NULL"), index=True
    )
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


@dataclass(frozen=True, slots=True)
class Claim:
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


def list_told(
    session: Session, subscriber_ids: Sequence[int], since: datetime
) -> dict[int, tuple[int, ...]]:
    """For each of these people, the cohorts whose letters arrived with them, in order."""
    rows = session.execute(
        select(Delivery.subscriber_id, Delivery.cohort_id)
        .where(
            Delivery.subscriber_id.in_(subscriber_ids),
            Delivery.cohort_id.is_not(None),
            Delivery.state.in_(ARRIVED_STATES),
            Delivery.created_at >= since,
        )
        .order_by(Delivery.cohort_id)
    )
    told: dict[int, list[int]] = {}
    for subscriber_id, cohort_id in rows:
        if subscriber_id and cohort_id:
            told.setdefault(subscriber_id, []).append(cohort_id)
    return {subscriber_id: tuple(cohorts) for subscriber_id, cohorts in told.items()}
