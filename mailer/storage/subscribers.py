"""Subscribers: address, state and wishes. What they agreed to is in `consents`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, String, exists, func, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.domain.consent import Cadence, SubscriberState
from mailer.domain.errors import NotFound
from mailer.storage.db import Base, Codes, Identified, Moment, enum_type
from mailer.storage.deliveries import Delivery


class Subscriber(Identified, Base):
    """`address_key` is the keyed hash of the normalised address and its identity; `public_id`
    stands in links. `content_languages` are all they read, best first, `language` leading."""

    __tablename__ = "subscriber"

    public_id: Mapped[UUID] = mapped_column(default=uuid4, unique=True)
    address: Mapped[str] = mapped_column(String(254))
    address_key: Mapped[str] = mapped_column(String(64), unique=True)
    state: Mapped[SubscriberState] = mapped_column(enum_type(SubscriberState), index=True)
    language: Mapped[str] = mapped_column(String(16))
    content_languages: Mapped[tuple[str, ...]] = mapped_column(Codes(100))
    topics: Mapped[tuple[str, ...]] = mapped_column(Codes(400), default=())
    cadence: Mapped[Cadence] = mapped_column(enum_type(Cadence), default=Cadence.WEEKLY)
    paused_until: Mapped[datetime | None] = mapped_column(Moment)
    source: Mapped[str] = mapped_column(String(40), default="form")
    created_at: Mapped[datetime] = mapped_column(Moment)
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
    left_at: Mapped[datetime | None] = mapped_column(Moment)


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list of subscribers is narrowed to. The one builder behind list, count and export."""

    search: str = ""
    states: tuple[str, ...] = ()
    language: str = ""
    topic: str = ""
    source: str = ""

    @property
    def state(self) -> str:
        """The one state that is asked for; empty where it is any, or one of several."""
        return self.states[0] if len(self.states) == 1 else ""

    def conditions(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.search:
            found.append(
                func.lower(Subscriber.address).contains(self.search.lower(), autoescape=True)
            )
        if self.states:
            found.append(Subscriber.state.in_(self.states))
        if self.language:
            found.append(Subscriber.language == self.language)
        if self.topic:
            found.append(Subscriber.topics.contains(f" {self.topic} ", autoescape=True))
        if self.source:
            found.append(Subscriber.source == self.source)
        return found


def get_subscriber(session: Session, subscriber_id: int) -> Subscriber:
    subscriber = session.get(Subscriber, subscriber_id)
    if subscriber is None:
        raise NotFound("subscriber", subscriber_id)
    return subscriber


def find_by_key(session: Session, address_key: str) -> Subscriber | None:
    return session.scalar(select(Subscriber).where(Subscriber.address_key == address_key))


def find_by_public_id(session: Session, public_id: UUID) -> Subscriber | None:
    return session.scalar(select(Subscriber).where(Subscriber.public_id == public_id))


def list_states(session: Session, address_keys: Sequence[str]) -> list[tuple[str, SubscriberState]]:
    """Who of these addresses is here: key and state of each, no more than a statement can carry."""
    query = select(Subscriber.address_key, Subscriber.state)
    rows = session.execute(query.where(Subscriber.address_key.in_(address_keys)))
    return [(key, state) for key, state in rows]


def list_sources(session: Session) -> Sequence[str]:
    """Where subscribers have come from so far."""
    return session.scalars(select(Subscriber.source).distinct().order_by(Subscriber.source)).all()


def list_subscribers(
    session: Session, wanted: Filter, *, after: int = 0, limit: int = 50
) -> Sequence[Subscriber]:
    """A page of subscribers by id, those after `after`: it costs the same on every page."""
    query = select(Subscriber).where(*wanted.conditions(), Subscriber.id > after)
    return session.scalars(query.order_by(Subscriber.id).limit(limit)).all()


def count_subscribers(session: Session, wanted: Filter = Filter()) -> int:
    query = select(func.count()).select_from(Subscriber).where(*wanted.conditions())
    return session.scalar(query) or 0


def is_mailable(now: datetime) -> ColumnElement[bool]:
    """SQL for "newsletters go to this subscriber at this moment"."""
    return (Subscriber.state == SubscriberState.CONFIRMED) & or_(
        Subscriber.paused_until.is_(None), Subscriber.paused_until <= now
    )


def list_unconfirmed_since(session: Session, before: datetime, limit: int) -> Sequence[Subscriber]:
    """Pending rows that nobody was asked about after that moment, the oldest first: they are
    erased, nobody proved they are theirs. A mail that asks counts from when it left."""
    asked_later = exists().where(
        Delivery.newsletter_id.is_(None),
        Delivery.subscriber_id == Subscriber.id,
        Delivery.template == "confirm",
        Delivery.changed_at >= before,
    )
    return session.scalars(
        select(Subscriber)
        .where(
            Subscriber.state == SubscriberState.PENDING,
            Subscriber.created_at < before,
            ~asked_later,
        )
        .order_by(Subscriber.id)
        .limit(limit)
    ).all()
