"""Real databases for every test that stores anything: a migrated SQLite file copied per test, a
PostgreSQL database cloned per test. `sessions` runs a test on both."""

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.orm import Session

from mailer.storage import migrate
from mailer.storage.db import Sessions, open_engine, open_sessions
from tests.parts import list_missing, list_needs, say_left_out
from tests.postgres import run_postgres

pytest_plugins = ["tests.brokers", "tests.browser", "tests.mailboxes"]

NOW = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
"""Thursday, 9:00 in Prague: the moment at which tests happen unless they say otherwise."""


LEFT_OUT = pytest.StashKey[dict[str, list[str]]]()
"""Missing part → the file of each test that was left out for want of it."""


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LEFT_OUT] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what cannot run here, unless this is CI: there it fails."""
    missing = frozenset() if os.environ.get("CI") else list_missing()
    lacks = {item: list_needs(item) & missing for item in items}
    left_out = [item for item in items if lacks[item]]
    for item in left_out:
        for part in lacks[item]:
            config.stash[LEFT_OUT].setdefault(part, []).append(item.location[0])
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not lacks[item]]
    if hasattr(config, "workeroutput"):
        config.workeroutput["left_out"] = config.stash[LEFT_OUT]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """With `-n`, the workers collect and the controller reports. All of them collect the same."""
    node.config.stash[LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", {})


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    left_out = config.stash[LEFT_OUT]
    for line in say_left_out(left_out):
        terminalreporter.write_line(line, red=True, bold=True)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "mailer.db"
    engine = open_engine(f"sqlite:///{path}")
    migrate.upgrade(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def _postgres_server() -> Iterator[str]:
    with run_postgres() as url:
        yield url


@pytest.fixture(scope="session")
def _postgres_clone(_postgres_server: str) -> Iterator[Callable[[], str]]:
    admin = create_engine(
        _postgres_server.replace("postgresql://", "postgresql+psycopg://"),
        isolation_level="AUTOCOMMIT",
    )
    template = f"template_{uuid4().hex}"
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {template}"))
    engine = open_engine(_at(_postgres_server, template))
    migrate.upgrade(engine)
    engine.dispose()

    def clone() -> str:
        name = f"test_{uuid4().hex}"
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        return _at(_postgres_server, name)

    yield clone
    admin.dispose()


def _at(server: str, database: str) -> str:
    url = make_url(server).set(database=database)
    return url.render_as_string(hide_password=False)


@pytest.fixture
def sqlite_url(tmp_path: Path, _sqlite_template: Path) -> str:
    """A migrated, empty SQLite database of this test's own."""
    path = tmp_path / "mailer.db"
    shutil.copy(_sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(_postgres_clone: Callable[[], str]) -> str:
    """A migrated, empty PostgreSQL database of this test's own."""
    return _postgres_clone()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The test runs once per database."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    engine = open_engine(request.getfixturevalue(name))
    yield engine
    engine.dispose()


@pytest.fixture
def sessions(database: Engine) -> Sessions:
    """Opens transactions on an empty database, once per kind of database."""
    return open_sessions(database)


@pytest.fixture
def session(sessions: Sessions) -> Iterator[Session]:
    """One open transaction, committed at the end of the test."""
    with sessions() as session:
        yield session
