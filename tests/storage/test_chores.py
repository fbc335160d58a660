"""What waits for a person, counted."""

from datetime import datetime

import pytest
from sqlalchemy.orm import Session

from mailer.domain.content import Status, Visibility
from mailer.domain.when import When
from mailer.storage.chores import count_undated_events
from mailer.usecases import events
from tests.usecases.edits import ANNA, EVENING, event_edit


@pytest.mark.parametrize(
    ("whens", "number"),
    [
        pytest.param((When.unknown("in May, perhaps"),), 1, id="no date"),
        pytest.param((When.month(2027, 5),), 0, id="some time in May"),
        pytest.param((EVENING,), 0, id="a date"),
        pytest.param((EVENING, When.unknown()), 0, id="one of two sessions"),
    ],
)
def test_an_event_without_any_date_waits(
    session: Session, now: datetime, whens: tuple[When, ...], number: int
) -> None:
    events.create(session, event_edit("Meetup", *whens), who=ANNA, now=now)

    assert count_undated_events(session) == number


def test_what_is_off_waits_for_nobody(session: Session, now: datetime) -> None:
    edit = event_edit("Meetup", When.unknown())
    cancelled, withdrawn = (events.create(session, edit, who=ANNA, now=now) for _ in range(2))
    cancelled.status = Status.CANCELLED
    withdrawn.visibility = Visibility.WITHDRAWN
    session.flush()

    assert count_undated_events(session) == 0
