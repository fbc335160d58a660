"""Addresses that must not be mailed, by keyed hash: it outlives the person's erasure."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.storage.db import Base, Moment, enum_type, insert_into


class Scope(StrEnum):
    """newsletters: they left, but may still ask for their own link. everything: the address is
    dead or its owner complained, so nothing at all goes there."""

    NEWSLETTERS = "newsletters"
    EVERYTHING = "everything"


class Suppression(Base):
    __tablename__ = "suppression"

    address_key: Mapped[str] = mapped_column(String(64), primary_key=True)
    scope: Mapped[Scope] = mapped_column(enum_type(Scope), primary_key=True)
    reason: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime] = mapped_column(Moment)


def is_suppressed(session: Session, address_key: str, scope: Scope) -> bool:
    return session.get(Suppression, (address_key, scope)) is not None


def list_scopes(session: Session, address_keys: Sequence[str]) -> list[tuple[str, Scope]]:
    """What of these addresses must not be mailed, no more than a statement can carry."""
    query = select(Suppression.address_key, Suppression.scope)
    rows = session.execute(query.where(Suppression.address_key.in_(address_keys)))
    return [(key, scope) for key, scope in rows]


def suppress(session: Session, address_key: str, scope: Scope, reason: str, now: datetime) -> None:
    """From now on nothing of that scope goes to the address. A repeat changes nothing, even at
    the same moment: two workers may be refused for one address."""
    row = {"address_key": address_key, "scope": scope, "reason": reason, "at": now}
    first = insert_into(session, Suppression).values(row)
    session.execute(first.on_conflict_do_nothing())


def lift(session: Session, address_key: str, scope: Scope) -> None:
    """The owner of the address asked for mail again, and proved to be the owner."""
    row = session.get(Suppression, (address_key, scope))
    if row:
        session.delete(row)
        session.flush()
