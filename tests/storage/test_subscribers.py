"""Who newsletters go to, as the database is asked it."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.domain.consent import SubscriberState
from mailer.storage.subscribers import Subscriber, is_mailable
from tests.people import add_subscriber

TOMORROW = timedelta(days=1)


@pytest.mark.parametrize("state", SubscriberState)
@pytest.mark.parametrize(
    ("paused_for", "is_over"), [(None, True), (timedelta(), True), (TOMORROW, False)]
)
def test_only_confirmed_people_who_do_not_pause_are_mailed(
    session: Session,
    now: datetime,
    state: SubscriberState,
    paused_for: timedelta | None,
    is_over: bool,
) -> None:
    paused_until = None if paused_for is None else now + paused_for
    add_subscriber(session, "anna@example.org", now, state=state, paused_until=paused_until)

    mailable = session.scalars(select(Subscriber.address).where(is_mailable(now))).all()

    wanted = state is SubscriberState.CONFIRMED and is_over
    assert mailable == ["anna@example.org"] * wanted
