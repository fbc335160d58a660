"""F32 to F34: a machine that was off, a clock that steps, an hour that comes twice or not at all.

F35, tokens made under a clock that was set back, is in `tests/message/test_links.py`.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy import select

from mailer import clock
from mailer.domain.newsletter import NewsletterState
from mailer.message.render import Renderer
from mailer.providers.memory import MemorySender
from mailer.storage.db import Sessions
from mailer.storage.newsletters import Newsletter
from mailer.storage.plans import get_plan
from mailer.usecases import newsletters
from mailer.usecases.setup import set_up
from mailer.worker.timetable import Jobs
from tests.letters import BASE_URL, GRACE, WHO, add_letter, read_newsletter
from tests.people import add_people
from tests.worker.engines import run_round
from tests.worker.ledger import read_deliveries


def tick(sessions: Sessions, moments: Iterable[datetime]) -> None:
    """The clock shows these, one after the other, and each time everything due is done."""
    for moment in moments:
        jobs = Jobs(sessions, Renderer(BASE_URL), clock.fixed(moment), GRACE)
        jobs.make_issues()
        jobs.move_newsletters()
        jobs.sort_out_mail()


def steps(first: datetime, last: datetime, minutes: int) -> list[datetime]:
    count = (last - first) // timedelta(minutes=minutes)
    return [first + timedelta(minutes=minutes * number) for number in range(count + 1)]


def schedule_letter(sessions: Sessions, at: datetime, now: datetime) -> int:
    with sessions() as session:
        add_people(session, 3, now)
        letter = add_letter(session, now)
        newsletters.approve(session, letter, at, WHO, now, grace=GRACE)
        return letter.id


@pytest.mark.parametrize(
    ("late", "state", "copies"),
    [
        (timedelta(), NewsletterState.SENT, 3),
        (timedelta(minutes=40), NewsletterState.SENT, 3),
        (timedelta(hours=72), NewsletterState.SENT, 3),
        (timedelta(hours=73), NewsletterState.MISSED, 0),
    ],
)
def test_newsletter_of_an_hour_slept_through_leaves_once_or_says_that_it_did_not(
    sessions: Sessions, now: datetime, late: timedelta, state: NewsletterState, copies: int
) -> None:
    """F32: down at nine, up again later. It goes out once; too late, it asks a person."""
    nine = now + timedelta(hours=1)
    newsletter_id = schedule_letter(sessions, nine, now)
    sender = MemorySender()

    for seconds in (0, 1, 2):
        moment = nine + late + timedelta(seconds=seconds)
        tick(sessions, [moment])
        run_round(sessions, sender, moment)

    newsletter = read_newsletter(sessions, newsletter_id)
    assert newsletter.state == state
    assert bool(newsletter.reason) == (state == NewsletterState.MISSED)
    assert len(sender.accepted) == copies


def test_clock_that_steps_back_an_hour_sends_nothing_twice(
    sessions: Sessions, now: datetime
) -> None:
    """F33: two ticks within a second, then the hour of the sending comes once more."""
    nine = now + timedelta(hours=1)
    schedule_letter(sessions, nine, now)
    sender = MemorySender()
    second, hour = timedelta(seconds=1), timedelta(hours=1)

    for moment in (nine, nine, nine + second, nine - hour, nine, nine + second):
        tick(sessions, [moment])
        run_round(sessions, sender, moment)

    assert sorted(mail.recipient for mail in sender.accepted) == [
        f"reader{i:04}@example.org" for i in range(3)
    ]
    assert {row.state.value for row in read_deliveries(sessions)} == {"accepted"}


def test_clock_that_steps_back_an_hour_makes_one_issue(sessions: Sessions, now: datetime) -> None:
    """F33: one newsletter per plan and period, whatever the clock does around its draft."""
    with sessions() as session:
        set_up(session, None, now)
    due = now + timedelta(days=7, hours=-17)
    second, hour = timedelta(seconds=1), timedelta(hours=1)

    tick(sessions, [due, due, due + second, due - hour, due - second, due, due + second])

    assert list_periods(sessions) == ["2026-12-03", "2026-12-03"]


def list_periods(sessions: Sessions) -> list[str | None]:
    with sessions() as session:
        return list(session.scalars(select(Newsletter.period_key).order_by(Newsletter.id)))


@pytest.mark.parametrize(
    ("sunday", "leaves_at"),
    [
        # The clock goes from two to three: half past two is at half past three.
        (datetime(2027, 3, 28, tzinfo=UTC), datetime(2027, 3, 28, 1, 30, tzinfo=UTC)),
        # It goes back from three to two: half past two is the first of the two.
        (datetime(2027, 10, 31, tzinfo=UTC), datetime(2027, 10, 31, 0, 30, tzinfo=UTC)),
    ],
)
def test_half_past_two_comes_once_in_the_nights_in_which_the_clock_changes(
    sessions: Sessions, sunday: datetime, leaves_at: datetime
) -> None:
    """F34: one issue, at the local time of its plan as `domain/schedule` reads it."""
    with sessions() as session:
        set_up(session, None, sunday - timedelta(days=3))
        monthly, weekly = get_plan(session, "monthly"), get_plan(session, "weekly")
        monthly.is_active = False
        weekly.weekday, weekly.at, weekly.draft_lead_hours = 6, time(2, 30), 1
        weekly.tz = "Europe/Prague"

    tick(sessions, steps(sunday - timedelta(hours=3), sunday + timedelta(hours=6), 10))

    with sessions() as session:
        issues = session.scalars(select(Newsletter)).all()
    assert [(issue.period_key, issue.send_at) for issue in issues] == [
        (f"{sunday:%Y-%m-%d}", leaves_at)
    ]
