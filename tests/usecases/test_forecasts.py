"""What is foretold about a newsletter: by its pace and the limits, and before it goes."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from mailer.domain.delivery import DeliveryState
from mailer.domain.forecast import Hold
from mailer.domain.newsletter import LONGEST_LIFE, NewsletterState
from mailer.domain.rate import Rate, Unit
from mailer.domain.throttle import Limits
from mailer.domain.urgency import due_from
from mailer.message.render import Renderer
from mailer.sections.mail import Throttle
from mailer.storage import accounts, forecasts, throttles
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import get_newsletter
from mailer.usecases.checks import check_newsletter
from mailer.usecases.forecasts import (
    Outlook,
    get_limits,
    look_ahead,
    look_at_draft,
    note_pace,
)
from tests.letters import BASE_URL, add_letter, start_letter
from tests.people import add_people

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
NO_LIMITS = Limits("smtp")
PER_MINUTE = Limits("smtp", (Rate(5, Unit.MINUTE),))
PER_DAY = Limits("smtp", (Rate(5, Unit.DAY),))
TO_EXAMPLE = Limits("smtp", domains={"example.org": Rate(5, Unit.HOUR)})


def send(sessions: Sessions, now: datetime, readers: int = 0) -> int:
    """A letter that is being sent to so many new readers and to all there were before."""
    with sessions() as session:
        add_people(session, readers, now)
    return start_letter(sessions, now)


def settle(session: Session, newsletter_id: int, number: int) -> None:
    """So many more mails have left."""
    waiting = select(Delivery.id).where(
        Delivery.newsletter_id == newsletter_id, Delivery.state == DeliveryState.QUEUED
    )
    ids = session.scalars(waiting.order_by(Delivery.id).limit(number)).all()
    session.execute(
        update(Delivery)
        .where(Delivery.id.in_(ids))
        .values(state=DeliveryState.ACCEPTED, next_at=None)
    )


def look(session: Session, newsletter_id: int, limits: Limits, now: datetime) -> Outlook:
    newsletter = get_newsletter(session, newsletter_id)
    account = accounts.get_account(session, newsletter)
    return look_ahead(session, newsletter, account, limits, now)


def test_limits_are_those_of_the_configuration() -> None:
    section = Throttle(per_minute=30, warm_up=(50,), domains={"*": "5/second"})

    assert get_limits(section, "brevo") == Limits(
        "brevo", (Rate(30, Unit.MINUTE),), (50,), {"*": Rate(5, Unit.SECOND)}
    )


def test_pace_of_the_last_minutes_tells_the_end(sessions: Sessions, now: datetime) -> None:
    newsletter_id = send(sessions, now, 10)
    with sessions() as session:
        note_pace(session, now)
        settle(session, newsletter_id, 4)

        found = look(session, newsletter_id, NO_LIMITS, now + MINUTE)

    assert found.forecast
    assert (found.forecast.ends_at, found.forecast.hold) == (now + 2.5 * MINUTE, Hold())


def test_nobody_can_tell_before_anything_left(sessions: Sessions, now: datetime) -> None:
    newsletter_id = send(sessions, now, 10)
    with sessions() as session:
        note_pace(session, now)

        found = look(session, newsletter_id, NO_LIMITS, now + MINUTE)

    assert found.forecast is None


def test_limits_tell_the_end_before_anything_left(sessions: Sessions, now: datetime) -> None:
    newsletter_id = send(sessions, now, 12)

    with sessions() as session:
        found = look(session, newsletter_id, PER_MINUTE, now)

    assert found.forecast
    assert found.forecast.ends_at == now + 2 * MINUTE
    assert found.forecast.hold == Hold(Rate(5, Unit.MINUTE))


def test_a_limit_that_is_used_up_is_not_taken_for_slowness(
    sessions: Sessions, now: datetime
) -> None:
    newsletter_id = send(sessions, now, 12)
    with sessions() as session:
        for step in range(7):
            note_pace(session, now + step * MINUTE / 6)
            if step == 2:
                settle(session, newsletter_id, 5)
                throttles.book(session, PER_DAY, dict.fromkeys(range(5), "a@example.org"), now)

        found = look(session, newsletter_id, PER_DAY, now + 2 * MINUTE)

    assert found.forecast
    assert abs(found.forecast.ends_at - (now + 2 * DAY)) < 5 * MINUTE
    assert found.force.opens_at == now + DAY


def test_older_newsletters_go_first(sessions: Sessions, now: datetime) -> None:
    older, newer = send(sessions, now, 10), send(sessions, now)

    with sessions() as session:
        ends = [
            look(session, newsletter_id, PER_MINUTE, now).forecast
            for newsletter_id in (older, newer)
        ]

    assert [end.ends_at if end else None for end in ends] == [now + MINUTE, now + 3 * MINUTE]


def test_a_domain_with_a_limit_tells_the_end(sessions: Sessions, now: datetime) -> None:
    newsletter_id = send(sessions, now, 10)

    with sessions() as session:
        found = look(session, newsletter_id, TO_EXAMPLE, now)

    assert found.forecast
    assert found.forecast.ends_at == now + 63 * MINUTE
    assert found.forecast.hold == Hold(Rate(5, Unit.HOUR), "example.org")


def test_late_are_readers_whose_turn_comes_after_something_is_over(
    sessions: Sessions, now: datetime
) -> None:
    newsletter_id = send(sessions, now, 12)
    with sessions() as session:
        session.execute(update(Delivery).values(next_at=due_from(now + 1.5 * MINUTE, now)))

        late = look(session, newsletter_id, PER_MINUTE, now).late

    assert late == 2


def test_what_outlives_the_newsletter_is_left_over(sessions: Sessions, now: datetime) -> None:
    newsletter_id = send(sessions, now, 30)

    with sessions() as session:
        found = look(session, newsletter_id, PER_DAY, now)

    assert found.forecast
    assert (found.forecast.ends_at, found.forecast.left_over) == (now + LONGEST_LIFE, 5)


def test_nothing_is_foretold_while_it_is_paused_but_the_limits_are_told(
    sessions: Sessions, now: datetime
) -> None:
    newsletter_id = send(sessions, now, 10)
    with sessions() as session:
        get_newsletter(session, newsletter_id).state = NewsletterState.PAUSED

        found = look(session, newsletter_id, PER_MINUTE, now)

    assert found.forecast is None
    assert found.force.rates == (Rate(5, Unit.MINUTE),)


def test_the_day_of_a_warm_up_is_told(sessions: Sessions, now: datetime) -> None:
    limits = Limits("smtp", warm_up=(4, 100))
    newsletter_id = send(sessions, now, 10)
    with sessions() as session:
        throttles.book(session, limits, dict.fromkeys(range(4), "a@example.org"), now - DAY)

        force = look(session, newsletter_id, limits, now).force

    assert (force.day, force.warm_up) == (2, Rate(100, Unit.DAY))


def test_samples_and_domains_are_kept_for_minutes_only(sessions: Sessions, now: datetime) -> None:
    newsletter_id = send(sessions, now, 10)
    with sessions() as session:
        throttles.book(session, TO_EXAMPLE, {1: "a@example.org"}, now)
        for step in range(100):
            note_pace(session, now + step * MINUTE)

        samples = forecasts.list_samples(session, [newsletter_id], now)
        keys = session.scalars(select(throttles.Throttle.key)).all()

    assert len(samples[newsletter_id]) == 6
    assert keys == ["provider smtp"]


@pytest.mark.parametrize(
    ("limits", "ends"),
    [
        pytest.param(NO_LIMITS, None, id="nothing limits"),
        pytest.param(PER_MINUTE, 2 * MINUTE, id="the provider"),
        pytest.param(TO_EXAMPLE, 63 * MINUTE * 7 / 5, id="a domain"),
    ],
)
def test_a_draft_is_foretold_by_the_limits(
    sessions: Sessions, now: datetime, limits: Limits, ends: timedelta | None
) -> None:
    begins_at = now + DAY
    with sessions() as session:
        add_people(session, 12, now)
        draft = add_letter(session, now)
        check = check_newsletter(session, draft, Renderer(BASE_URL), now)

        forecast = look_at_draft(session, draft, check, limits, begins_at).forecast

    assert (forecast.ends_at - begins_at if forecast else None) == ends


def count_queries(session: Session, newsletter_id: int, now: datetime) -> int:
    asked: list[str] = []

    def note(*call: object) -> None:
        asked.append(str(call[2]))

    event.listen(session.get_bind(), "before_cursor_execute", note)
    look(session, newsletter_id, PER_MINUTE, now)
    event.remove(session.get_bind(), "before_cursor_execute", note)
    return len(asked)


def test_the_more_newsletters_are_sent_the_same_number_of_questions(
    sessions: Sessions, now: datetime
) -> None:
    numbers = []
    for _ in range(3):
        newsletter_id = send(sessions, now)
        with sessions() as session:
            numbers.append(count_queries(session, newsletter_id, now))

    assert numbers[1] == numbers[2]
