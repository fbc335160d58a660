"""The whole application, on SQLite: what differs between databases is tested below the web."""

from datetime import datetime

import pytest

from tests.web.desk import Desk, open_desk


@pytest.fixture
def desk(sqlite_url: str, now: datetime) -> Desk:
    return open_desk(sqlite_url, now)
