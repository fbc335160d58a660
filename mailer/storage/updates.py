"""News of projects. Texts: title, teaser, body."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.domain import content
from mailer.domain.content import UpdateKind, Visibility
from mailer.domain.errors import NotFound
from mailer.domain.texts import Texts
from mailer.storage.db import Base, BigId, Codes, Identified, Moment, enum_type
from mailer.storage.texts import load_texts


class Update(Identified, Base):
    __tablename__ = "project_update"

    slug: Mapped[str] = mapped_column(String(100), unique=True)
    project_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("project.id"), index=True)
    kind: Mapped[UpdateKind] = mapped_column(enum_type(UpdateKind), default=UpdateKind.NEWS)
    published_at: Mapped[datetime] = mapped_column(Moment, index=True)
    is_significant: Mapped[bool] = mapped_column(default=False)
    url: Mapped[str] = mapped_column(String(500), default="")
    topics: Mapped[tuple[str, ...]] = mapped_column(Codes(400), default=())
    visibility: Mapped[Visibility] = mapped_column(enum_type(Visibility), default=Visibility.DRAFT)
    revision: Mapped[int] = mapped_column(default=1)
    is_demo: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(Moment)
    changed_at: Mapped[datetime] = mapped_column(Moment)


def get_update(session: Session, update_id: int) -> Update:
    update = session.get(Update, update_id)
    if update is None:
        raise NotFound("update", update_id)
    return update


def list_published(session: Session, since: datetime, until: datetime) -> list[Update]:
    """Published updates of a span of time, newest first."""
    return list(
        session.scalars(
            select(Update)
            .where(
                Update.visibility == Visibility.PUBLISHED,
                Update.published_at >= since,
                Update.published_at <= until,
            )
            .order_by(Update.published_at.desc(), Update.id)
        )
    )


def list_all(session: Session) -> list[Update]:
    return list(session.scalars(select(Update).order_by(Update.published_at.desc(), Update.id)))


def as_values(session: Session, updates: Sequence[Update]) -> list[content.Update]:
    texts = load_texts(session, "update", (update.id for update in updates))
    return [
        content.Update(
            id=row.id,
            title=texts.get(row.id, {}).get("title", Texts()),
            published_at=row.published_at,
            project_id=row.project_id,
            teaser=texts.get(row.id, {}).get("teaser", Texts()),
            kind=row.kind,
            url=row.url,
            is_significant=row.is_significant,
            topics=frozenset(row.topics),
            revision=row.revision,
            visibility=row.visibility,
        )
        for row in updates
    ]
