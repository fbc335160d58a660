"""The languages this service is used in: for content, for the interface, and the fallback."""

from collections.abc import Sequence

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.storage.db import Base


class Language(Base):
    """`position` orders them everywhere; the first content language is the list's fallback."""

    __tablename__ = "language"

    code: Mapped[str] = mapped_column(String(16), primary_key=True)
    position: Mapped[int]
    for_content: Mapped[bool] = mapped_column(default=True)
    for_interface: Mapped[bool] = mapped_column(default=False)


def list_languages(session: Session) -> Sequence[Language]:
    """All there are rows for, in their order, whatever they are used for."""
    return session.scalars(select(Language).order_by(Language.position, Language.code)).all()


def list_content_languages(session: Session) -> tuple[str, ...]:
    """Codes of the languages content may be written in, the fallback first."""
    query = select(Language.code).where(Language.for_content).order_by(Language.position)
    return tuple(session.scalars(query))


def list_interface_languages(session: Session) -> tuple[str, ...]:
    """Codes of the languages pages and mails of the service itself are offered in."""
    query = select(Language.code).where(Language.for_interface).order_by(Language.position)
    return tuple(session.scalars(query))


def get_fallback(session: Session) -> str:
    """The language a text falls back to when a reader's own are missing (rule R10)."""
    return next(iter(list_content_languages(session)), "en")
