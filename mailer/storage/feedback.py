"""What came back about mails, each thing once, and the questions about it. What follows from it is
decided in `domain/feedback` and written by `usecases/feedback`."""

from collections.abc import Collection, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Index,
    String,
    UniqueConstraint,
    and_,
    func,
    literal_column,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.domain.delivery import DeliveryState
from mailer.domain.feedback import PARKED, UNSENT_STATES, Feedback, FeedbackKind
from mailer.storage import ledger
from mailer.storage.db import Base, BigId, Identified, Moment, enum_type, index_of_some, insert_into
from mailer.storage.deliveries import Delivery, is_to
from mailer.storage.subscribers import Subscriber

_S = DeliveryState


class KeptFeedback(Identified, Base):
    """`event_id` is hashed: providers put addresses into theirs. `delivery_id` has no foreign key;
    it may name a mail that is not written down yet. `address_key` stands for where the mail went,
    empty where nothing follows for the address. `applied_at` is NULL while the row waits."""

    __tablename__ = "feedback"
    __table_args__ = (
        UniqueConstraint("provider", "event_id"),
        Index("ix_feedback_delivery_id", "delivery_id"),
        index_of_some("ix_feedback_waiting", "received_at", where=text("applied_at IS NULL")),
        index_of_some("ix_feedback_address_key", "address_key", where=text("address_key <> ''")),
        index_of_some("ix_feedback_words", "received_at", where=text("text <> ''")),
        index_of_some("ix_feedback_complaint", "received_at", where=text("kind = 'complaint'")),
    )

    provider: Mapped[str] = mapped_column(String(24))
    event_id: Mapped[str] = mapped_column(String(64))
    kind: Mapped[FeedbackKind] = mapped_column(enum_type(FeedbackKind))
    delivery_id: Mapped[int | None] = mapped_column(BigId)
    provider_message_id: Mapped[str] = mapped_column(String(200), default="")
    address_key: Mapped[str] = mapped_column(String(64), default="")
    at: Mapped[datetime] = mapped_column(Moment)
    received_at: Mapped[datetime] = mapped_column(Moment)
    status: Mapped[str] = mapped_column(String(16), default="")
    text: Mapped[str] = mapped_column(String(500), default="")
    applied_at: Mapped[datetime | None] = mapped_column(Moment)


class Subject(NamedTuple):
    """The mail that feedback is about. `address` is empty when its reader was erased,
    `newsletter_id` when it is a mail of somebody's own."""

    id: int
    newsletter_id: int | None
    state: DeliveryState
    generation: int
    is_repeat: bool
    address: str
    address_key: str


def keep(session: Session, said: Feedback, address_key: str, now: datetime) -> int | None:
    """Write it down; its id, or None if it is there already. Moments of other people's clocks that
    are still to come are taken for now."""
    values: dict[str, Any] = {
        "provider": said.provider,
        "event_id": sha256(said.event_id.encode(errors="replace")).hexdigest(),
        "kind": said.kind,
        "delivery_id": said.delivery_id,
        "provider_message_id": said.provider_message_id[:200],
        "address_key": address_key,
        "at": min(said.at, now),
        "received_at": now,
        "status": said.status[:16],
        "text": said.text[:500],
    }
    statement = insert_into(session, KeptFeedback).values(values).on_conflict_do_nothing()
    return session.connection().execute(statement.returning(KeptFeedback.id)).scalar()


def hold_concerned(session: Session, feedback_id: int) -> Sequence[Subscriber]:
    """Whom it may concern, as `hold_people`."""
    row = session.execute(
        select(
            func.coalesce(Delivery.address_key, KeptFeedback.address_key), Delivery.subscriber_id
        )
        .select_from(KeptFeedback)
        .outerjoin(Delivery, Delivery.id == KeptFeedback.delivery_id)
        .where(KeptFeedback.id == feedback_id)
    ).one()
    return hold_people(session, [row[0]], row[1])


