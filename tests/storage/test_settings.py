"""Settings are written by several processes."""

from datetime import datetime, timedelta

from mailer.storage.db import Sessions
from mailer.storage.settings import find_setting, save_setting
from tests.beside import run_beside


def test_two_processes_may_be_the_first_to_write_a_setting(
    sessions: Sessions, now: datetime
) -> None:
    waited = run_beside(
        sessions,
        lambda session: save_setting(session, "key", "first", now),
        lambda session: save_setting(session, "key", "second", now + timedelta(seconds=1)),
    )

    assert waited  # to see whether the first one is committed
    with sessions() as session:
        assert find_setting(session, "key") == "second"
