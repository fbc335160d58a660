"""The list of subscribers as a CSV file, for a spreadsheet or another service.

Cells that a spreadsheet would calculate begin with an apostrophe (`=1+1` may well be the name of a
mailbox); our own import takes it off again.
"""

import csv
from collections.abc import Iterator
from datetime import datetime
from io import StringIO

from sqlalchemy.orm import Session

from mailer.storage import audit
from mailer.storage.subscribers import Filter, Subscriber, count_subscribers, list_subscribers

COLUMNS = (
    "address",
    "state",
    "language",
    "content_languages",
    "topics",
    "cadence",
    "source",
    "created",
    "confirmed",
)
BETWEEN = "|"

_CHUNK = 1000
_CALCULATED = ("=", "+", "-", "@", "\t", "\r")


def note_export(session: Session, wanted: Filter, who: str, now: datetime) -> int:
    """Write into the log who takes which part of the list away; returns how many people it is.

    To be called, and committed, before the first line of `write_csv` leaves the house.
    """
    number = count_subscribers(session, wanted)
    # What was searched for may be an address, so the log only says that something was.
    audit.record(
        session,
        who,
        "subscribers exported",
        now,
        number=number,
        search=bool(wanted.search),
        state=wanted.state,
        language=wanted.language,
        topic=wanted.topic,
        source=wanted.source,
    )
    return number


def write_csv(session: Session, wanted: Filter) -> Iterator[str]:
    """The file in pieces: a heading, then everybody whom the list page shows for this filter.

    Needs a session of its own, which it empties as it goes: the list may be long.
    """
    yield _write([COLUMNS])
    after = 0
    while people := list_subscribers(session, wanted, after=after, limit=_CHUNK):
        yield _write(_row(subscriber) for subscriber in people)
        after = people[-1].id
        session.expunge_all()


def _row(subscriber: Subscriber) -> tuple[str, ...]:
    return (
        subscriber.address,
        subscriber.state.value,
        subscriber.language,
        BETWEEN.join(subscriber.content_languages),
        BETWEEN.join(subscriber.topics),
        subscriber.cadence.value,
        subscriber.source,
        _say(subscriber.created_at),
        _say(subscriber.confirmed_at),
    )


def _write(rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]) -> str:
    text = StringIO()
    csv.writer(text).writerows([_defuse(cell) for cell in row] for row in rows)
    return text.getvalue()


def _defuse(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_CALCULATED) else cell


def _say(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""
