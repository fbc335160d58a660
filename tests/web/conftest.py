"""The whole application, on SQLite: what differs between databases is tested below the web."""

import shutil
from datetime import datetime
from pathlib import Path

import pytest

from tests.conftest import NOW
from tests.web.desk import Desk, open_desk
from tests.web.world import World, build_world


@pytest.fixture
def desk(sqlite_url: str, now: datetime) -> Desk:
    return open_desk(sqlite_url, now)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path) -> World:
    """A service in full use. One for all tests: they look at it and leave it as it is."""
    folder = tmp_path_factory.mktemp("world")
    shutil.copy(_sqlite_template, folder / "mailer.db")
    return build_world(f"sqlite:///{folder / 'mailer.db'}", folder / "inbox", NOW)
