"""Sessions that keep their connection, on both databases."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from mailer.storage.db import KeptSessions, Sessions
from mailer.storage.settings import find_setting, save_setting


@pytest.fixture
def kept(database: Engine) -> Iterator[KeptSessions]:
    kept = KeptSessions(database)
    yield kept
    kept.close()


def test_connection_is_kept_from_one_transaction_to_the_next(kept, database):
    with kept() as session:
        first = session.connection().connection.driver_connection
    with kept() as session:
        second = session.connection().connection.driver_connection

    assert second is first
    assert database.pool.checkedout() == 1


def test_transaction_is_committed(kept, sessions: Sessions, now):
    with kept() as session:
        save_setting(session, "a", 1, now)

    with sessions() as session:
        assert find_setting(session, "a") == 1


def test_error_rolls_back_and_gives_the_connection_back(kept, sessions, database, now):
    with pytest.raises(SQLAlchemyError):
        save_and_fail(kept, now)

    with sessions() as session:
        assert find_setting(session, "a") is None
    assert database.pool.checkedout() == 0


def save_and_fail(kept: KeptSessions, now: datetime) -> None:
    with kept() as session:
        save_setting(session, "a", 1, now)
        session.execute(text("SELECT nonsense FROM nowhere"))


def test_transaction_after_an_error_works_again(kept, sessions, now):
    with pytest.raises(KeyError), kept():
        raise KeyError("a mistake of ours")

    with kept() as session:
        save_setting(session, "a", 1, now)

    with sessions() as session:
        assert find_setting(session, "a") == 1


def test_closed_sessions_hold_nothing_and_can_be_used_again(kept, database, now):
    with kept() as session:
        save_setting(session, "a", 1, now)

    kept.close()

    assert database.pool.checkedout() == 0
    with kept() as session:
        assert find_setting(session, "a") == 1
