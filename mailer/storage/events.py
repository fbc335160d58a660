"""Events and their sessions. Facts are columns; words are in `texts` (title, summary, body)."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Select, String, func, select
from sqlalchemy.orm import Mapped, Session, composite, mapped_column, relationship

from mailer.domain import content
from mailer.domain.content import Attendance, Registration, SpokenRole, Status, Visibility
from mailer.domain.errors import NotFound
from mailer.domain.texts import Texts
from mailer.domain.when import When
from mailer.storage.db import Base, BigId, Codes, Identified, Moment, enum_type, when_columns
from mailer.storage.texts import load_texts
from mailer.storage.venues import load_venues


class Event(Identified, Base):
    """`revision` counts every edit, `material_revision` those that readers must be told of
    (title, time, place, attendance, status, registration)."""

    __tablename__ = "event"

    uid: Mapped[UUID] = mapped_column(default=uuid4, unique=True)
    slug: Mapped[str] = mapped_column(String(100), unique=True)
    status: Mapped[Status] = mapped_column(enum_type(Status), default=Status.SCHEDULED)
    visibility: Mapped[Visibility] = mapped_column(enum_type(Visibility), default=Visibility.DRAFT)
    attendance: Mapped[Attendance] = mapped_column(
        enum_type(Attendance), default=Attendance.IN_PERSON
    )
    online_url: Mapped[str] = mapped_column(String(500), default="")
    registration: Mapped[Registration] = mapped_column(
        enum_type(Registration), default=Registration.NONE
    )
    registration_url: Mapped[str] = mapped_column(String(500), default="")
    is_free: Mapped[bool] = mapped_column(default=True)
    has_refreshments: Mapped[bool] = mapped_column(default=False)
    capacity: Mapped[int | None]
    contact: Mapped[str] = mapped_column(String(200), default="")
    topics: Mapped[tuple[str, ...]] = mapped_column(Codes(400), default=())
    project_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("project.id"), index=True)
    revision: Mapped[int] = mapped_column(default=1)
    material_revision: Mapped[int] = mapped_column(default=1)
    is_demo: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(Moment)
    changed_at: Mapped[datetime] = mapped_column(Moment)
    sessions: Mapped[list["EventSession"]] = relationship(
        back_populates="event",
        cascade="all, delete-orphan",
        order_by="EventSession.position",
        lazy="selectin",
    )


class EventSession(Identified, Base):
    """One sitting: every event has at least one."""

    __tablename__ = "event_session"

    event_id: Mapped[int] = mapped_column(BigId, ForeignKey("event.id"), index=True)
    position: Mapped[int] = mapped_column(default=0)
    when: Mapped[When] = composite(When, *when_columns("when"))
    if TYPE_CHECKING:  # the composite makes them
        when_starts_on: Mapped[date | None]
        when_ends_on: Mapped[date | None]
    venue_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("venue.id"), index=True)
    room: Mapped[str] = mapped_column(String(100), default="")
    status: Mapped[Status] = mapped_column(enum_type(Status), default=Status.SCHEDULED)
    event: Mapped[Event] = relationship(back_populates="sessions")
    spoken: Mapped[list["SpokenLanguage"]] = relationship(
        cascade="all, delete-orphan", order_by="SpokenLanguage.position", lazy="selectin"
    )


class SpokenLanguage(Base):
    """A language heard (or signed) at a session, and how."""

    __tablename__ = "spoken_language"

    session_id: Mapped[int] = mapped_column(BigId, ForeignKey("event_session.id"), primary_key=True)
    lang: Mapped[str] = mapped_column(String(16), primary_key=True)
    role: Mapped[SpokenRole] = mapped_column(enum_type(SpokenRole), primary_key=True)
    position: Mapped[int] = mapped_column(default=0)


def get_event(session: Session, event_id: int) -> Event:
    event = session.get(Event, event_id)
    if event is None:
        raise NotFound("event", event_id)
    return event


def find_event_by_slug(session: Session, slug: str) -> Event | None:
    """The published event of that address; drafts have none."""
    return session.scalar(
        select(Event).where(Event.slug == slug, Event.visibility == Visibility.PUBLISHED)
    )


def list_upcoming(session: Session, today: date) -> list[Event]:
    """Published events with a session that ends today or later, soonest first."""
    last = _sorted_by_start().where(Event.visibility == Visibility.PUBLISHED)
    return list(session.scalars(last.having(func.max(EventSession.when_ends_on) >= today)))


def list_all(session: Session) -> list[Event]:
    """Every event, by its first session; undated ones first, since they need a decision."""
    return list(session.scalars(_sorted_by_start()))


def _sorted_by_start() -> Select[Event]:
    starts = func.min(EventSession.when_starts_on)
    return select(Event).join(Event.sessions).group_by(Event.id).order_by(starts, Event.id)


def as_values(session: Session, events: Sequence[Event]) -> list[content.Event]:
    """Rows as the composer's values, three queries for any number of them."""
    texts = load_texts(session, "event", (event.id for event in events))
    venues = load_venues(session)
    return [_as_value(event, texts.get(event.id, {}), venues) for event in events]


def _as_value(
    event: Event, texts: dict[str, Texts], venues: dict[int, content.Venue]
) -> content.Event:
    return content.Event(
        id=event.id,
        slug=event.slug,
        title=texts.get("title", Texts()),
        summary=texts.get("summary", Texts()),
        sessions=tuple(_session_value(row, venues) for row in event.sessions),
        status=event.status,
        attendance=event.attendance,
        online_url=event.online_url,
        registration=event.registration,
        registration_url=event.registration_url,
        is_free=event.is_free,
        has_refreshments=event.has_refreshments,
        topics=frozenset(event.topics),
        project_ids=(event.project_id,) if event.project_id else (),
        revision=event.material_revision,
        visibility=event.visibility,
    )


def _session_value(row: EventSession, venues: dict[int, content.Venue]) -> content.Session:
    return content.Session(
        when=row.when,
        venue=venues.get(row.venue_id) if row.venue_id else None,
        room=row.room,
        spoken=tuple(content.Spoken(spoken.lang, spoken.role) for spoken in row.spoken),
        status=row.status,
    )
