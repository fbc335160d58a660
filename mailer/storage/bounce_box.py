"""How far the mailbox of bounces was read: a row per box.

Whoever reads moves the place on in the transaction that acts upon what was read, and only from
where they found it. So a crash repeats and skips nothing, and of two readers one gives way.
"""

from dataclasses import dataclass

from sqlalchemy import BigInteger, String, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.storage.db import Base, insert_into


@dataclass(frozen=True, slots=True)
class Place:
    """The last mail that was read, by the numbers of an IMAP server: another `validity` means
    that it has renumbered them all."""

    validity: int = 0
    uid: int = 0


class BounceBox(Base):
    """`name` stands for server, account and folder."""

    __tablename__ = "bounce_box"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    validity: Mapped[int] = mapped_column(BigInteger)
    uid: Mapped[int] = mapped_column(BigInteger)


def find_place(session: Session, name: str) -> Place | None:
    """Where the reading of a box stands; None if it was never read."""
    columns = (BounceBox.validity, BounceBox.uid)
    row = session.execute(select(*columns).where(BounceBox.name == name)).one_or_none()
    return Place(*row) if row else None


def begin(session: Session, name: str) -> None:
    """Put the place of a box before its first mail, unless it has one already."""
    first = insert_into(session, BounceBox).values(name=name, validity=0, uid=0)
    session.execute(first.on_conflict_do_nothing())


def move_on(session: Session, name: str, found: Place, reached: Place) -> bool:
    """Go on from `found`. False if somebody else has done so meanwhile; then nothing of what was
    read counts here."""
    statement = (
        update(BounceBox)
        .where(BounceBox.name == name)
        .where(BounceBox.validity == found.validity, BounceBox.uid == found.uid)
        .values(validity=reached.validity, uid=reached.uid)
    )
    return session.connection().execute(statement).rowcount == 1
