"""One sending process per SQLite file; PostgreSQL sorts several out by itself."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from mailer.domain.errors import Refused
from mailer.worker.lock import hold_sender_lock


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path / 'mailer.db'}")
    yield engine
    engine.dispose()


def test_lock_on_sqlite_proves_that_nobody_else_sends(engine: Engine) -> None:
    with hold_sender_lock(engine) as sole_sender:
        held = sole_sender

    assert held is True


def test_lock_refuses_a_second_sender_and_names_the_first(engine: Engine) -> None:
    with hold_sender_lock(engine), pytest.raises(Refused) as refused, hold_sender_lock(engine):
        pytest.fail("two senders on one file")

    assert str(refused.value) == (
        f"Another sender (process {os.getpid()}) works on this database. "
        "Stop it first, or use PostgreSQL to run several."
    )


def test_lock_is_free_again_when_its_holder_is_done(engine: Engine) -> None:
    with hold_sender_lock(engine):
        pass

    with hold_sender_lock(engine) as sole_sender:
        again = sole_sender

    assert again is True


def test_lock_of_one_database_does_not_keep_others_waiting(engine: Engine, tmp_path: Path) -> None:
    other = create_engine(f"sqlite:///{tmp_path / 'other.db'}")

    with hold_sender_lock(engine), hold_sender_lock(other) as sole_sender:
        both = sole_sender

    assert both is True


@pytest.mark.parametrize(
    ("url", "sole_sender"),
    [("sqlite://", True), ("postgresql+psycopg://nobody@127.0.0.1:1/nothing", False)],
)
def test_lock_needs_no_file_where_there_is_none(url: str, sole_sender: bool) -> None:
    with hold_sender_lock(create_engine(url)) as held:
        known = held

    assert known is sole_sender
