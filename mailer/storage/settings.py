"""A JSON value per key: what coordinators set for the whole service, and what processes tell each
other. Operators' settings are in the configuration file and never here."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.domain.association import Association
from mailer.storage.db import Base, Moment


class Setting(Base):
    __tablename__ = "setting"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)
    changed_at: Mapped[datetime] = mapped_column(Moment)


def find_setting(session: Session, key: str) -> Any | None:
    setting = session.get(Setting, key)
    return setting.value if setting else None


def save_setting(session: Session, key: str, value: Any, now: datetime) -> None:
    """Put `value` (JSON) under `key`, whatever stood there."""
    setting = Setting(key=key, value=value, changed_at=now)
    try:
        with session.begin_nested():
            session.merge(setting)
    except IntegrityError:  # another process was the first to write it, a moment ago
        session.merge(setting)


def list_stale(session: Session, prefixes: Iterable[str], before: datetime) -> Sequence[str]:
    """Keys that begin so, and whose values nobody has changed since."""
    named = or_(*(Setting.key.startswith(prefix) for prefix in prefixes))
    return session.scalars(select(Setting.key).where(named, Setting.changed_at < before)).all()


def drop_setting(session: Session, key: str) -> None:
    setting = session.get(Setting, key)
    if setting:
        session.delete(setting)


def get_association(session: Session) -> Association:
    """The sender as set up; a nameless one before anybody has set it up."""
    value = find_setting(session, "association")
    return Association(**value) if value else Association(name="Newsletter")


def save_association(session: Session, association: Association, now: datetime) -> None:
    save_setting(session, "association", asdict(association), now)
