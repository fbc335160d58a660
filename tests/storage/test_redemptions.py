"""A link that works once is used by two at once."""

import threading
from datetime import datetime

from mailer.storage.db import Sessions
from mailer.storage.redemptions import redeem


def test_only_the_first_of_two_at_once_redeems_a_link(sessions: Sessions, now: datetime) -> None:
    answers: list[bool | Exception] = []

    def redeem_too() -> None:
        try:
            with sessions() as session:
                answers.append(redeem(session, "jti", "confirm", now))
        except Exception as error:  # noqa: BLE001  whatever it is, the test wants to see it
            answers.append(error)

    second = threading.Thread(target=redeem_too, daemon=True)

    with sessions() as session:
        first = redeem(session, "jti", "confirm", now)
        second.start()
        second.join(0.5)
        assert second.is_alive()  # it waits to see whether the first one is committed
    second.join(10)

    assert (first, answers) == (True, [False])


def test_link_that_was_not_redeemed_after_all_can_be_redeemed(
    sessions: Sessions, now: datetime
) -> None:
    with sessions() as session:
        redeem(session, "jti", "confirm", now)
        session.rollback()

    with sessions() as session:
        assert redeem(session, "jti", "confirm", now)
        assert redeem(session, "other", "confirm", now)
        assert not redeem(session, "jti", "confirm", now)
