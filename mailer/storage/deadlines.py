"""Things to do by a moment: votes, calls, applications. Texts: title, summary."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, Session, composite, mapped_column

from mailer.domain import content
from mailer.domain.content import DeadlineKind, Visibility
from mailer.domain.errors import NotFound
from mailer.domain.texts import Texts
from mailer.domain.when import When
from mailer.storage.db import Base, BigId, Codes, Identified, Moment, enum_type, when_columns
from mailer.storage.texts import load_texts


class Deadline(Identified, Base):
    __tablename__ = "deadline"

    slug: Mapped[str] = mapped_column(String(100), unique=True)
    kind: Mapped[DeadlineKind] = mapped_column(enum_type(DeadlineKind))
    closes: Mapped[When] = composite(When, *when_columns("closes"))
    if TYPE_CHECKING:  # the composite makes it
        closes_ends_on: Mapped[date | None]
    url: Mapped[str] = mapped_column(String(500), default="")
    topics: Mapped[tuple[str, ...]] = mapped_column(Codes(400), default=())
    project_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("project.id"), index=True)
    event_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("event.id"), index=True)
    visibility: Mapped[Visibility] = mapped_column(enum_type(Visibility), default=Visibility.DRAFT)
    revision: Mapped[int] = mapped_column(default=1)
    material_revision: Mapped[int] = mapped_column(default=1)
    is_demo: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(Moment)
    changed_at: Mapped[datetime] = mapped_column(Moment)


def get_deadline(session: Session, deadline_id: int) -> Deadline:
    deadline = session.get(Deadline, deadline_id)
    if deadline is None:
        raise NotFound("deadline", deadline_id)
    return deadline


def list_open(session: Session, today: date) -> list[Deadline]:
    """Published deadlines that close today or later, soonest first."""
    return list(
        session.scalars(
            select(Deadline)
            .where(Deadline.visibility == Visibility.PUBLISHED, Deadline.closes_ends_on >= today)
            .order_by(Deadline.closes_ends_on, Deadline.id)
        )
    )


def list_all(session: Session) -> list[Deadline]:
    return list(session.scalars(select(Deadline).order_by(Deadline.closes_ends_on, Deadline.id)))


def as_values(session: Session, deadlines: Sequence[Deadline]) -> list[content.Deadline]:
    texts = load_texts(session, "deadline", (deadline.id for deadline in deadlines))
    return [
        content.Deadline(
            id=row.id,
            kind=row.kind,
            title=texts.get(row.id, {}).get("title", Texts()),
            summary=texts.get(row.id, {}).get("summary", Texts()),
            closes=row.closes,
            url=row.url,
            topics=frozenset(row.topics),
            project_id=row.project_id,
            revision=row.material_revision,
            visibility=row.visibility,
        )
        for row in deadlines
    ]
