"""How far this database has come, in a form that can be compared with what a machine remembers.

A restored backup is as it was: its mark is behind the one that was noted outside. Holds no opinion
on what follows from that.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy.orm import Session

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
