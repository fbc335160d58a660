"""How far this database has come, in a form that can be compared with what a machine remembers,
and how two that come from one backup are kept apart.

A restored backup is as it was: its mark is behind the one that was noted outside. Holds no opinion
on what follows from that.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mailer.domain.delivery import DeliveryKind, DeliveryState
from mailer.storage.db import is_postgresql
from mailer.storage.deliveries import Delivery
from mailer.storage.settings import Setting, find_setting, save_setting

KEY = "lineage"


@dataclass(frozen=True, slots=True)
class Mark:
    """`lineage` names the database through all its copies, `number` goes up while it is in use,
    `at` is when it last did."""

    lineage: str
    number: int
    at: datetime


def find_mark(session: Session) -> Mark | None:
    """The mark; None for a database that no worker has used yet."""
    value = find_setting(session, KEY)
    if value is None:
        return None
    return Mark(value["lineage"], value["number"], datetime.fromisoformat(value["at"]))


def hold_mark(session: Session) -> Mark | None:
    """The mark, which nobody else raises until the transaction ends."""
    session.get(Setting, KEY, with_for_update=True)
    return find_mark(session)


def raise_mark(session: Session, mark: Mark | None, now: datetime) -> Mark:
    """One further than `mark`; None begins a lineage."""
    raised = Mark(mark.lineage, mark.number + 1, now) if mark else Mark(uuid4().hex, 1, now)
    value = {"lineage": raised.lineage, "number": raised.number, "at": now.isoformat()}
    save_setting(session, KEY, value, now)
    return raised


def leave_numbers_behind(session: Session, now: datetime) -> None:
    """Mails from now on get numbers that no mail had in a life of this database that was lost.

    Their Message-IDs, links and keys at the provider carry that number, and somebody may answer
    them for months. It goes on from the microseconds since 1970: nobody writes a million mails a
    second, so whoever begins later is ahead of everybody who began earlier.
    """
    highest = session.scalar(select(func.max(Delivery.id))) or 0
    number = max(highest + 1, int(now.timestamp() * 1_000_000))
    # SQLite goes on after the highest number there is, and so does a copy for PostgreSQL.
    session.add(_make_place(number, now))
    session.flush()
    if is_postgresql(session):
        counter = func.pg_get_serial_sequence(Delivery.__tablename__, "id")
        session.execute(select(func.setval(counter, number)))


def _make_place(number: int, now: datetime) -> Delivery:
    """A mail to nobody that never leaves: it keeps its number."""
    return Delivery(
        id=number,
        kind=DeliveryKind.TRANSACTIONAL,
        language="",
        address="",
        address_key="",
        state=DeliveryState.CANCELLED,
        reason="restored",
        expires_at=now,
        created_at=now,
        changed_at=now,
    )
