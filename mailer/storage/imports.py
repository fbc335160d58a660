"""What was read from a pasted website: raw text, place in the source, the reading, and whether a
person has decided about it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from mailer.domain.errors import NotFound
from mailer.storage.db import Base, BigId, Identified, Moment, enum_type


class FindingState(StrEnum):
    """clear: nothing doubtful. open: a person must look. decided, ignored: a person has."""

    CLEAR = "clear"
    OPEN = "open"
    DECIDED = "decided"
    IGNORED = "ignored"


class WebsiteImport(Identified, Base):
    """One pasted text. `digest` is its SHA-256, so the same text is read once."""

    __tablename__ = "website_import"

    name: Mapped[str] = mapped_column(String(200))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    raw: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(String(16), default="")
    imported_at: Mapped[datetime] = mapped_column(Moment)
    findings: Mapped[list["Finding"]] = relationship(
        back_populates="source", order_by="Finding.kind, Finding.position"
    )


class Finding(Identified, Base):
    """One row read: a milestone or a project. `reading` is what was proposed (as the command
    prints it), `milestone_id` / `project_id` the row made of it."""

    __tablename__ = "finding"
    __table_args__ = (UniqueConstraint("import_id", "kind", "position"),)

    import_id: Mapped[int] = mapped_column(BigId, ForeignKey("website_import.id"))
    kind: Mapped[str] = mapped_column(String(16))
    position: Mapped[int]
    reading: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[FindingState] = mapped_column(enum_type(FindingState))
    milestone_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("milestone.id"))
    project_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("project.id"))
    decided_by: Mapped[str] = mapped_column(String(200), default="")
    decided_at: Mapped[datetime | None] = mapped_column(Moment)
    source: Mapped[WebsiteImport] = relationship(back_populates="findings")


def find_import(session: Session, digest: str) -> WebsiteImport | None:
    return session.scalar(select(WebsiteImport).where(WebsiteImport.digest == digest))


def list_imports(session: Session) -> list[WebsiteImport]:
    return list(session.scalars(select(WebsiteImport).order_by(WebsiteImport.id.desc())))


def get_finding(session: Session, finding_id: int) -> Finding:
    finding = session.get(Finding, finding_id)
    if finding is None:
        raise NotFound("finding", finding_id)
    return finding


def list_readings(session: Session) -> list[tuple[str, dict[str, Any]]]:
    """Kind and reading of every row that was ever read."""
    rows = session.execute(select(Finding.kind, Finding.reading))
    return [(kind, reading) for kind, reading in rows]


def count_open_findings(session: Session) -> int:
    query = select(func.count()).where(Finding.state == FindingState.OPEN)
    return session.scalar(query) or 0
