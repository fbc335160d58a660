"""Places where things happen. Room and floor belong to the session, not here."""

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.domain import content
from mailer.domain.texts import Texts
from mailer.storage.db import Base, Identified
from mailer.storage.texts import load_texts


class Venue(Identified, Base):
    """Its text: name."""

    __tablename__ = "venue"

    street: Mapped[str] = mapped_column(String(200), default="")
    postcode: Mapped[str] = mapped_column(String(20), default="")
    city: Mapped[str] = mapped_column(String(100), default="")
    district: Mapped[str] = mapped_column(String(100), default="")
    access_note: Mapped[str] = mapped_column(String(500), default="")


def load_venues(session: Session) -> dict[int, content.Venue]:
    """Every venue as a value, by id: there are dozens, not thousands."""
    rows = list(session.scalars(select(Venue)))
    names = load_texts(session, "venue", (row.id for row in rows))
    return {
        row.id: content.Venue(
            name=names.get(row.id, {}).get("name", Texts()), street=row.street, city=row.city
        )
        for row in rows
    }
