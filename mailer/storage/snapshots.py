"""Everything a digest may draw on, read at one moment and kept as it was approved."""

from datetime import datetime, timedelta

from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from mailer.domain.content import Snapshot
from mailer.storage import deadlines, events, projects, updates

UPDATES_REACH_BACK = timedelta(days=35)

_json: TypeAdapter[Snapshot] = TypeAdapter(Snapshot)


def take_snapshot(session: Session, now: datetime) -> Snapshot:
    """What is published and not past, as values. A handful of queries, whatever the amount."""
    today = now.date() - timedelta(days=1)  # a day of slack: the rules know about time zones
    return Snapshot(
        taken_at=now,
        events=tuple(events.as_values(session, events.list_upcoming(session, today))),
        deadlines=tuple(deadlines.as_values(session, deadlines.list_open(session, today))),
        updates=tuple(
            updates.as_values(
                session, updates.list_published(session, now - UPDATES_REACH_BACK, now)
            )
        ),
        projects=tuple(projects.as_values(session, projects.list_all(session))),
    )


def dump(snapshot: Snapshot) -> str:
    """As JSON text: the same snapshot gives the same text."""
    return _json.dump_json(snapshot).decode()


def load(text: str) -> Snapshot:
    return _json.validate_json(text)
