"""Who did what, when. Rows are only ever added."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.domain.content import ItemKey
from mailer.storage.db import Base, BigId, Identified, Moment

CLOCK = "clock"
"""Who acts when nobody asked."""
VISITOR = "visitor"
"""Who acts on the public pages, without an account."""


class AuditEntry(Identified, Base):
    """`who` is a name kept as text, so that the entry outlives the account; "command line" and
    the clock act too."""

    __tablename__ = "audit_entry"

    at: Mapped[datetime] = mapped_column(Moment, index=True)
    who: Mapped[str] = mapped_column(String(254))
    action: Mapped[str] = mapped_column(String(60))
    thing: Mapped[str] = mapped_column(String(24), default="")
    thing_id: Mapped[int | None] = mapped_column(BigId)
    detail: Mapped[Any] = mapped_column(JSON, default=dict)


def record(
    session: Session,
    who: str,
    action: str,
    now: datetime,
    *,
    thing: str = "",
    thing_id: int | None = None,
    **detail: Any,
) -> None:
    """Add one line to the log. `detail` holds facts, never an address or a secret."""
    session.add(
        AuditEntry(at=now, who=who, action=action, thing=thing, thing_id=thing_id, detail=detail)
    )


def record_item(
    session: Session, who: str, action: str, now: datetime, item: ItemKey, **detail: Any
) -> None:
    """A line about something that a newsletter can carry; see `record`."""
    record(session, who, action, now, thing=item.kind.value, thing_id=item.id, **detail)


def list_entries(
    session: Session,
    *,
    who: str = "",
    thing: str = "",
    actions: Collection[str] = (),
    before: int | None = None,
    limit: int = 100,
) -> Sequence[AuditEntry]:
    """The newest entries (or those before an id), of one person, one kind of thing or some actions
    if named."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if who:
        query = query.where(AuditEntry.who.icontains(who, autoescape=True))
    if thing:
        query = query.where(AuditEntry.thing == thing)
    if actions:
        query = query.where(AuditEntry.action.in_(actions))
    if before:
        query = query.where(AuditEntry.id < before)
    return session.scalars(query).all()


def list_things(session: Session) -> list[str]:
    """The kinds of things that the log speaks of."""
    query = select(AuditEntry.thing).where(AuditEntry.thing != "").distinct()
    return sorted(session.scalars(query))


def list_about(session: Session, thing: str, thing_id: int) -> Sequence[AuditEntry]:
    """All that happened to one thing, oldest first."""
    return session.scalars(
        select(AuditEntry)
        .where(AuditEntry.thing == thing, AuditEntry.thing_id == thing_id)
        .order_by(AuditEntry.id)
    ).all()


def find_last_number(session: Session, thing: str) -> int | None:
    """The highest number that the log knows a thing of this kind by."""
    return session.scalar(select(func.max(AuditEntry.thing_id)).where(AuditEntry.thing == thing))
