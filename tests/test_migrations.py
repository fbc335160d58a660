"""Tables and migrations say the same, on both databases."""

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, MetaData, column, insert, inspect, table, text

from mailer.storage import migrate
from mailer.storage.db import open_engine
from mailer.storage.tables import metadata

AT = "2026-11-26 08:00:00.000000"


def make_mail(number: int, subscriber_id: int, state: str, **values: Any) -> dict[str, Any]:
    """A mail as the first release wrote it."""
    return {
        "id": number,
        "newsletter_id": 1,
        "subscriber_id": subscriber_id,
        "kind": "newsletter",
        "language": "en",
        "address": f"{'abc'[number - 1]}@example.org",
        "address_key": "",
        "priority": 0,
        "state": state,
        "reason": "",
        "generation": 0,
        "lease_owner": "",
        "attempts": 0,
        "is_repeat": False,
        "next_at": AT,
        "expires_at": AT,
        "template": "",
        "provider": "",
        "provider_message_id": "",
        "last_code": 0,
        "last_text": "",
        "created_at": AT,
        "changed_at": AT,
    } | values


def make_subscriber(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "public_id": f"{number:032}",
        "address": f"{number}@example.org",
        "address_key": str(number),
        "state": "confirmed",
        "language": "en",
        "content_languages": " en ",
        "topics": "",
        "cadence": "weekly",
        "source": "form",
        "created_at": AT,
    }


NEWSLETTER = {
    "id": 1,
    "slug": "n",
    "kind": "letter",
    "state": "preparing",
    "title": "",
    "topics": "",
    "snapshot": "",
    "content_hash": "",
    "tested_hash": "",
    "reason": "",
    "created_by": "",
    "approved_by": "",
    "created_at": AT,
    "changed_at": AT,
    "started_at": AT,
}
ATTEMPT = {"delivery_id": 2, "at": AT, "outcome": "retry", "phase": "", "code": 450, "text": ""}

RELEASED: tuple[tuple[str, dict[str, Any]], ...] = (
    *(("subscriber", make_subscriber(number)) for number in (5, 6, 7)),
    ("newsletter", NEWSLETTER),
    ("delivery", make_mail(1, 5, "queued")),
    ("delivery", make_mail(2, 6, "expired")),
    ("delivery", make_mail(3, 7, "skipped", next_at=None)),
    ("attempt", ATTEMPT),
)


def test_migrations_make_the_tables_the_code_knows(database: Engine) -> None:
    with database.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        differences = compare_metadata(context, metadata)

    assert differences == []


def test_upgrade_is_safe_to_repeat(database: Engine) -> None:
    before = inspect(database).get_table_names()

    migrate.upgrade(database)

    assert inspect(database).get_table_names() == before
    assert migrate.is_at_head(database)


def test_an_empty_database_is_not_at_head(tmp_path: object) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/empty.db")

    at_head = migrate.is_at_head(engine)

    engine.dispose()
    assert not at_head


@pytest.fixture
def released(database: Engine) -> Engine:
    """A database as the first release left it: an audience half written, and one mail that was
    deferred once before it expired."""
    with database.begin() as connection:
        everything = MetaData()
        everything.reflect(connection)
        everything.drop_all(connection)
    migrate.upgrade(database, "0001")
    with database.begin() as connection:
        for name, values in RELEASED:
            connection.execute(insert(table(name, *map(column, values))), values)
    return database


def test_upgrade_keeps_every_row_of_the_ledger(released: Engine) -> None:
    migrate.upgrade(released)

    with released.connect() as connection:
        mails = connection.execute(
            text("SELECT id, state, address, next_at IS NULL FROM delivery ORDER BY id")
        ).all()
        attempts = connection.execute(text("SELECT delivery_id, outcome FROM attempt")).all()
    assert mails == [
        (1, "queued", "a@example.org", False),
        (2, "expired", "b@example.org", True),
        (3, "skipped", "c@example.org", True),
    ]
    assert attempts == [(2, "retry")]


def test_upgrade_goes_on_with_an_audience_that_is_half_written(released: Engine) -> None:
    migrate.upgrade(released)

    with released.connect() as connection:
        query = text("SELECT prepared_to, prepared_count FROM newsletter")
        assert connection.execute(query).all() == [(7, 2)]


def test_sqlite_forgets_nothing_it_acknowledged(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    with engine.connect() as connection:
        modes = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    engine.dispose()

    assert modes == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
