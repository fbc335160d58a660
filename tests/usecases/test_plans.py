"""Digests that come round: one per plan and occurrence, whoever asks and however often."""

from datetime import datetime, timedelta

from sqlalchemy import select

from mailer.domain.newsletter import NewsletterState
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import Newsletter
from mailer.storage.plans import get_plan
from mailer.usecases.plans import make_due_issues, make_next_issue
from mailer.usecases.setup import set_up
from mailer.usecases.users import NewUser, add_user, ensure_roles
from tests.letters import WHO
from tests.people import add_people

# `now` is Thursday 9:00 in Prague, the moment of sending; the draft is due 17 hours before.
WEEK = timedelta(days=7)
LEAD = timedelta(hours=17)


def set_up_service(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        set_up(session, None, now)
        ensure_roles(session)
        add_user(session, NewUser("anna@example.org", "Anna", "sender"), None, WHO, now)
        add_user(session, NewUser("eva@example.org", "Eva", "editor"), None, WHO, now)
        add_people(session, 2, now)


def make(sessions: Sessions, moment: datetime) -> list[str | None]:
    with sessions() as session:
        return [issue.period_key for issue in make_due_issues(session, moment)]


def test_a_new_plan_catches_up_with_nothing(sessions: Sessions, now: datetime) -> None:
    set_up_service(sessions, now)

    assert make(sessions, now + timedelta(hours=1)) == []


def test_the_draft_is_made_once_at_its_time(sessions: Sessions, now: datetime) -> None:
    set_up_service(sessions, now)
    due = now + WEEK - LEAD

    made = [make(sessions, due - timedelta(minutes=1)), make(sessions, due), make(sessions, due)]

    assert made == [[], ["2026-12-03"], []]


def test_an_outage_is_caught_up_with_once(sessions: Sessions, now: datetime) -> None:
    set_up_service(sessions, now)

    made = [make(sessions, now + 4 * WEEK + timedelta(hours=2)) for _ in range(2)]

    assert made == [["2026-12-24"], []]


def test_those_who_may_send_are_told(sessions: Sessions, now: datetime) -> None:
    set_up_service(sessions, now)

    make(sessions, now + WEEK - LEAD)

    with sessions() as session:
        rows = session.execute(select(Delivery.address, Delivery.template)).all()
    assert rows == [("anna@example.org", "draft_ready")]


def test_an_automatic_plan_schedules_its_issue(sessions: Sessions, now: datetime) -> None:
    set_up_service(sessions, now)
    with sessions() as session:
        get_plan(session, "weekly").is_automatic = True

    make(sessions, now + WEEK - LEAD)

    with sessions() as session:
        issue = session.scalars(select(Newsletter)).one()
    assert (issue.state, issue.send_at) == (NewsletterState.SCHEDULED, now + WEEK)


def test_a_draft_without_approval_is_not_sent(sessions: Sessions, now: datetime) -> None:
    set_up_service(sessions, now)
    make(sessions, now + WEEK - LEAD)

    make(sessions, now + 2 * WEEK)

    with sessions() as session:
        states = session.scalars(select(Newsletter.state)).all()
    assert set(states) == {NewsletterState.DRAFT}


def test_the_next_issue_can_be_made_ahead_of_time(sessions: Sessions, now: datetime) -> None:
    set_up_service(sessions, now)
    with sessions() as session:
        plan = get_plan(session, "weekly")
        first = make_next_issue(session, plan, WHO, now)
        again = make_next_issue(session, plan, WHO, now)
        first.state = NewsletterState.SENT
        following = make_next_issue(session, plan, WHO, now)

        assert again.id == first.id
        assert (first.period_key, following.period_key) == ("2026-12-03", "2026-12-10")
    assert make(sessions, now + WEEK - LEAD) == []
