"""Everything from SQLite to PostgreSQL and back: nothing is lost, changed or numbered anew."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Row, func, null, select

from mailer.domain.errors import Refused
from mailer.storage import migrate
from mailer.storage.copying import copy_all
from mailer.storage.db import Sessions, open_engine, open_sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.tables import metadata
from mailer.usecases import events, letters
from tests.letters import start_letter
from tests.people import add_people, add_subscriber
from tests.usecases.edits import ANNA, EVENING, event_edit


@contextmanager
def open_database(url: str) -> Iterator[Sessions]:
    engine = open_engine(url)
    migrate.upgrade(engine)
    yield open_sessions(engine)
    engine.dispose()


@pytest.fixture
def full(sqlite_url: str, now: datetime) -> Iterator[Sessions]:
    """A newsletter on its way, a mail with a context, an event, and languages of many letters."""
    with open_database(sqlite_url) as sessions:
        with sessions() as session:
            add_people(session, 3, now)
            visitor = add_subscriber(session, "žluťoučký@example.org", now, topics=())
            events.create(session, event_edit("Setkání 🎉", EVENING), who=ANNA, now=now)
            letters.queue(
                session,
                "confirm",
                subscriber=visitor,
                language="cs",
                context={"jti": "abc"},
                now=now,
                lives=timedelta(days=1),
            )
        start_letter(sessions, now, cs="Dobré **zprávy**.")
        yield sessions


@pytest.fixture
def empty(postgres_url: str) -> Iterator[Sessions]:
    with open_database(postgres_url) as sessions:
        yield sessions


def copy(source: Sessions, target: Sessions) -> dict[str, int]:
    with source() as old, target() as new:
        return copy_all(old, new)


def read_all(sessions: Sessions) -> dict[str, list[Row[object]]]:
    with sessions() as session:
        return {
            table.name: list(session.execute(select(table).order_by(*table.primary_key)).all())
            for table in metadata.sorted_tables
        }


def test_copy_is_the_same_there_and_back(full: Sessions, empty: Sessions, tmp_path: Path) -> None:
    before = read_all(full)

    counts = copy(full, empty)
    with open_database(f"sqlite:///{tmp_path / 'back.db'}") as back:
        copy(empty, back)
        after = read_all(back)

    assert read_all(empty) == before == after
    assert counts == {name: len(rows) for name, rows in before.items()}
    assert counts["delivery"] == 5


def test_copy_keeps_empty_contexts_empty(full: Sessions, empty: Sessions) -> None:
    copy(full, empty)

    with empty() as session:
        query = select(func.count()).where(Delivery.context.is_(null()))
        assert session.scalar(query) == 4


def test_copy_goes_on_counting_where_the_numbers_end(
    full: Sessions, empty: Sessions, now: datetime
) -> None:
    copy(full, empty)

    with empty() as session:
        newcomer = add_subscriber(session, "new@example.org", now)
        assert newcomer.id == 5


def test_copy_refuses_a_database_that_is_in_use(
    full: Sessions, empty: Sessions, now: datetime
) -> None:
    with empty() as session:
        add_people(session, 1, now)

    with pytest.raises(Refused, match=r"^There is something in that database already: subscriber"):
        copy(full, empty)
