"""A link that works once is used by two at once."""

from datetime import datetime

from sqlalchemy.orm import Session

from mailer.storage.db import Sessions
from mailer.storage.redemptions import redeem
from tests.beside import run_beside


def test_only_the_first_of_two_at_once_redeems_a_link(sessions: Sessions, now: datetime) -> None:
    answers: list[bool] = []

    def use(session: Session) -> None:
        answers.append(redeem(session, "jti", "confirm", now))

    waited = run_beside(sessions, use, use)

    assert waited  # to see whether the first one is committed
    assert answers == [True, False]


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
