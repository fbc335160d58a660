"""The list of subscribers, for a spreadsheet, a program or another service.

Cells that a spreadsheet would calculate begin with an apostrophe (`=1+1` may well be the name of a
mailbox); our own import takes it off again.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from io import StringIO
from typing import Any

from sqlalchemy.orm import Session

from mailer.storage import audit
from mailer.storage.db import Sessions
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

    To be called, and committed, before the first line of the list leaves the house.
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
        state=" ".join(wanted.states),
        language=wanted.language,
        topic=wanted.topic,
        source=wanted.source,
    )
    return number


def write_csv(reading: Sessions, wanted: Filter) -> Iterator[str]:
    """The file in pieces: a heading, then everybody whom the list page shows for this filter.

    No transaction is open between two pieces: whoever takes them may be slow.
    """
    yield _write([COLUMNS])
    for people in _read(reading, wanted):
        yield _write(_row(subscriber) for subscriber in people)


def list_people(reading: Sessions, wanted: Filter) -> Iterator[dict[str, Any]]:
    """The same people, each with a value per column: lists and moments as such, nothing defused.

    As with `write_csv`, no transaction is open between two of them.
    """
    for people in _read(reading, wanted):
        yield from (dict(zip(COLUMNS, _row(one), strict=True)) for one in people)


def _read(reading: Sessions, wanted: Filter) -> Iterator[Sequence[Subscriber]]:
    after = 0
    while people := _read_page(reading, wanted, after):
        yield people
        after = people[-1].id


def _read_page(reading: Sessions, wanted: Filter, after: int) -> Sequence[Subscriber]:
    # A pager or a slow download may stand still for longer than PostgreSQL lets a transaction idle.
    with reading() as session:
        return list_subscribers(session, wanted, after=after, limit=_CHUNK)


def _row(subscriber: Subscriber) -> tuple[object, ...]:
    return (
        subscriber.address,
        subscriber.state.value,
        subscriber.language,
        subscriber.content_languages,
        subscriber.topics,
        subscriber.cadence.value,
        subscriber.source,
        subscriber.created_at,
        subscriber.confirmed_at,
    )


def _write(rows: Iterable[Sequence[object]]) -> str:
    text = StringIO()
    csv.writer(text).writerows([_defuse(_say(cell)) for cell in row] for row in rows)
    return text.getvalue()


def _defuse(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_CALCULATED) else cell


def _say(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, tuple):
        return BETWEEN.join(value)
    return str(value or "")
