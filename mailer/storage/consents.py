"""The proof of what each person agreed to, where and in which words. Rows are only ever added."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.domain.consent import ConsentAction
from mailer.storage.db import Base, BigId, Codes, Identified, Moment, enum_type


class Consent(Identified, Base):
    """`wording` is the version of the words shown, `language` the language they were shown in,
    `evidence` what a coordinator gave as proof when there was no form."""

    __tablename__ = "consent"

    subscriber_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("subscriber.id", ondelete="CASCADE"), index=True
    )
    action: Mapped[ConsentAction] = mapped_column(enum_type(ConsentAction))
    at: Mapped[datetime] = mapped_column(Moment)
    source: Mapped[str] = mapped_column(String(40))
    wording: Mapped[str] = mapped_column(String(20), default="")
    language: Mapped[str] = mapped_column(String(16), default="")
    topics: Mapped[tuple[str, ...]] = mapped_column(Codes(400), default=())
    ip: Mapped[str] = mapped_column(String(45), default="")
    evidence: Mapped[str] = mapped_column(String(500), default="")


def list_consents(session: Session, subscriber_id: int) -> list[Consent]:
    """The history of one person, oldest first."""
    return list(
        session.scalars(
            select(Consent).where(Consent.subscriber_id == subscriber_id).order_by(Consent.id)
        )
    )
