"""Fixtures of the fault matrix: an installation that sends by SMTP, on either database."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.faults import workers
from tests.faults.workers import Install
from tests.service import Installation
from tests.sinks import Sink, smtp_sink


@pytest.fixture
def install_worker(tmp_path: Path) -> Iterator[Install]:
    """Makes an installation that sends by SMTP to a port, from a database at `url`."""
    with ExitStack() as stack:

        def make(url: str, smtp_port: int, **sections: Mapping[str, Any]) -> Installation:
            return stack.enter_context(workers.install_worker(tmp_path, url, smtp_port, **sections))

        yield make


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """A database of the test's own; the test runs once per kind of database."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    return str(request.getfixturevalue(name))


@pytest.fixture
def sink() -> Iterator[Sink]:
    with smtp_sink() as sink:
        yield sink