def hold_people(
    session: Session, address_keys: Collection[str], subscriber_id: int | None = None
) -> Sequence[Subscriber]:
    """Whose addresses these are now, and the one of that id, who may have moved since. They are
    held until the transaction ends, before their mails are, as wherever people act themselves; all
    in one order, and who was erased meanwhile is not there any more."""
    concerned = or_(Subscriber.address_key.in_(address_keys), Subscriber.id == subscriber_id)
    return session.scalars(
        select(Subscriber)
        .where(concerned)
        .order_by(Subscriber.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def hold_waiting(session: Session, feedback_id: int) -> KeptFeedback | None:
    """The row, held until the transaction ends; None if it was applied, or somebody is at it."""
    return session.scalar(
        select(KeptFeedback)
        .where(KeptFeedback.id == feedback_id, KeptFeedback.applied_at.is_(None))
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )


def list_ripe(session: Session, now: datetime, limit: int) -> Sequence[int]:
    """Feedback that waited and can be applied now, or has waited for long enough."""
    in_hand = func.coalesce(Delivery.state, "") == _S.HANDING_OFF
    is_over = and_(KeptFeedback.received_at <= now - PARKED, ~in_hand)
    return session.scalars(
        select(KeptFeedback.id)
        .outerjoin(Delivery, Delivery.id == KeptFeedback.delivery_id)
        .where(KeptFeedback.applied_at.is_(None), or_(is_over, ~_must_wait()))
        .order_by(KeptFeedback.received_at, KeptFeedback.id)
        .limit(limit)
    ).all()


def _must_wait() -> ColumnElement[bool]:
    """SQL for `feedback.must_wait`, and true for a mail that is not there; a test holds the two
    equal, and `may_give_up` above."""
    unsent = and_(Delivery.state.in_(UNSENT_STATES), ~Delivery.is_repeat)
    return or_(Delivery.id.is_(None), Delivery.state == _S.HANDING_OFF, unsent)


def hold_subject(session: Session, delivery_id: int | None) -> Subject | None:
    """The mail as it stands until the transaction ends."""
    if delivery_id is None:
        return None
    columns = (getattr(Delivery, name) for name in Subject._fields)
    mail = select(*columns).where(Delivery.id == delivery_id).with_for_update()
    row = session.execute(mail).one_or_none()
    return Subject._make(row) if row else None


def move_on(
    session: Session, subject: Subject, state: DeliveryState, words: str | None, now: datetime
) -> bool:
    """The mail becomes `state`, and a repeat of it is called off; `words` None: it keeps its own.

    False if it is no longer as `subject` says. Whoever holds a claim on it holds it no more.
    """
    values: dict[str, Any] = {
        "state": state,
        "next_at": None,
        "generation": Delivery.generation + 1,
        "changed_at": now,
    }
    if words is not None:
        values |= {"last_code": 0, "last_text": words[:500]}
    unchanged = and_(
        Delivery.id == subject.id,
        Delivery.generation == subject.generation,
        Delivery.state == subject.state,
    )
    return ledger.move(session, unchanged, values) == 1


def list_soft_bounces(session: Session, address_key: str) -> Sequence[datetime]:
    """When mails to an address bounced softly, one moment per mail."""
    return session.scalars(
        select(func.min(KeptFeedback.at))
        .where(
            KeptFeedback.address_key == address_key,
            KeptFeedback.kind == FeedbackKind.SOFT_BOUNCE,
        )
        .group_by(KeptFeedback.delivery_id)
    ).all()


def count_complaints(session: Session, newsletter_id: int, since: datetime) -> int:
    """How many readers of a newsletter called it spam."""
    counted = (
        select(func.count(KeptFeedback.delivery_id.distinct()))
        .join(Delivery, Delivery.id == KeptFeedback.delivery_id)
        .where(
            # Spelt out, so that the index of complaints fits, and computed, so that the one of all
            # mails of a newsletter does not: complaints are few.
            literal_column("feedback.kind = 'complaint'"),
            KeptFeedback.received_at >= since,
            Delivery.newsletter_id + 0 == newsletter_id,
        )
    )
    return session.scalar(counted) or 0


def find_last_arrival(session: Session, subscriber_id: int, address_key: str) -> datetime | None:
    """When a mail to this person last was said to have arrived at that address of theirs."""
    return session.scalar(
        select(func.max(KeptFeedback.at))
        .join(Delivery, Delivery.id == KeptFeedback.delivery_id)
        .where(
            KeptFeedback.kind == FeedbackKind.DELIVERED,
            Delivery.address_key == address_key,
            is_to(subscriber_id),
        )
    )


def list_to(session: Session, subscriber_id: int) -> Sequence[KeptFeedback]:
    """All that came back about the mails to a person, in the order in which it came."""
    return session.scalars(
        select(KeptFeedback)
        .join(Delivery, Delivery.id == KeptFeedback.delivery_id)
        .where(is_to(subscriber_id))
        .order_by(KeptFeedback.id)
    ).all()


def forget(session: Session, subscriber_id: int, address_key: str, now: datetime) -> None:
    """Take a person out of what came back: the rows stay, so that nothing counts twice; what names
    the person goes, and what still waited is over. Call before the ledger forgets them.

    Holds the person: what somebody is just writing down about them is waited for, and goes too.
    """
    hold_people(session, [address_key], subscriber_id)
    theirs = select(Delivery.id).where(is_to(subscriber_id))
    nameless = {
        "text": "",
        "address_key": "",
        "provider_message_id": "",
        "applied_at": func.coalesce(KeptFeedback.applied_at, now),
    }
    for which in (KeptFeedback.delivery_id.in_(theirs), KeptFeedback.address_key == address_key):
        session.connection().execute(update(KeptFeedback).where(which).values(nameless))


def give_up(session: Session, feedback_id: int, before: datetime, now: datetime) -> None:
    """What waits since then is over, unread: it may be that it cannot be read."""
    over = and_(
        KeptFeedback.id == feedback_id,
        KeptFeedback.applied_at.is_(None),
        KeptFeedback.received_at <= before,
    )
    statement = update(KeptFeedback).where(over).values(text="", address_key="", applied_at=now)
    session.connection().execute(statement)


def drop_words(session: Session, before: datetime) -> None:
    """What servers said is of no use after a while, and may repeat addresses."""
    stale = and_(KeptFeedback.received_at < before, KeptFeedback.text != "")
    statement = update(KeptFeedback).where(stale).values(text="")
    session.connection().execute(statement)
