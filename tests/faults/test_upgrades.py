"""F46: a new version, its tables, and a newsletter that is half sent."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Engine, text

from mailer.providers.memory import MemorySender
from mailer.storage import migrate
from mailer.storage.db import Sessions
from mailer.worker.claims import Pace
from mailer.worker.lock import hold_sender_lock
from tests.faults.workers import (
    Install,
    expect_whole,
    list_readers,
    start_newsletter,
)
from tests.letters import start_letter
from tests.people import add_people
from tests.service import Installation, at_work, run_mailer, wait_until
from tests.sinks import free_port, slow_smtp
from tests.worker.engines import run_round
from tests.worker.ledger import count_repeats, is_sent, read_copies, read_deliveries

READERS = 30


def go_back(database: Engine, revision: str) -> None:
    with database.begin() as connection:
        config = migrate._get_config()
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_newsletter_goes_on_where_it_was_after_a_migration(
    database: Engine, sessions: Sessions, now: datetime, revision: str
) -> None:
    """F46: the tables are those of an older version, then of this one; nobody is lost or twice."""
    with sessions() as session:
        add_people(session, 6, now)
    start_letter(sessions, now)
    sender = MemorySender()

    run_round(sessions, sender, now, Pace(claim_size=3))
    go_back(database, revision)
    migrate.upgrade(database)
    run_round(sessions, sender, now)

    assert sorted(mail.recipient for mail in sender.accepted) == list_readers(6)
    assert {row.state.value for row in read_deliveries(sessions)} == {"accepted"}


def write(worker: Installation, statement: str, **values: str) -> None:
    with worker.parts.database.begin() as connection:
        connection.execute(text(statement), values)


def put_at(worker: Installation, revision: str) -> None:
    """Say that the tables are of that version."""
    write(worker, "UPDATE alembic_version SET version_num = :revision", revision=revision)


def type_command(worker: Installation, *words: str) -> tuple[int, str]:
    """Exit code and last line; a command that does not end by itself is ended."""
    with run_mailer(worker, *words) as process:
        code = process.wait(20)
    return code, worker.said().splitlines()[-1]


BY_CELERY = {"kind": "celery"}


@pytest.mark.parametrize(
    ("words", "kind", "engine"),
    [
        ("worker", "sqlite_url", {}),
        ("worker", "postgres_url", {}),
        ("web", "sqlite_url", {}),
        ("celery", "postgres_url", BY_CELERY),
    ],
)
@pytest.mark.parametrize(
    ("revision", "sentence"), [("0001", migrate.BEHIND), ("9999", migrate.AHEAD)]
)
def test_program_leaves_tables_of_another_version_alone(
    request: pytest.FixtureRequest,
    install_worker: Install,
    words: str,
    kind: str,
    engine: Mapping[str, Any],
    revision: str,
    sentence: str,
) -> None:
    """F46: it says at once what to do, and touches nothing."""
    worker = install_worker(request.getfixturevalue(kind), free_port(), engine=engine)
    put_at(worker, revision)

    answer = type_command(worker, words)

    assert answer == (1, f"Error: {sentence}")


@pytest.mark.parametrize("words", ["run", "migrate"])
def test_tables_of_a_newer_version_are_not_migrated(
    install_worker: Install, sqlite_url: str, words: str
) -> None:
    worker = install_worker(sqlite_url, free_port())
    put_at(worker, "9999")

    answer = type_command(worker, words)

    assert answer == (1, f"Error: {migrate.AHEAD}")


@pytest.mark.parametrize("words", ["run", "migrate"])
def test_tables_are_not_migrated_under_a_sender(
    install_worker: Install, sqlite_url: str, words: str
) -> None:
    """F46: on SQLite its lock tells."""
    worker = install_worker(sqlite_url, free_port())
    go_back(worker.parts.database, "0001")

    with hold_sender_lock(worker.parts.database):
        code, said = type_command(worker, words)

    assert code == 1
    assert "Stop it first" in said
    assert migrate.find_mismatch(worker.parts.database) == migrate.BEHIND


def test_tables_that_need_no_migration_disturb_no_sender(
    install_worker: Install, sqlite_url: str
) -> None:
    worker = install_worker(sqlite_url, free_port())

    with hold_sender_lock(worker.parts.database):
        answer = type_command(worker, "migrate")

    assert answer == (0, "The database is at the newest version.")


def test_worker_stops_when_its_tables_are_migrated_while_it_sends(
    install_worker: Install, postgres_url: str
) -> None:
    """F46: on PostgreSQL nobody is kept from migrating. What is in hand is finished, its answers
    wait in the journal, and the next version goes on: nobody is lost or gets anything twice."""
    with slow_smtp(0.1) as server:
        worker = install_worker(postgres_url, server.port)
        newsletter_id = start_newsletter(worker, READERS)
        with at_work(worker) as process:
            wait_until(lambda: len(server.bodies) >= 5, worker.said)
            write(worker, "ALTER TABLE delivery RENAME last_text TO said")
            put_at(worker, "9999")
            wait_until(lambda: not process.is_alive(), worker.said)
        left = len(server.bodies)
        write(worker, "ALTER TABLE delivery RENAME said TO last_text")
        put_at(worker, migrate._list_revisions()[0])
        server.seconds = 0
        with at_work(worker):
            wait_until(lambda: is_sent(worker.parts.sessions, newsletter_id), worker.said)

    copies = read_copies(server.bodies)
    assert left < READERS
    assert migrate.AHEAD in worker.said()
    assert sorted(copies) == list_readers(READERS)
    assert count_repeats(copies) == 0
    expect_whole(worker, newsletter_id, copies)
