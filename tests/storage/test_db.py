"""How a database is opened."""

import stat
from pathlib import Path

from sqlalchemy import text

from mailer.storage.db import open_engine


def test_a_new_sqlite_file_is_for_its_owner_only(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/mailer.db")

    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE one (id INTEGER)")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}

    engine.dispose()
    assert modes == {"mailer.db": 0o600, "mailer.db-shm": 0o600, "mailer.db-wal": 0o600}


def test_the_rights_of_a_file_that_is_there_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mailer.db"
    path.touch()
    path.chmod(0o640)
    engine = open_engine(f"sqlite:///{path}")

    with engine.begin():
        pass

    engine.dispose()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_every_thread_finds_a_connection(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url, pool_size=20)

    connections = [engine.connect() for _ in range(20)]
    for connection in connections:
        connection.close()

    kept = engine.pool.status()
    engine.dispose()
    assert "Pool size: 20  Connections in pool: 20" in kept


def test_postgresql_is_told_to_notice_a_client_that_falls_silent(postgres_url: str) -> None:
    engine = open_engine(postgres_url)
    asked = text(
        "SELECT name FROM pg_settings WHERE source = 'session' AND name ~ '^(tcp|idle)' ORDER BY 1"
    )

    with engine.connect() as connection:
        connection.rollback()
        told = connection.scalars(asked).all()

    engine.dispose()
    assert told == [
        "idle_in_transaction_session_timeout",
        "tcp_keepalives_count",
        "tcp_keepalives_idle",
        "tcp_keepalives_interval",
        "tcp_user_timeout",
    ]
