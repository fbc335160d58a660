"""Tables and migrations say the same, on both databases."""

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect

from mailer.storage import migrate
from mailer.storage.db import open_engine
from mailer.storage.tables import metadata


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


def test_sqlite_forgets_nothing_it_acknowledged(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    with engine.connect() as connection:
        modes = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    engine.dispose()

    assert modes == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
