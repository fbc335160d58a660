"""The list as a CSV file: whole, safe to open, in the log, and readable by our own import."""

import csv
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta
from io import StringIO

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from mailer.domain.consent import Cadence, SubscriberState
from mailer.domain.imports import Standing
from mailer.storage.audit import AuditEntry
from mailer.storage.db import Sessions, open_sessions
from mailer.storage.subscribers import Filter
from mailer.usecases import subscriber_export
from mailer.usecases.import_files import read_people
from mailer.usecases.subscriber_export import COLUMNS, list_people, note_export, write_csv
from tests.people import add_people, add_subscriber

WHO = "anna@example.org"
EVERYBODY = Filter()


def export(session: Session, wanted: Filter = EVERYBODY) -> list[list[str]]:
    session.flush()
    return list(csv.reader(StringIO(write(session, wanted))))


def write(session: Session, wanted: Filter) -> str:
    """As far as this transaction has got."""
    return "".join(write_csv(lambda: nullcontext(session), wanted))


def test_export_has_all_that_is_known(session: Session, now: datetime) -> None:
    add_subscriber(
        session,
        "anna@example.org",
        now,
        language="uk",
        content_languages=("uk", "cs"),
        topics=("events", "trainings"),
        cadence=Cadence.MONTHLY,
    )

    rows = export(session)

    month_ago = (now - timedelta(days=30)).isoformat()
    assert rows == [
        list(COLUMNS),
        [
            "anna@example.org",
            "confirmed",
            "uk",
            "uk|cs",
            "events|trainings",
            "monthly",
            "form",
            month_ago,
            month_ago,
        ],
    ]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (EVERYBODY, ["a@example.org", "b@example.org", "c@example.com"]),
        (Filter(states=("pending",)), ["b@example.org"]),
        (Filter(language="cs"), ["c@example.com"]),
        (Filter(topic="trainings"), ["b@example.org"]),
        (Filter(search="EXAMPLE.ORG"), ["a@example.org", "b@example.org"]),
        (Filter(search="%"), []),
        (Filter(source="import:1"), []),
    ],
)
def test_export_has_only_whom_the_page_shows(
    session: Session, now: datetime, wanted: Filter, found: list[str]
) -> None:
    add_subscriber(session, "a@example.org", now)
    add_subscriber(
        session, "b@example.org", now, state=SubscriberState.PENDING, topics=("trainings",)
    )
    add_subscriber(session, "c@example.com", now, language="cs")

    rows = export(session, wanted)

    assert [row[0] for row in rows[1:]] == found


def test_export_is_complete_beyond_one_piece(session: Session, now: datetime) -> None:
    add_people(session, 2001, now)

    rows = export(session)

    assert [row[0] for row in rows[1:]] == [f"reader{n:04}@example.org" for n in range(2001)]


@pytest.mark.parametrize("take", [write_csv, list_people])
def test_export_keeps_no_transaction_open_while_somebody_takes_a_piece(
    database: Engine,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    take: Callable[[Sessions, Filter], Iterator[object]],
) -> None:
    """A pager may stand still for hours, and PostgreSQL ends what idles for a minute."""
    monkeypatch.setattr(subscriber_export, "_CHUNK", 2)
    with open_sessions(database)() as session:
        add_people(session, 3, now)

    reading, pool = open_sessions(database, reads_only=True), database.pool
    assert isinstance(pool, QueuePool)

    in_use = {pool.checkedout() for _ in take(reading, EVERYBODY)}

    assert in_use == {0}


@pytest.mark.parametrize(
    ("address", "cell"),
    [
        ("=cmd|calc@example.org", "'=cmd|calc@example.org"),
        ("+1@example.org", "'+1@example.org"),
        ("-1@example.org", "'-1@example.org"),
        ("@sum@example.org", "'@sum@example.org"),
        ("\tx@example.org", "'\tx@example.org"),
        ("\rx@example.org", "'\rx@example.org"),
        ("a=b@example.org", "a=b@example.org"),
    ],
)
def test_export_defuses_what_a_spreadsheet_would_calculate(
    session: Session, now: datetime, address: str, cell: str
) -> None:
    add_subscriber(session, address, now)

    rows = export(session)

    assert rows[1][0] == cell


def test_export_can_be_imported_again(session: Session, now: datetime) -> None:
    add_subscriber(session, "+anna@example.org", now, language="uk", content_languages=("uk", "cs"))
    add_subscriber(session, "b@example.org", now, state=SubscriberState.UNSUBSCRIBED)
    add_subscriber(session, "c@example.org", now, state=SubscriberState.PENDING)
    session.flush()

    people = read_people(write(session, EVERYBODY))

    assert [(row.email, row.languages, row.topics, row.standing) for row, _ in people.rows] == [
        ("+anna@example.org", ("uk", "cs"), ("events",), Standing.ACTIVE),
        ("b@example.org", ("en",), ("events",), Standing.GONE),
        ("c@example.org", ("en",), ("events",), Standing.UNCONFIRMED),
    ]


def test_export_is_logged_without_what_was_searched_for(session: Session, now: datetime) -> None:
    add_people(session, 3, now)

    wanted = Filter(search="reader", states=("confirmed", "bounced"))
    number = note_export(session, wanted, WHO, now)

    entry = session.scalars(select(AuditEntry)).one()
    assert number == 3
    assert (entry.who, entry.action) == (WHO, "subscribers exported")
    assert entry.detail == {
        "number": 3,
        "search": True,
        "state": "confirmed bounced",
        "language": "",
        "topic": "",
        "source": "",
    }
