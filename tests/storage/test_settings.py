"""Settings are written by several processes."""

import threading
from datetime import datetime, timedelta

from mailer.storage.db import Sessions
from mailer.storage.settings import find_setting, save_setting


def test_two_processes_may_be_the_first_to_write_a_setting(
    sessions: Sessions, now: datetime
) -> None:
    failures: list[Exception] = []

    def save_too() -> None:
        try:
            with sessions() as session:
                save_setting(session, "key", "second", now + timedelta(seconds=1))
        except Exception as error:  # noqa: BLE001  whatever it is, the test wants to see it
            failures.append(error)

    second = threading.Thread(target=save_too, daemon=True)

    with sessions() as session:
        save_setting(session, "key", "first", now)
        second.start()
        second.join(0.5)
        assert second.is_alive()  # it waits to see whether the first one is committed
    second.join(10)

    assert failures == []
    with sessions() as session:
        assert find_setting(session, "key") == "second"
