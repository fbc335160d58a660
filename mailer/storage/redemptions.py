"""Single-use links that have been used, by the id inside them (signatures are malleable)."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.storage.db import Base, Moment, insert_into


class Redemption(Base):
    __tablename__ = "redemption"

    jti: Mapped[str] = mapped_column(String(32), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(24))
    at: Mapped[datetime] = mapped_column(Moment)


def redeem(session: Session, jti: str, purpose: str, now: datetime) -> bool:
    """True for the first who comes with this id, False for everyone after, even at once."""
    used = insert_into(session, Redemption).values(jti=jti, purpose=purpose, at=now)
    # Asked back: for an INSERT, SQLAlchemy keeps no count on PostgreSQL.
    first = used.on_conflict_do_nothing().returning(Redemption.jti)
    return session.connection().execute(first).scalar() is not None
