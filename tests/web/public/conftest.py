"""A site per test, on SQLite: what differs between databases is tested below the web floor."""

from datetime import datetime

import pytest

from mailer.domain.consent import SubscriberState
from mailer.storage.subscribers import Subscriber
from tests.usecases.readers import add_reader
from tests.web.public.visitor import Site, open_site


@pytest.fixture
def site(sqlite_url: str, now: datetime) -> Site:
    return open_site(sqlite_url, now)


@pytest.fixture
def reader(site: Site) -> Subscriber:
    """anna@example.org, who gets news on events in Czech every week."""
    with site.sessions() as session:
        return add_reader(session, site.now)


@pytest.fixture
def newcomer(site: Site) -> Subscriber:
    """bob@example.org, who signed up and did not confirm yet."""
    with site.sessions() as session:
        return add_reader(session, site.now, SubscriberState.PENDING, "bob@example.org")
