"""Projects. Texts: title, summary, body, outcome, funder_ack (owed wherever they appear)."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, Session, composite, mapped_column, relationship

from mailer.domain import content
from mailer.domain.content import ProjectStatus, Visibility
from mailer.domain.errors import NotFound
from mailer.domain.texts import Texts
from mailer.domain.when import When
from mailer.storage.db import Base, BigId, Codes, Identified, Moment, enum_type, when_columns
from mailer.storage.organisations import OrganisationLink
from mailer.storage.texts import load_texts


class Project(Identified, Base):
    """Its status is computed from `period`, unless `status_override` says otherwise.

    `and_others`: the list of organisations is open-ended, as in "AMIGA and others".
    """

    __tablename__ = "project"

    slug: Mapped[str] = mapped_column(String(100), unique=True)
    period: Mapped[When] = composite(When, *when_columns("period"))
    if TYPE_CHECKING:  # the composite makes it
        period_starts_on: Mapped[date | None]
    grant_no: Mapped[str] = mapped_column(String(60), default="")
    url: Mapped[str] = mapped_column(String(500), default="")
    topics: Mapped[tuple[str, ...]] = mapped_column(Codes(400), default=())
    status_override: Mapped[ProjectStatus | None] = mapped_column(enum_type(ProjectStatus))
    and_others: Mapped[bool] = mapped_column(default=False)
    visibility: Mapped[Visibility] = mapped_column(enum_type(Visibility), default=Visibility.DRAFT)
    revision: Mapped[int] = mapped_column(default=1)
    is_demo: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(Moment)
    changed_at: Mapped[datetime] = mapped_column(Moment)
    organisations: Mapped[list[OrganisationLink]] = relationship(
        cascade="all, delete-orphan", order_by=OrganisationLink.position
    )


class Milestone(Identified, Base):
    """An entry of the association's timeline. Text: title.

    `position` is its place in the source it was read from, which is not a date.
    """

    __tablename__ = "milestone"

    when: Mapped[When] = composite(When, *when_columns("when"))
    position: Mapped[int] = mapped_column(default=0)
    project_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("project.id"), index=True)
    is_public: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(Moment)


def get_project(session: Session, project_id: int) -> Project:
    project = session.get(Project, project_id)
    if project is None:
        raise NotFound("project", project_id)
    return project


def find_project_by_slug(session: Session, slug: str) -> Project | None:
    return session.scalar(select(Project).where(Project.slug == slug))


def list_all(session: Session) -> list[Project]:
    """Every project, the latest period first."""
    newest = Project.period_starts_on.desc().nulls_last()
    return list(session.scalars(select(Project).order_by(newest, Project.id)))


def as_values(session: Session, projects: Sequence[Project]) -> list[content.Project]:
    texts = load_texts(session, "project", (project.id for project in projects))
    return [
        content.Project(
            id=row.id,
            slug=row.slug,
            title=texts.get(row.id, {}).get("title", Texts()),
            period=row.period,
            summary=texts.get(row.id, {}).get("summary", Texts()),
            funder_ack=texts.get(row.id, {}).get("funder_ack", Texts()),
            topics=frozenset(row.topics),
            status_override=row.status_override,
            visibility=row.visibility,
        )
        for row in projects
    ]
