"""F46: a newsletter that was half sent when the service was stopped for a new version."""

from datetime import datetime

import pytest
from alembic import command
from sqlalchemy import Engine

from mailer.providers.memory import MemorySender
from mailer.storage import migrate
from mailer.storage.db import Sessions
from mailer.worker.claims import Pace
from tests.faults.workers import list_readers
from tests.letters import start_letter
from tests.people import add_people
from tests.worker.engines import run_round
from tests.worker.ledger import read_deliveries


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
