"""What is due, counted as far as somebody wants to know."""

from datetime import datetime, timedelta

import pytest

from mailer.domain.delivery import DeliveryState, Priority
from mailer.domain.newsletter import NewsletterState
from mailer.storage.backlog import Backlog, count_due
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import get_newsletter
from tests.letters import start_letter
from tests.people import add_people

ALL = 1000


@pytest.fixture
def newsletters(sessions: Sessions, now: datetime) -> list[int]:
    """Two of them, six readers each."""
    with sessions() as session:
        add_people(session, 6, now)
    return [start_letter(sessions, now) for _ in range(2)]


def change(sessions: Sessions, newsletter: int, number: int, **values: object) -> None:
    """The first mails of that newsletter become something else."""
    with sessions() as session:
        mails = session.query(Delivery).filter_by(newsletter_id=newsletter)
        for mail in mails.order_by(Delivery.id).limit(number):
            for name, value in values.items():
                setattr(mail, name, value)


def count(sessions: Sessions, now: datetime, most: int = ALL) -> Backlog:
    with sessions() as session:
        return count_due(session, now, most)


def test_backlog_of_nothing_is_empty(sessions: Sessions, now: datetime) -> None:
    assert count(sessions, now) == Backlog(0, {None: 0})


def test_backlog_names_each_newsletter(
    sessions: Sessions, newsletters: list[int], now: datetime
) -> None:
    first, second = newsletters

    assert count(sessions, now) == Backlog(0, {first: 6, second: 6, None: 0})


@pytest.mark.parametrize(
    ("values", "due"),
    [
        ({"state": DeliveryState.QUEUED}, 6),
        ({"state": DeliveryState.DEFERRED}, 6),
        ({"state": DeliveryState.CLAIMED}, 4),
        ({"state": DeliveryState.HANDING_OFF}, 4),
        ({"state": DeliveryState.ACCEPTED}, 4),
        ({"state": DeliveryState.UNKNOWN}, 4),
    ],
)
def test_backlog_is_what_nobody_has_claimed(
    sessions: Sessions,
    newsletters: list[int],
    now: datetime,
    values: dict[str, object],
    due: int,
) -> None:
    first, second = newsletters
    change(sessions, first, 2, **values)

    assert count(sessions, now) == Backlog(0, {first: due, second: 6, None: 0})


def test_backlog_leaves_out_what_is_put_off(
    sessions: Sessions, newsletters: list[int], now: datetime
) -> None:
    first, second = newsletters
    change(sessions, first, 2, next_at=now + timedelta(seconds=1))

    assert count(sessions, now) == Backlog(0, {first: 4, second: 6, None: 0})


def test_backlog_leaves_out_a_newsletter_that_is_paused(
    sessions: Sessions, newsletters: list[int], now: datetime
) -> None:
    first, second = newsletters
    with sessions() as session:
        get_newsletter(session, first).state = NewsletterState.PAUSED

    assert count(sessions, now) == Backlog(0, {second: 6, None: 0})


def test_backlog_tells_what_people_wait_for_from_what_goes_in_bulk(
    sessions: Sessions, newsletters: list[int], now: datetime
) -> None:
    first, second = newsletters
    change(sessions, first, 2, newsletter_id=None, priority=Priority.WAITED_FOR)
    change(sessions, first, 3, newsletter_id=None, priority=Priority.IN_BULK)

    assert count(sessions, now) == Backlog(2, {first: 1, second: 6, None: 3})


def test_backlog_is_counted_no_further_than_asked(
    sessions: Sessions, newsletters: list[int], now: datetime
) -> None:
    first, second = newsletters

    assert count(sessions, now, most=4) == Backlog(0, {first: 4, None: 0})
    assert count(sessions, now, most=8) == Backlog(0, {first: 6, second: 2, None: 0})
